"""Rates shared through a real Redis: one rate for all processes, and no call that fails because Redis does."""

from __future__ import annotations

import asyncio
import logging
import pickle
import sys
import time
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from types import SimpleNamespace
from typing import Any, cast

import anyio
import pytest

from checkout_async import processes
from checkout_async.clock import Clock
from checkout_async.config import Limits
from checkout_async.errors import ConfigurationError, MissingExtra, WrongProcess
from checkout_async.limits import rate_limiter as module
from checkout_async.limits import slots
from checkout_async.limits.limiter import Limiter, Throttle
from checkout_async.limits.rate_limiter import RedisRateLimiter
from tests.commands import PATIENCE

pytestmark = pytest.mark.services

ONE_IN_A_MINUTE = 1 / 60


@contextmanager
def writes_held_up(url: str) -> Generator[None, None, None]:
    """Have Redis not answer commands that write."""
    redis: Any = import_module("redis")  # not wholly typed, hence Any
    with redis.Redis.from_url(url) as client:
        client.execute_command("CLIENT", "PAUSE", "60000", "WRITE")
        try:
            yield
        finally:
            client.execute_command("CLIENT", "UNPAUSE")


@pytest.fixture
async def one(redis_url: str) -> AsyncIterator[RedisRateLimiter]:
    async with RedisRateLimiter(redis_url, "vkuhvk4v") as rates:
        yield rates


@pytest.fixture
async def other(redis_url: str) -> AsyncIterator[RedisRateLimiter]:
    async with RedisRateLimiter(redis_url, "vkuhvk4v") as rates:
        yield rates


# One rate for all


async def test_a_permit_one_client_took_the_other_waits_for(one: RedisRateLimiter, other: RedisRateLimiter) -> None:
    assert await one.acquire("writes", ONE_IN_A_MINUTE) == 0.0
    for rates in (one, other):
        assert 1.0 < await rates.acquire("writes", ONE_IN_A_MINUTE) <= 60.0


@pytest.mark.slow
async def test_after_the_wait_it_returned_a_permit_is_granted(one: RedisRateLimiter, other: RedisRateLimiter) -> None:
    assert await one.acquire("writes", 1.0) == 0.0
    asked = 0
    while wait := await other.acquire("writes", 1.0):
        await asyncio.sleep(wait)
        asked += 1
    assert asked <= 3


async def test_reads_and_writes_and_accounts_are_counted_apart(one: RedisRateLimiter, redis_url: str) -> None:
    assert await one.acquire("writes", ONE_IN_A_MINUTE) == 0.0
    assert await one.acquire("reads", ONE_IN_A_MINUTE) == 0.0
    async with RedisRateLimiter(redis_url, "another") as rates:
        assert await rates.acquire("writes", ONE_IN_A_MINUTE) == 0.0


@pytest.mark.parametrize(
    ("rate", "microseconds"),
    [(100.0, 10_000), (2.9, 344_828), (1.0, 1_000_000), (0.4, 2_500_000), (3000.0, 334), (1e9, 1)],
)
def test_the_interval_between_two_slots_is_never_shorter_than_the_rate_allows(rate: float, microseconds: int) -> None:
    assert slots.interval(rate) == microseconds


async def test_slots_are_evenly_spaced_and_a_process_waits_for_its_own(
    one: RedisRateLimiter, other: RedisRateLimiter
) -> None:
    began = time.monotonic()
    for rates in (one, other, one, other):
        assert await rates.acquire("writes", 20.0) == 0.0
    assert time.monotonic() - began >= 0.15


class Line:
    """Asks Redis for slots as processes do, at one moment by the clock of Redis."""

    def __init__(self, url: str, rate: float) -> None:
        redis: Any = import_module("redis")  # not wholly typed, hence Any
        self._redis = redis.Redis.from_url(url)
        self._rate = rate
        # The script reads the clock of Redis: this one is set by the test.
        self._script = self._redis.register_script(
            slots.TAKE_A_SLOT.replace("redis.call('time')", "{tonumber(ARGV[5]), tonumber(ARGV[6])}")
        )

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        self._redis.close()

    def ask(self, at: float, *, has_place: bool = False) -> tuple[bool, float]:
        """Ask at a time; return whether there is a slot, and after how many seconds it is, or when to ask again."""
        seconds, fraction = divmod(round(at * 1e6), 1_000_000)
        arguments = [slots.interval(self._rate), slots.AHEAD, int(has_place), slots.BURST]
        arguments += [seconds + 1_700_000_000, fraction]
        has_slot, wait = self._script(keys=["slots"], args=arguments)
        return bool(has_slot), wait / 1e6

    def expires(self) -> float:
        """Return after how many seconds Redis forgets what it stored."""
        return float(self._redis.pttl("slots") / 1000)


@pytest.fixture
def line(redis_url: str) -> Generator[Line]:
    with Line(redis_url, 10.0) as asked:
        yield asked


def test_the_next_slots_are_given_out_and_then_places_in_line(line: Line) -> None:
    assert [line.ask(0.0) for _ in range(5)] == [(True, 0.0), (True, 0.1), (True, 0.2), (False, 0.05), (False, 0.15)]


def test_whoever_comes_from_the_line_gets_a_slot_in_order_before_a_newcomer(line: Line) -> None:
    places = [line.ask(0.0) for _ in range(10)]
    waits = [wait for has_slot, wait in places if not has_slot]
    assert len(waits) == 7
    given: list[float] = []
    for wait in waits:
        has_slot, until = line.ask(wait, has_place=True)
        assert has_slot
        assert not line.ask(wait)[0], "a newcomer has to wait behind the line"
        given.append(wait + until)
    assert given == pytest.approx([0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])


def test_if_nobody_in_the_line_comes_back_the_next_slots_go_to_newcomers(line: Line) -> None:
    for _ in range(100):
        line.ask(0.0)
    assert [line.ask(0.25) for _ in range(2)] == [(True, 0.05), (False, 9.5)]
    assert line.ask(0.4) == (True, 0.0)


def test_processes_that_ended_in_the_line_hold_nobody_up(line: Line) -> None:
    for _ in range(400):
        line.ask(0.0)
    assert [line.ask(1.0) for _ in range(4)] == [(True, 0.0), (True, 0.1), (True, 0.2), (False, 0.05)]


def test_no_slot_is_given_out_for_more_than_a_second_ahead(line: Line) -> None:
    given = [line.ask(0.0, has_place=True) for _ in range(30)]
    assert [until for has_slot, until in given if has_slot] == pytest.approx([number / 10 for number in range(11)])


def test_of_the_slots_that_nobody_took_a_twentieth_of_a_second_is_left(redis_url: str) -> None:
    with Line(redis_url, 100.0) as line:
        line.ask(0.0)
        assert [line.ask(60.0) for _ in range(7)] == [(True, 0.0)] * 5 + [(True, 0.01), (True, 0.02)]
        assert line.ask(60.045) == (True, 0.0), "asked late, and the next one is not later for that"
        assert line.ask(60.045) == (True, 0.0)
        assert line.ask(60.045) == (True, 0.005)


def test_an_idle_time_saves_no_slots_at_a_low_rate(line: Line) -> None:
    line.ask(0.0)
    assert [line.ask(60.0) for _ in range(2)] == [(True, 0.0), (True, 0.1)]


def test_if_the_clock_of_redis_is_set_back_nobody_waits_for_it(line: Line) -> None:
    for _ in range(20):
        line.ask(7200.0)
    has_slot, wait = line.ask(0.0)
    assert (has_slot, wait) == (True, 0.0)
    has_slot, wait = line.ask(0.2)
    assert has_slot or wait <= 60.0


def test_if_the_clock_of_redis_is_set_back_the_line_begins_anew(line: Line) -> None:
    for _ in range(20):
        line.ask(7200.0)
    assert [line.ask(0.0) for _ in range(5)] == [(True, 0.0), (True, 0.1), (True, 0.2), (False, 0.05), (False, 0.15)]


def test_a_rate_that_nobody_has_stated_for_a_minute_no_longer_counts(redis_url: str) -> None:
    with Line(redis_url, 50.0) as fast, Line(redis_url, 0.5) as slow:
        fast.ask(0.0)
        assert [slow.ask(at) for at in (0.1, 30.0, 59.0)] == [(True, 0.0)] * 3
        assert fast.ask(59.5) == (True, 0.0)
        assert [slow.ask(at) for at in (119.0, 119.1, 120.0)] == [(True, 0.0), (True, 0.0), (False, 0.82)]
        assert fast.ask(120.1) == (True, 0.0), "its own rate counts from its first request"


def test_the_line_becomes_shorter_when_a_higher_rate_is_stated(redis_url: str) -> None:
    with Line(redis_url, 50.0) as fast, Line(redis_url, 0.5) as slow:
        assert [slow.ask(0.0)[1] for _ in range(4)] == [0.0, 1.75, 3.75, 5.75]
        waits = [wait for has_slot, wait in (fast.ask(0.0) for _ in range(20)) if not has_slot]
        assert min(waits) >= 0.025
        assert max(waits) < 0.25


def test_redis_keeps_what_is_needed_and_no_longer(line: Line) -> None:
    line.ask(0.0)
    assert 59 < line.expires() <= 60.1
    for _ in range(100):
        line.ask(0.0)
    assert 69 < line.expires() <= 70.1


async def test_a_process_in_line_asks_redis_again_at_its_time_and_not_before(
    one: RedisRateLimiter, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    asked: list[int] = []

    async def place(keys: list[str], args: list[int]) -> tuple[int, int]:
        asked.append(args[2])
        return 0, 2_000_000

    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(one, "_take_a_slot", place)
    assert await one.acquire("writes", 10.0) == 2.0
    now = 1001.5
    assert await one.acquire("writes", 10.0) == 0.5
    assert asked == [0]
    assert await one.acquire("reads", 10.0) == 2.0
    assert asked == [0, 0]
    now = 1002.0
    assert await one.acquire("writes", 10.0) == 2.0
    assert asked == [0, 0, 1]


async def test_each_client_that_shares_a_limiter_has_its_own_place_in_the_line(
    one: RedisRateLimiter, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    async def place_then_slot(keys: list[str], args: list[int]) -> tuple[int, int]:
        asked.append(args[2])
        return args[2], (1 - args[2]) * 50_000  # a slot if it comes from the line

    monkeypatch.setattr(one, "_take_a_slot", place_then_slot)
    clients = [Limiter(Limits(), Clock(), one) for _ in range(3)]
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(client.throttle("POST").acquire() for client in clients))
    assert asked == [0, 0, 0, 1, 1, 1]


async def test_the_slot_of_a_cancelled_request_is_that_of_the_next_one(
    one: RedisRateLimiter, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    asked: list[Any] = []

    async def slot_in_a_minute(keys: list[str], args: list[int]) -> tuple[int, int]:
        asked.append(keys[0])
        return 1, 60_000_000

    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(one, "_take_a_slot", slot_in_a_minute)
    for _ in range(2):
        with anyio.move_on_after(0.01):
            await one.acquire("writes", 10.0)
        now += 29.9995
    with anyio.fail_after(30):
        assert await one.acquire("writes", 10.0) == 0.0
    assert len(asked) == 1
    with anyio.move_on_after(0.01):
        await one.acquire("writes", 10.0)
    now += 61.0
    with anyio.move_on_after(0.01):
        await one.acquire("writes", 10.0)
    assert len(asked) == 3, "a slot that has passed is not used"


async def test_its_keys_in_redis_have_the_prefix(redis_url: str) -> None:
    async with RedisRateLimiter(redis_url, "vkuhvk4v", prefix="shop:") as rates:
        await rates.acquire("writes", 1.0)
        found: list[bytes] = await cast("Any", rates._redis).keys("*")
    assert found
    assert all(name.startswith(b"shop:limits") for name in found)


WORKER = """
import asyncio, sys
from functools import partial
from checkout_async.clock import Clock
from checkout_async.config import Limits
from checkout_async.limits.limiter import Limiter, Throttle
from checkout_async.limits.rate_limiter import RedisRateLimiter

async def work(url, port, rate, number):
    async with RedisRateLimiter(url, "vkuhvk4v") as rates:
        throttle = Throttle(rate, Clock(), partial(rates.acquire, "writes", rate))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await reader.readexactly(2)
        for _ in range(number):
            await throttle.acquire()
            writer.write(b"x")
        writer.close()
        await writer.wait_closed()

asyncio.run(work(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])))
"""


class CountingServer:
    """Lets its clients begin together and notes when each request arrives."""

    def __init__(self, clients: int) -> None:
        self.begin = asyncio.Barrier(clients)
        self.began = 0.0
        self.arrived: list[float] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self.begin.wait()
        self.began = self.began or time.monotonic()
        writer.write(b"go")
        while await reader.read(1):
            self.arrived.append(time.monotonic())
        writer.close()


@pytest.mark.slow
async def test_three_processes_together_stay_below_the_rate_by_the_servers_own_count(redis_url: str) -> None:
    rate, number = 20.0, 25
    counted = CountingServer(3)
    server = await asyncio.start_server(counted, "127.0.0.1", 0)
    async with server:
        port = str(server.sockets[0].getsockname()[1])
        arguments = (redis_url, port, str(rate), str(number))
        workers = [await asyncio.create_subprocess_exec(sys.executable, "-c", WORKER, *arguments) for _ in range(3)]
        assert [await worker.wait() for worker in workers] == [0, 0, 0]
    assert len(counted.arrived) == 3 * number
    # The n-th request of all comes no sooner than (n - 1) / rate. Each process alone would be done in 1.25 s.
    for count, at in enumerate(sorted(counted.arrived), start=1):
        assert count <= rate * (at - counted.began) + 1


@pytest.mark.slow
async def test_two_clients_take_turns_in_one_process_too(one: RedisRateLimiter, other: RedisRateLimiter) -> None:
    rate = 10.0
    throttles = [Throttle(rate, Clock(), partial(rates.acquire, "reads", rate)) for rates in (one, other)]
    began = time.monotonic()
    arrived: list[float] = []

    async def work(throttle: Throttle) -> None:
        for _ in range(13):
            await throttle.acquire()
            arrived.append(time.monotonic() - began)

    await asyncio.gather(*map(work, throttles))
    for count, at in enumerate(arrived, start=1):
        assert count <= rate * at + 1


# What fails


async def test_where_redis_cannot_be_reached_calls_go_on_with_one_warning_and_no_password(
    caplog: pytest.LogCaptureFixture, unused_tcp_port: int
) -> None:
    async with RedisRateLimiter(f"redis://:open-sesame@127.0.0.1:{unused_tcp_port}/0", "vkuhvk4v") as rates:
        assert [await rates.acquire("writes", ONE_IN_A_MINUTE) for _ in range(5)] == [0.0] * 5
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "the rates are not shared with other processes for now: Redis fails (ConnectionError)" in caplog.text
    assert "open-sesame" not in caplog.text


@pytest.mark.slow
async def test_a_redis_that_does_not_answer_is_asked_once_and_then_left_alone_for_a_while() -> None:
    connections = 0

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        async with RedisRateLimiter(f"redis://127.0.0.1:{port}/0", "vkuhvk4v") as rates:
            await rates.acquire("writes", ONE_IN_A_MINUTE)
            tried = connections
            assert [await rates.acquire("writes", ONE_IN_A_MINUTE) for _ in range(20)] == [0.0] * 20
            assert connections == tried


async def test_a_redis_that_does_not_answer_is_given_up_after_the_time_for_one_exchange(
    one: RedisRateLimiter, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def say_nothing(**_arguments: object) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(module, "_TIMEOUT", 0.01)
    monkeypatch.setattr(one, "_take_a_slot", say_nothing)
    async with asyncio.timeout(30):
        assert await one.acquire("writes", ONE_IN_A_MINUTE) == 0.0
    assert "Redis fails (TimeoutError)" in caplog.text


async def test_a_wrong_password_is_logged_without_it(caplog: pytest.LogCaptureFixture, redis_url: str) -> None:
    host = redis_url.rpartition("@")[2]
    async with RedisRateLimiter(f"redis://:open-sesame@{host}", "vkuhvk4v") as rates:
        assert await rates.acquire("writes", ONE_IN_A_MINUTE) == 0.0
    assert "Redis fails (AuthenticationError)" in caplog.text
    assert "open-sesame" not in caplog.text


@pytest.mark.slow
async def test_when_redis_answers_again_the_rate_is_shared_again(
    one: RedisRateLimiter, redis_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_PAUSE_AFTER_FAILURE", 0.0)
    caplog.set_level(logging.INFO, "checkout_async")
    assert await one.acquire("writes", ONE_IN_A_MINUTE) == 0.0
    with writes_held_up(redis_url):
        assert [await one.acquire("writes", ONE_IN_A_MINUTE) for _ in range(2)] == [0.0, 0.0]
    assert await one.acquire("writes", ONE_IN_A_MINUTE) > 1.0
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


async def test_a_redis_that_failed_is_asked_again_after_five_seconds(
    one: RedisRateLimiter, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, asked = 1000.0, 0

    async def refuse(**_arguments: object) -> tuple[int, int]:
        nonlocal asked
        asked += 1
        raise ConnectionError

    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(one, "_take_a_slot", refuse)
    for now, expected in ((1000.0, 1), (1004.9, 1), (1005.0, 2), (1009.9, 2), (1010.0, 3)):  # noqa: B007
        assert await one.acquire("writes", ONE_IN_A_MINUTE) == 0.0
        assert asked == expected


async def test_each_outage_is_logged_once_and_so_is_its_end(
    one: RedisRateLimiter, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def refuse(**_arguments: object) -> tuple[int, int]:
        raise ConnectionError

    monkeypatch.setattr(module, "_PAUSE_AFTER_FAILURE", 0.0)
    caplog.set_level(logging.INFO, "checkout_async")
    for _ in range(2):
        with monkeypatch.context() as outage:
            outage.setattr(one, "_take_a_slot", refuse)
            assert [await one.acquire("writes", 1000.0) for _ in range(2)] == [0.0, 0.0]
        assert [await one.acquire("writes", 1000.0) for _ in range(2)] == [0.0, 0.0]
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"] * 2
    assert caplog.records[1].getMessage() == "the rates are shared through Redis again"


@pytest.mark.parametrize("off", [-3600.0, 3.0])
async def test_a_wrong_clock_of_this_machine_changes_nothing(
    one: RedisRateLimiter, off: float, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert await one.acquire("writes", ONE_IN_A_MINUTE) == 0.0
    genuine = time.time
    monkeypatch.setattr(time, "time", lambda: genuine() + off)
    assert 1.0 < await one.acquire("writes", ONE_IN_A_MINUTE) <= 60.0
    assert not caplog.records


async def test_without_redis_each_process_keeps_its_part_of_the_rate(
    monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    now = 1000.0
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(module, "random", SimpleNamespace(random=lambda: 0.25))
    async with RedisRateLimiter(f"redis://127.0.0.1:{unused_tcp_port}/0", "vkuhvk4v", processes=4) as rates:
        assert await rates.acquire("writes", 2.0) == 0.5, "not all processes at once"
        assert await rates.acquire("reads", 2.0) == 0.5
        now = 1000.5
        assert await rates.acquire("writes", 2.0) == 0.0
        assert await rates.acquire("writes", 2.0) == 2.0
        now = 1002.0
        assert await rates.acquire("writes", 2.0) == 0.5
        now = 1002.5
        assert await rates.acquire("writes", 2.0) == 0.0
        now = 1006.0  # Redis is asked again, and fails again
        assert await rates.acquire("writes", 2.0) == 0.0
        assert await rates.acquire("writes", 2.0) == 2.0


async def test_a_caller_cancelled_at_any_await_leaves_the_connection_usable(
    one: RedisRateLimiter, caplog: pytest.LogCaptureFixture
) -> None:
    for turns in range(40):
        asking = asyncio.create_task(one.acquire("writes", 1000.0))
        for _ in range(turns):
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        assert await one.acquire("reads", 1000.0) == 0.0
    assert not caplog.records


async def test_a_cancellation_that_the_library_loses_ends_the_call(
    one: RedisRateLimiter, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lose(**_arguments: object) -> tuple[int, int]:
        # As asyncio.wait_for does on Python 3.11 if the reply and the cancellation come at once.
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        return 1, 0

    monkeypatch.setattr(one, "_take_a_slot", lose)
    asking = asyncio.create_task(one.acquire("writes", 1.0))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


# Whether Redis can be used at all


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ("?nonexistent=1", "TypeError"),
        ("?encoding=%00", "ValueError"),
        ("?encoding=nonexistent", "LookupError"),
        ("?client_name=two%20words", "ResponseError"),
        ("?username=nobody", "AuthenticationError"),
    ],
)
async def test_a_check_says_that_the_url_has_to_be_corrected(redis_url: str, options: str, kind: str) -> None:
    async with RedisRateLimiter(redis_url + options, "vkuhvk4v") as rates:
        with pytest.raises(ConfigurationError, match=rf"credentials or options in the URL \({kind}\)") as caught:
            await rates.check()
    assert redis_url not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("error", [OSError(113, "No route to host"), TimeoutError()], ids=["OSError", "TimeoutError"])
async def test_a_check_does_not_fail_if_redis_may_be_back_soon(
    one: RedisRateLimiter, error: Exception, unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail() -> None:
        raise error

    await one.check()
    monkeypatch.setattr(one._redis, "time", fail)
    await one.check()
    async with RedisRateLimiter(f"redis://127.0.0.1:{unused_tcp_port}/0", "vkuhvk4v") as unreachable:
        await unreachable.check()


# Whose connections it closes


async def is_connected(redis: Any, name: str) -> bool:
    return name in {each["name"] for each in await redis.client_list()}


async def test_its_own_connections_end_with_it(one: RedisRateLimiter, redis_url: str) -> None:
    async with RedisRateLimiter(f"{redis_url}?client_name=own", "vkuhvk4v") as rates:
        await rates.acquire("writes", 1.0)
        assert await is_connected(one._redis, "own")
    for _ in range(100):  # Redis notices the end of a connection in its own time
        if not await is_connected(one._redis, "own"):
            return
        await asyncio.sleep(0.01)
    pytest.fail("the connection stays open")


async def test_a_client_that_was_given_stays_open(one: RedisRateLimiter, redis_url: str) -> None:
    redis = cast("Any", import_module("redis.asyncio")).Redis.from_url(f"{redis_url}?client_name=given")
    async with redis:
        async with RedisRateLimiter(redis, "vkuhvk4v") as rates:
            await rates.acquire("writes", 1.0)
        assert await is_connected(one._redis, "given")


async def test_another_process_can_neither_use_nor_close_it(
    one: RedisRateLimiter, monkeypatch: pytest.MonkeyPatch
) -> None:
    await one.acquire("writes", 1.0)
    redis: Any = one._redis  # not wholly typed, hence Any
    before = await redis.client_id()
    with monkeypatch.context() as child:
        child.setattr(processes, "os", SimpleNamespace(getpid=lambda: -1))
        for call in (one.acquire("writes", 1.0), one.check()):
            with pytest.raises(WrongProcess, match="the RedisRateLimiter was first used in another process"):
                await call
        await one.aclose()
    assert await redis.client_id() == before


# How it is made


def test_an_exchange_with_redis_takes_at_most_half_a_second() -> None:
    options = RedisRateLimiter("redis://127.0.0.1", "vkuhvk4v")._redis.connection_pool.connection_kwargs
    assert (options["socket_timeout"], options["socket_connect_timeout"]) == (0.5, 0.5)


@pytest.mark.parametrize("url", ["", "http://:open-sesame@127.0.0.1", "127.0.0.1:6379", "redis://:open-sesame@host:x"])
def test_a_url_that_is_not_of_redis_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(ConfigurationError, match="not a Redis URL") as caught:
        RedisRateLimiter(url, "vkuhvk4v")
    assert "open-sesame" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("processes", [0, -1, 1.5, True, "4"])
def test_a_number_of_processes_that_cannot_be_is_refused(processes: Any) -> None:
    with pytest.raises(ConfigurationError, match="processes must be a whole number from 1 on"):
        RedisRateLimiter("redis://127.0.0.1", "vkuhvk4v", processes=processes)


def test_an_empty_account_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="account is empty"):
        RedisRateLimiter("redis://127.0.0.1", "")


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis.asyncio", None)
    with pytest.raises(MissingExtra, match=r"pip install 'checkout-async\[redis\]'"):
        RedisRateLimiter("redis://127.0.0.1", "vkuhvk4v")


def test_it_shows_no_password_and_refuses_to_be_pickled() -> None:
    rates = RedisRateLimiter("redis://:open-sesame@127.0.0.1", "vkuhvk4v")
    assert "open-sesame" not in repr(rates)
    with pytest.raises(TypeError, match="cannot be pickled; create one in each process"):
        pickle.dumps(rates)
