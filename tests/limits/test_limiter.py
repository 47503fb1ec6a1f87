"""Limits: permits in order at a rate no history exceeds, 429s that slow all calls down, and a budget for retries."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager
from decimal import Decimal
from itertools import pairwise
from typing import Any, cast

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout_async.clock import Clock
from checkout_async.config import Limits
from checkout_async.limits.limiter import Limiter, RetryBudget, Throttle, _Gcra
from checkout_async.limits.rate_limiter import RedisRateLimiter
from tests.transport.virtual_time import VirtualTime, settle

NEAR = 1e-6


class Waiters:
    """Tasks that wait for one permit each, and when each of them got it."""

    def __init__(self, throttle: Throttle, time: VirtualTime) -> None:
        self.throttle = throttle
        self.time = time
        self.granted: list[tuple[int, float]] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.scopes: list[anyio.CancelScope] = []

    def arrive(self, number: int = 1) -> None:
        for _ in range(number):
            self.scopes.append(anyio.CancelScope())
            self.tasks.append(asyncio.create_task(self._wait(len(self.tasks))))

    async def _wait(self, name: int) -> None:
        with self.scopes[name]:
            await self.throttle.acquire()
            self.granted.append((name, self.time.now))

    @property
    def order(self) -> list[int]:
        return [name for name, _ in self.granted]

    @property
    def times(self) -> list[float]:
        return [at for _, at in self.granted]

    async def leave(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


async def permits(throttle: Throttle, time: VirtualTime, *, until: float) -> list[float]:
    """Return the times of the permits that one eager caller gets."""
    got: list[float] = []

    async def take() -> None:
        while True:
            await throttle.acquire()
            got.append(time.now)

    with _running(asyncio.create_task(take())):
        await time.advance(until - time.now)
    return got


@contextmanager
def _running(task: asyncio.Task[None]) -> Generator[None, None, None]:
    try:
        yield
    finally:
        task.cancel()


def assert_within(rate: float, times: list[float]) -> None:
    """In every window of t seconds there are at most rate * t + burst permits."""
    burst = max(1.0, rate * 0.1)
    for first, start in enumerate(times):
        for last in range(first, len(times)):
            assert last - first + 1 <= rate * (times[last] - start) + burst + NEAR


# Permits


async def test_an_idle_throttle_gives_a_tenth_of_a_seconds_worth_at_once_and_at_least_one() -> None:
    time = VirtualTime()
    for rate, burst in ((100.0, 10), (25.0, 2), (10.0, 1), (0.5, 1)):
        throttle = Throttle(rate, time.clock())
        assert [throttle.try_acquire() for _ in range(burst + 1)] == [True] * burst + [False]


async def test_callers_get_their_permits_in_order_of_arrival_one_interval_apart() -> None:
    time = VirtualTime()
    waiters = Waiters(Throttle(4.0, time.clock()), time)
    waiters.arrive(5)
    await time.advance(1.0)
    assert waiters.granted == [(0, 0.0), (1, 0.25), (2, 0.5), (3, 0.75), (4, 1.0)]


async def test_a_wait_that_the_clock_cannot_measure_is_no_busy_loop() -> None:
    """The simulation found it: at t = 64 s, a sleep of 7e-15 s ended at once, and the wait was the same again."""
    slept: list[float] = []
    now = 64.0

    async def sleep(seconds: float) -> None:
        nonlocal now
        slept.append(seconds)
        now += seconds if seconds >= 1e-9 else 0.0
        assert len(slept) < 10

    throttle = Throttle(1.0, Clock(monotonic=lambda: now, sleep=sleep))
    assert throttle.try_acquire()
    now = math.nextafter(65.0, 0.0)
    await throttle.acquire()
    assert len(slept) == 1


async def test_no_caller_overtakes_those_who_wait() -> None:
    time = VirtualTime()
    throttle = Throttle(2.0, time.clock())
    waiters = Waiters(throttle, time)
    waiters.arrive(2)
    await time.advance(0.25)
    time.now = 10.0
    assert not throttle.try_acquire()
    await time.advance(0.5)
    assert waiters.order == [0, 1]
    time.now = 20.0
    assert throttle.try_acquire()


@pytest.mark.costly
@given(
    st.floats(0.1, 200.0),
    st.lists(
        st.tuples(
            st.floats(0, 12), st.sampled_from([0.0, 30.0, 65.0]), st.integers(0, 12), st.booleans() | st.floats(0, 5)
        ),
        max_size=8,
    ),
)
def test_no_history_of_calls_and_429s_exceeds_the_rate(
    rate: float, history: list[tuple[float, float, int, bool | float]]
) -> None:
    """A step: intervals and seconds pass, callers arrive, and the API may say 429 with a pause of so many intervals."""

    async def run() -> list[float]:
        time = VirtualTime()
        throttle = Throttle(rate, time.clock())
        waiters = Waiters(throttle, time)
        at_once: list[float] = []
        for gap, seconds, callers, pause in history:
            await time.advance(gap / rate + seconds)
            waiters.arrive(callers)
            if not isinstance(pause, bool):
                throttle.slow_down(pause / rate)
            elif pause and throttle.try_acquire():
                at_once.append(time.now)
        await time.advance(10 / rate)
        await waiters.leave()
        assert waiters.order == sorted(waiters.order)
        return sorted(waiters.times + at_once)

    assert_within(rate, asyncio.run(run()))


# 429


async def test_after_a_429_no_caller_gets_a_permit_during_the_pause_and_then_half_as_many() -> None:
    time = VirtualTime()
    throttle = Throttle(10.0, time.clock())
    throttle.slow_down(3.0)
    assert not throttle.try_acquire()
    got = await permits(throttle, time, until=3.5)
    assert got == pytest.approx([3.0, 3.2, 3.4], abs=0.01)


async def test_a_429_delays_callers_that_already_wait() -> None:
    time = VirtualTime()
    throttle = Throttle(2.0, time.clock())
    waiters = Waiters(throttle, time)
    waiters.arrive(3)
    await time.advance(0.25)
    throttle.slow_down(4.0)
    await time.advance(10.0)
    assert waiters.times == pytest.approx([0.0, 4.25, 5.25], abs=0.05)


async def test_the_429s_of_requests_already_in_flight_halve_the_rate_only_once() -> None:
    time = VirtualTime()
    throttle = Throttle(40.0, time.clock())
    for _ in range(10):
        throttle.slow_down(1.0)
        time.now += 0.2
    got = await permits(throttle, time, until=4.0)
    assert got[1] - got[0] == pytest.approx(1 / 20)


@pytest.mark.parametrize(("after", "interval"), [(0.99, 1 / 20), (1.0, 1 / 10)])
async def test_429s_up_to_a_second_after_a_pause_do_not_halve_the_rate_again(after: float, interval: float) -> None:
    time = VirtualTime()
    throttle = Throttle(40.0, time.clock())
    throttle.slow_down(1.0)
    time.now = 1.0 + after
    throttle.slow_down(0.0)
    first, second = (await permits(throttle, time, until=time.now + 0.3))[:2]
    assert second - first == pytest.approx(interval, rel=0.1)


async def test_each_later_429_halves_the_rate_again_down_to_one_per_second() -> None:
    time = VirtualTime()
    throttle = Throttle(16.0, time.clock())
    intervals: list[float] = []
    for _ in range(7):
        throttle.slow_down(0.0)
        first, second = (await permits(throttle, time, until=time.now + 2.0))[:2]
        intervals.append(second - first)
    # What it regains between the 429s is why the intervals do not quite double.
    assert intervals[:3] == pytest.approx([1 / 8, 1 / 4, 1 / 2], rel=0.25)
    assert max(intervals) <= 1.0
    assert intervals[-1] > 0.7


async def test_a_rate_below_the_floor_is_not_raised_by_a_429() -> None:
    time = VirtualTime()
    throttle = Throttle(0.25, time.clock())
    throttle.slow_down(1.0)
    assert await permits(throttle, time, until=10.0) == [1.0, 5.0, 9.0]


async def test_calls_try_again_after_a_minute_however_long_the_api_asks_for() -> None:
    time = VirtualTime()
    throttle = Throttle(10.0, time.clock())
    throttle.slow_down(86_400.0)
    assert (await permits(throttle, time, until=61.0))[0] == 60.0


async def test_a_later_429_with_a_shorter_pause_does_not_end_an_earlier_pause() -> None:
    time = VirtualTime()
    throttle = Throttle(10.0, time.clock())
    throttle.slow_down(5.0)
    throttle.slow_down(1.0)
    assert (await permits(throttle, time, until=6.0))[0] == 5.0


@pytest.mark.costly
@given(st.floats(2.0, 10.0), st.lists(st.tuples(st.floats(0, 20), st.floats(0, 5)), min_size=1, max_size=6))
def test_the_rate_never_falls_while_it_recovers_and_is_whole_again_a_minute_after_the_last_pause(
    rate: float, refusals: list[tuple[float, float]]
) -> None:
    async def run() -> tuple[float, list[float]]:
        time = VirtualTime()
        throttle = Throttle(rate, time.clock())
        resumes = 0.0
        for gap, pause in refusals:
            await time.advance(gap)
            throttle.slow_down(pause)
            resumes = max(resumes, time.now + pause)
        return resumes, await permits(throttle, time, until=resumes + 63.0)

    resumes, times = asyncio.run(run())
    intervals = [later - earlier for earlier, later in pairwise(times)]
    assert times[0] >= resumes
    assert all(later <= earlier + NEAR for earlier, later in pairwise(intervals))
    whole = [interval for at, interval in zip(times, intervals, strict=False) if at >= resumes + 60.0]
    assert whole == pytest.approx([1 / rate] * len(whole))
    assert whole


async def test_without_a_limit_everything_goes_at_once_until_a_429() -> None:
    time = VirtualTime()
    throttle = Throttle(None, time.clock())
    assert all(throttle.try_acquire() for _ in range(5000))


async def test_without_a_limit_a_429_leaves_half_of_what_was_sent_in_the_last_second() -> None:
    time = VirtualTime()
    throttle = Throttle(None, time.clock())
    for _ in range(500):
        throttle.try_acquire()
    time.now = 1.0
    for _ in range(80):
        throttle.try_acquire()
        time.now += 0.0125
    # The reply to the last request comes late: what counts is how fast requests were sent.
    time.now += 3.0
    throttle.slow_down(2.0)
    started = time.now + 2.0
    got = await permits(throttle, time, until=started + 0.5)
    assert got[0] == started
    assert got[1] - got[0] == pytest.approx(1 / 40, rel=0.05)


async def test_without_a_limit_a_429_leaves_an_idle_client_one_request_per_second() -> None:
    time = VirtualTime()
    throttle = Throttle(None, time.clock())
    throttle.slow_down(2.0)
    first, second = (await permits(throttle, time, until=3.5))[:2]
    assert (first, second) == pytest.approx((2.0, 3.0))


async def test_without_a_limit_there_is_none_again_after_recovery() -> None:
    time = VirtualTime()
    throttle = Throttle(None, time.clock())
    for _ in range(100):
        throttle.try_acquire()
    throttle.slow_down(1.0)
    await time.advance(5.0)
    assert [throttle.try_acquire() for _ in range(2)] == [True, False]
    await time.advance(60.0)
    assert all(throttle.try_acquire() for _ in range(5000))


# Cancellation


@pytest.mark.parametrize("way", ["task", "scope"])
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 12)), max_size=4))
def test_a_waiter_cancelled_at_any_await_costs_nothing_and_blocks_no_other(
    way: str, cancellations: list[tuple[int, int]]
) -> None:
    """A cancellation: whom, and after how many turns of the event loop; time passes half an interval in four turns."""

    async def run() -> Waiters:
        time = VirtualTime()
        waiters = Waiters(Throttle(1.0, time.clock()), time)
        waiters.arrive(5)
        for turn in range(13):
            for who, _ in (one for one in cancellations if one[1] == turn):
                waiters.tasks[who].cancel() if way == "task" else waiters.scopes[who].cancel()
            await asyncio.sleep(0)
            if turn % 4 == 3:
                await time.advance(0.5)
        await time.advance(6.0)
        assert all(task.done() for task in waiters.tasks)
        return waiters

    waiters = asyncio.run(run())
    assert waiters.order == sorted(waiters.order)
    assert set(range(5)) - set(waiters.order) <= {who for who, _ in cancellations}
    # One permit each second from the first on, as if the cancelled callers had never come.
    assert waiters.times == [float(second) for second in range(len(waiters.times))]


@pytest.mark.parametrize("way", ["task", "scope"])
@pytest.mark.parametrize("who", [0, 1, 2])
async def test_a_waiter_cancelled_while_the_shared_limiter_is_asked_keeps_no_permit_and_no_place(
    way: str, who: int
) -> None:
    for turns in range(30):
        time = VirtualTime()
        answers = iter([0.3, 0.0, 0.2, 0.0, 0.1])

        async def shared(time: VirtualTime = time, answers: Iterator[float] = answers) -> float:
            await time.sleep(0.05)
            return next(answers, 0.0)

        waiters = Waiters(Throttle(1.0, time.clock(), shared), time)
        waiters.arrive(3)
        for _ in range(turns):
            await asyncio.sleep(0)
            await time.advance(0.05)
        waiters.tasks[who].cancel() if way == "task" else waiters.scopes[who].cancel()
        await time.advance(8.0)
        assert all(task.done() for task in waiters.tasks)
        assert waiters.order == sorted(waiters.order)
        assert set(waiters.order) >= {0, 1, 2} - {who}
        assert_within(1.0, waiters.times)
        # The local permit of a cancelled waiter is free at once.
        if len(waiters.times) == 2:
            assert waiters.times[1] - waiters.times[0] < 2.0


# Rates shared with other processes


async def test_a_shared_limiter_is_asked_for_every_permit_until_it_grants_one() -> None:
    time = VirtualTime()
    answers = [0.0, 0.5, 0.25, 0.0]
    throttle = Throttle(100.0, time.clock(), _answering(answers))
    waiters = Waiters(throttle, time)
    waiters.arrive(2)
    assert not throttle.try_acquire()
    await time.advance(1.0)
    assert waiters.granted == [(0, 0.0), (1, 0.75)]
    assert not answers


async def test_with_a_shared_limiter_the_local_rate_holds_too() -> None:
    time = VirtualTime()
    waiters = Waiters(Throttle(2.0, time.clock(), _answering([0.0] * 3)), time)
    waiters.arrive(3)
    await time.advance(2.0)
    assert waiters.times == [0.0, 0.5, 1.0]


async def test_a_429_that_comes_while_the_shared_limiter_is_asked_slows_down_too() -> None:
    time = VirtualTime()
    throttle = Throttle(2.0, time.clock(), _answering([1.0, 0.0]))
    waiters = Waiters(throttle, time)
    waiters.arrive()
    await time.advance(0.5)
    throttle.slow_down(4.0)
    await time.advance(10.0)
    assert waiters.times == [4.5]


async def test_a_shared_limiter_that_raises_lets_the_next_caller_go_on() -> None:
    time = VirtualTime()
    calls = 0

    async def shared() -> float:
        nonlocal calls
        calls += 1
        if calls == 1:
            message = "a limiter of a user"
            raise LookupError(message)
        return 0.0

    throttle = Throttle(2.0, time.clock(), shared)
    with pytest.raises(LookupError):
        await throttle.acquire()
    await throttle.acquire()
    assert time.now == 0.0


def _answering(answers: list[float]) -> Callable[[], Awaitable[float]]:
    async def shared() -> float:
        await asyncio.sleep(0)
        return answers.pop(0)

    return shared


# All limits of a client


class Recording:
    """A shared limiter that grants everything and records what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, float]] = []

    async def acquire(self, kind: str, rate: float) -> float:
        self.asked.append((kind, rate))
        return 0.0

    async def aclose(self) -> None:
        """Nothing to close."""


async def test_get_reads_and_all_else_writes() -> None:
    limiter = Limiter(Limits(read_rate=10.0, write_rate=10.0), VirtualTime().clock())
    assert limiter.throttle("GET").try_acquire()
    assert limiter.throttle("POST").try_acquire()
    assert not limiter.throttle("GET").try_acquire()
    assert not any(limiter.throttle(method).try_acquire() for method in ("PUT", "PATCH", "DELETE", "POST"))


async def test_a_429_slows_reads_and_writes_down_together() -> None:
    time = VirtualTime()
    limiter = Limiter(Limits(read_rate=None, write_rate=50.0), time.clock())
    limiter.slow_down(2.0)
    assert not limiter.throttle("GET").try_acquire()
    assert not limiter.throttle("POST").try_acquire()
    await time.advance(2.0)
    assert limiter.throttle("GET").try_acquire()
    assert limiter.throttle("POST").try_acquire()


async def test_the_shared_limiter_gets_the_kind_and_the_rate_and_is_asked_only_if_there_is_a_rate() -> None:
    shared = Recording()
    limiter = Limiter(Limits(read_rate=None, write_rate=50.0), VirtualTime().clock(), shared)
    assert limiter.throttle("GET").try_acquire()
    await limiter.throttle("POST").acquire()
    assert shared.asked == [("writes", 50.0)]


@pytest.mark.parametrize(("seconds", "is_ignored"), [(1.9, False), (2.1, True)])
async def test_a_shared_limiter_is_given_two_seconds_to_answer(
    seconds: float, is_ignored: bool, caplog: pytest.LogCaptureFixture
) -> None:
    loop = asyncio.get_running_loop()
    real = loop.time

    class Slow(Recording):
        async def acquire(self, kind: str, rate: float) -> float:
            loop.time = lambda: real() + seconds  # type: ignore[method-assign]
            await settle()
            return await super().acquire(kind, rate)

    shared = Slow()
    limiter = Limiter(Limits(write_rate=50.0), VirtualTime().clock(), shared)
    await limiter.throttle("POST").acquire()
    assert len(shared.asked) == (0 if is_ignored else 1)
    ignored = ["the shared rate limiter failed with TimeoutError; this request ignores it"]
    assert caplog.messages == (ignored if is_ignored else [])


@pytest.mark.parametrize("wait", [None, "1", -0.5, float("nan"), Decimal(1)], ids=repr)
async def test_a_shared_limiter_that_returns_no_wait_is_ignored(wait: Any, caplog: pytest.LogCaptureFixture) -> None:
    class Odd(Recording):
        async def acquire(self, kind: str, rate: float) -> float:
            await super().acquire(kind, rate)
            return cast("float", wait)

    shared = Odd()
    await Limiter(Limits(write_rate=50.0), VirtualTime().clock(), shared).throttle("POST").acquire()
    assert len(shared.asked) == 1
    assert caplog.messages == ["the shared rate limiter failed with TypeError; this request ignores it"]


async def test_a_shared_limiter_may_return_whole_seconds(caplog: pytest.LogCaptureFixture) -> None:
    time, answers = VirtualTime(), [2, 0]

    class Whole(Recording):
        async def acquire(self, kind: str, rate: float) -> float:
            return answers.pop(0)

    waiters = Waiters(Limiter(Limits(write_rate=50.0), time.clock(), Whole()).throttle("POST"), time)
    waiters.arrive()
    await time.advance(3.0)
    assert (waiters.granted, answers, caplog.messages) == ([(0, 2.0)], [], [])


async def test_a_limiter_that_extends_the_one_of_redis_is_asked_itself() -> None:
    asked: list[tuple[str, float]] = []

    class Counting(RedisRateLimiter):
        async def acquire(self, kind: str, rate: float) -> float:
            asked.append((kind, rate))
            return 0.0

    pytest.importorskip("redis")
    async with Counting("redis://127.0.0.1:9", "account") as shared:
        await Limiter(Limits(write_rate=50.0), VirtualTime().clock(), shared).throttle("POST").acquire()
    assert asked == [("writes", 50.0)]


def test_without_a_limit_the_permits_of_the_last_second_are_the_rate_that_a_429_halves() -> None:
    rates = _Gcra(math.inf)
    for now in (0.0, 0.5, 0.5, 1.0):
        rates.consume(now)
    rates.slow_down(1.0, 0.0)
    assert rates.rate(1.0) == 3 / 2


def test_a_client_without_a_limit_has_none_again_once_its_rate_has_grown_back() -> None:
    rates = _Gcra(math.inf)
    rates.slow_down(0.0, 0.0)
    assert (rates.rate(0.0), rates.rate(15.0)) == (1.0, 1.5)
    assert rates.rate(30.0) == math.inf


def test_a_limiter_made_outside_an_event_loop_works_inside_one() -> None:
    limiter = Limiter(Limits(concurrency=1, write_rate=1.0), VirtualTime().clock())

    async def use() -> None:
        async with limiter.slots:
            assert limiter.slots.available_tokens == 0
            await limiter.throttle("POST").acquire()

    asyncio.run(use())


# The retry budget


def test_a_client_without_traffic_may_retry_ten_times_and_then_once_a_second() -> None:
    time = VirtualTime()
    budget = RetryBudget(0.2, time.clock())
    assert [budget.try_withdraw() for _ in range(11)] == [True] * 10 + [False]
    time.now += 2.0
    assert [budget.try_withdraw() for _ in range(3)] == [True, True, False]
    time.now += 3600.0
    assert [budget.try_withdraw() for _ in range(11)] == [True] * 10 + [False]


def test_traffic_earns_retries_in_proportion_up_to_a_hundred() -> None:
    budget = RetryBudget(0.25, VirtualTime().clock())
    for _ in range(40):
        budget.deposit()
    assert [budget.try_withdraw() for _ in range(21)] == [True] * 20 + [False]
    for _ in range(10_000):
        budget.deposit()
    assert sum(budget.try_withdraw() for _ in range(1000)) == 100


def test_the_client_has_the_budget_of_its_limits() -> None:
    limited = Limiter(Limits(retry_budget=0.5), VirtualTime().clock())
    assert sum(limited.budget.try_withdraw() for _ in range(20)) == 10
    unlimited = Limiter(Limits(retry_budget=None), VirtualTime().clock())
    assert all(unlimited.budget.try_withdraw() for _ in range(20))


def test_without_a_budget_every_retry_is_allowed() -> None:
    budget = RetryBudget(None, VirtualTime().clock())
    assert all(budget.try_withdraw() for _ in range(1000))


@given(st.floats(0.01, 3.0), st.lists(st.sampled_from(["call", "retry"]) | st.floats(0, 20), max_size=200))
def test_no_history_retries_more_than_the_reserve_the_time_and_the_calls_allow(
    ratio: float, history: list[str | float]
) -> None:
    time = VirtualTime()
    budget = RetryBudget(ratio, time.clock())
    calls = retries = 0
    for event in history:
        if isinstance(event, float):
            time.now += event
        elif event == "call":
            calls += 1
            budget.deposit()
        else:
            retries += budget.try_withdraw()
        assert retries <= 10 + time.now + ratio * calls + NEAR


@given(st.integers(1, 400))
def test_in_a_total_outage_the_requests_are_not_multiplied(calls: int) -> None:
    time = VirtualTime()
    budget = RetryBudget(0.2, time.clock())
    requests = 0
    for _ in range(calls):
        budget.deposit()
        requests += 1
        while budget.try_withdraw():
            requests += 1
    assert requests <= 1.2 * calls + 10
