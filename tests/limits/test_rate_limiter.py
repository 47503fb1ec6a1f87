"""Rates shared through a real Redis: one rate for all processes, and no call that fails because Redis does."""

from __future__ import annotations

import asyncio
import logging
import pickle
import sys
import time
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from types import SimpleNamespace
from typing import Any, cast

import pytest

from checkout_async import processes
from checkout_async.clock import Clock
from checkout_async.errors import ConfigurationError, MissingExtra, WrongProcess
from checkout_async.limits import rate_limiter as module
from checkout_async.limits.limiter import Throttle
from checkout_async.limits.rate_limiter import RedisRateLimiter

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
    ("rate", "permits", "seconds"), [(100.0, 100, 1), (2.9, 2, 1), (1.0, 1, 1), (0.5, 1, 2), (0.4, 1, 3), (0.9, 1, 2)]
)
def test_a_rate_becomes_permits_in_whole_seconds_and_is_never_exceeded(rate: float, permits: int, seconds: int) -> None:
    item = module._window(rate)
    assert (item.amount, item.get_expiry()) == (permits, seconds)
    assert permits / seconds <= rate


async def stop_the_clock_of_redis(rates: RedisRateLimiter, monkeypatch: pytest.MonkeyPatch) -> float:
    """Have Redis always tell the same time, however long its reply takes. Return this time."""
    reply: tuple[int, int] = await cast("Any", rates._redis).time()

    async def time_of_redis() -> tuple[int, int]:
        return reply

    monkeypatch.setattr(rates._redis, "time", time_of_redis)
    return reply[0] + reply[1] / 1e6


@pytest.mark.parametrize(("until_free", "wait"), [(0.6, 0.6), (0.01, 0.125), (-0.5, 0.125)])
async def test_the_wait_is_until_a_permit_is_free_but_at_least_half_of_what_one_takes(
    one: RedisRateLimiter, until_free: float, wait: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_arguments: object) -> bool:
        return False

    async def stats(*_arguments: object) -> SimpleNamespace:
        return SimpleNamespace(reset_time=now + until_free)

    now = await stop_the_clock_of_redis(one, monkeypatch)
    monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: now, monotonic=time.monotonic))
    monkeypatch.setattr(one._window, "hit", refuse)
    monkeypatch.setattr(one._window, "get_window_stats", stats)
    assert await one.acquire("writes", 4.0) == pytest.approx(wait, abs=1e-6)


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
from checkout_async.limits.limiter import Throttle
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
    # The n-th request of all comes no sooner than n / rate less the window of a second that may begin full. Each
    # process alone would be done in 1.25 s.
    for count, at in enumerate(sorted(counted.arrived), start=1):
        assert count <= rate * (int(at - counted.began) + 1)


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
        assert count <= rate * (int(at) + 1)


# What fails


async def test_where_redis_cannot_be_reached_calls_go_on_with_one_warning_and_no_password(
    caplog: pytest.LogCaptureFixture, refusing_port: int
) -> None:
    async with RedisRateLimiter(f"redis://:open-sesame@127.0.0.1:{refusing_port}/0", "vkuhvk4v") as rates:
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

    async def refuse() -> tuple[int, int]:
        nonlocal asked
        asked += 1
        raise ConnectionError

    monkeypatch.setattr(module, "time", SimpleNamespace(time=time.time, monotonic=lambda: now))
    monkeypatch.setattr(one._redis, "time", refuse)
    for now, expected in ((1000.0, 1), (1004.9, 1), (1005.0, 2), (1009.9, 2), (1010.0, 3)):  # noqa: B007
        assert await one.acquire("writes", ONE_IN_A_MINUTE) == 0.0
        assert asked == expected


async def test_each_outage_is_logged_once_and_so_is_its_end(
    one: RedisRateLimiter, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def refuse(*_arguments: object) -> tuple[int, int]:
        raise ConnectionError

    monkeypatch.setattr(module, "_PAUSE_AFTER_FAILURE", 0.0)
    caplog.set_level(logging.INFO, "checkout_async")
    for _ in range(2):
        with monkeypatch.context() as outage:
            outage.setattr(one._window, "hit", refuse)
            assert [await one.acquire("writes", 1000.0) for _ in range(2)] == [0.0, 0.0]
        assert [await one.acquire("writes", 1000.0) for _ in range(2)] == [0.0, 0.0]
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"] * 2
    assert caplog.records[1].getMessage() == "the rates are shared through Redis again"


async def test_the_clocks_are_compared_once_a_minute(one: RedisRateLimiter, monkeypatch: pytest.MonkeyPatch) -> None:
    now, asked = 1000.0, 0
    redis: Any = one._redis  # not wholly typed, hence Any

    async def counting() -> object:
        nonlocal asked
        asked += 1
        return int(now), int(now % 1 * 1e6)

    monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: now, monotonic=lambda: now))
    monkeypatch.setattr(redis, "time", counting)
    for now, expected in ((1000.0, 1), (1059.9, 1), (1060.0, 2)):  # noqa: B007
        await one.acquire("writes", 1000.0)
        assert asked == expected


@pytest.mark.parametrize("off", [-3600.0, 3.0])
async def test_a_clock_that_is_set_between_two_comparisons_is_noticed_at_once(
    one: RedisRateLimiter,
    other: RedisRateLimiter,
    off: float,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    set_by = 0.0
    monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: time.time() + set_by, monotonic=time.monotonic))
    assert await one.acquire("writes", ONE_IN_A_MINUTE) == 0.0
    assert await one.acquire("writes", ONE_IN_A_MINUTE) > 0.0
    set_by = off
    assert await one.acquire("writes", ONE_IN_A_MINUTE) == 0.0, "it does not share the rates now"
    assert "clock differs" in caplog.text
    set_by = 0.0
    assert 0.0 < await other.acquire("writes", ONE_IN_A_MINUTE) <= 60.0


async def test_no_wait_is_longer_than_the_window_if_a_clock_is_set_meanwhile(
    one: RedisRateLimiter, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_by = 0.0
    clock = SimpleNamespace(time=lambda: time.time() + set_by, monotonic=time.monotonic)
    monkeypatch.setattr(module, "time", clock)
    assert await one.acquire("writes", ONE_IN_A_MINUTE) == 0.0
    window: Any = one._window
    read = window.get_window_stats

    async def set_back(*args: Any) -> Any:
        nonlocal set_by
        set_by = -3600.0
        return await read(*args)

    monkeypatch.setattr(window, "get_window_stats", set_back)
    assert 0.0 < await one.acquire("writes", ONE_IN_A_MINUTE) <= 60.0


@pytest.mark.parametrize(
    ("seconds", "microseconds", "shares"),
    [
        (1000, 0, True),
        (999, 750_001, True),
        (999, 750_000, False),
        (999, 250_000, False),
        (1000, 249_999, True),
        (1000, 250_000, False),
        (1000, 750_000, False),
        (1001, 0, False),
    ],
)
async def test_clocks_a_quarter_of_a_second_apart_are_too_far_apart(
    one: RedisRateLimiter,
    seconds: int,
    microseconds: int,
    shares: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def read() -> tuple[int, int]:
        return seconds, microseconds

    monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: 1000.0, monotonic=time.monotonic))
    monkeypatch.setattr(one._redis, "time", read)
    assert await one.acquire("writes", 1000.0) == 0.0
    assert len(caplog.records) == (0 if shares else 1)


async def test_the_way_to_redis_and_back_is_no_difference_of_the_clocks(
    one: RedisRateLimiter, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = 1000.0

    async def read_slowly() -> tuple[int, int]:
        nonlocal now
        now += 0.4
        return 1000, 200_000

    monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: now, monotonic=time.monotonic))
    monkeypatch.setattr(one._redis, "time", read_slowly)
    assert await one.acquire("writes", 1000.0) == 0.0
    assert not caplog.records


@pytest.mark.parametrize("off", [-3.0, 3.0])
async def test_a_machine_whose_clock_is_wrong_does_not_share_and_logs_it(
    one: RedisRateLimiter, off: float, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = await stop_the_clock_of_redis(one, monkeypatch)
    monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: now + off, monotonic=time.monotonic))
    assert [await one.acquire("writes", ONE_IN_A_MINUTE) for _ in range(3)] == [0.0] * 3
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "this machine's clock differs from that of Redis by 3.0 s" in caplog.text


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
    one: RedisRateLimiter, error: Exception, refusing_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail() -> None:
        raise error

    await one.check()
    monkeypatch.setattr(one._redis, "time", fail)
    await one.check()
    async with RedisRateLimiter(f"redis://127.0.0.1:{refusing_port}/0", "vkuhvk4v") as unreachable:
        await unreachable.check()


# Whose connections it closes


async def is_connected(redis: Any, name: str) -> bool:
    return name in {each["name"] for each in await redis.client_list()}


async def test_its_own_connections_end_with_it(one: RedisRateLimiter, redis_url: str) -> None:
    async with RedisRateLimiter(f"{redis_url}?client_name=own", "vkuhvk4v") as rates:
        await rates.acquire("writes", 1.0)
        assert await is_connected(one._redis, "own")
    async with asyncio.timeout(30):
        while await is_connected(one._redis, "own"):  # Redis notices the end of a connection in its own time
            await asyncio.sleep(0.01)


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


def test_an_empty_account_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="account is empty"):
        RedisRateLimiter("redis://127.0.0.1", "")


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "limits.aio.storage", None)
    with pytest.raises(MissingExtra, match=r"pip install 'checkout-async\[redis\]'"):
        RedisRateLimiter("redis://127.0.0.1", "vkuhvk4v")


def test_it_shows_no_password_and_refuses_to_be_pickled() -> None:
    rates = RedisRateLimiter("redis://:open-sesame@127.0.0.1", "vkuhvk4v")
    assert "open-sesame" not in repr(rates)
    with pytest.raises(TypeError, match="cannot be pickled; create one in each process"):
        pickle.dumps(rates)
