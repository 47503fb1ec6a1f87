"""The queue for permits keeps the rate and the order, and loses no permit, when callers are cancelled or crash."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any, Final

import pytest

pytest.importorskip("simloom", reason="simloom needs Python 3.12: use `make test-simulation`")

import anyio
import fakeredis

from checkout_async import Limits
from checkout_async.clock import Clock
from checkout_async.limits import RedisRateLimiter
from checkout_async.limits.limiter import Limiter, Throttle
from tests.simulation.systematic.schedules import Steps, every_schedule

RATE: Final = 2.0


def _clock() -> Clock:
    loop = asyncio.get_running_loop()
    return Clock(loop.time, lambda: datetime.now(UTC), anyio.sleep, random.random)


def _check_rate(times: list[float], rate: float) -> None:
    """Check that in any time no more permits were granted than the rate allows, and one more (docs/limits.md)."""
    for first, start in enumerate(times):
        for last in range(first, len(times)):
            assert last - first + 1 <= rate * (times[last] - start) + 1.001, f"faster than the rate: {times}"


async def _queue(steps: Steps, callers: int, pause: float) -> None:
    """Callers queue up, one of them is cancelled at any step, and a 429 may come between any two."""
    loop = asyncio.get_running_loop()
    throttle = Throttle(RATE, _clock())
    granted: list[tuple[int, float]] = []

    async def acquire(number: int) -> None:
        if not throttle.try_acquire():
            await throttle.acquire()
        granted.append((number, loop.time()))

    slowed = steps.choose("429 after", callers + 1)
    apart = (0.1, 0.25)[steps.choose("apart", 2)]  # the third caller comes when the second one's permit is due
    tasks: list[asyncio.Task[None]] = []
    for number in range(callers):
        tasks.append(asyncio.create_task(acquire(number)))
        steps.interrupt(tasks[-1].cancel)
        await asyncio.sleep(apart)
        if slowed == number + 1:
            throttle.slow_down(pause)
    _, pending = await asyncio.wait(tasks, timeout=60)
    assert not pending, "a caller waits without end"
    assert [number for number, _ in granted] == sorted(number for number, _ in granted), "out of order"
    assert len(granted) == callers - sum(task.cancelled() for task in tasks)
    _check_rate([at for _, at in granted], RATE)
    # No permit is lost: the next one comes when the rate allows it, and a cancelled caller took none.
    before = loop.time()
    await throttle.acquire()
    expected = max((at for _, at in granted), default=0.0) + 1 / RATE
    assert loop.time() <= max(before, expected) + 0.001 or slowed


def test_permits_come_in_order_and_at_the_rate_if_a_caller_is_cancelled() -> None:
    async def scenario(steps: Steps) -> None:
        await _queue(steps, 3, 1.0)

    assert every_schedule(scenario, reorderings=1) > 500


async def _share(steps: Steps, crashes: bool) -> None:
    """Two processes share a rate through Redis; one of them crashes, or a caller is cancelled, at any step."""
    loop = asyncio.get_running_loop()
    server = fakeredis.FakeServer()
    granted: dict[int, list[tuple[int, float]]] = defaultdict(list)
    arrived: dict[int, list[int]] = defaultdict(list)
    tasks: dict[int, list[asyncio.Task[None]]] = {}
    limiters: list[RedisRateLimiter] = []

    async def call(process: int, number: int, throttle: Throttle) -> None:
        arrived[process].append(number)
        await throttle.acquire()
        granted[process].append((number, loop.time()))

    def start(process: int) -> None:
        redis: Any = fakeredis.FakeAsyncRedis(server=server)
        limiters.append(RedisRateLimiter(redis, "account"))
        throttle = Limiter(Limits(write_rate=RATE), _clock(), limiters[-1]).throttle("POST")
        tasks[process] = [asyncio.create_task(call(process, number, throttle)) for number in range(2)]

    def crash(process: int) -> None:
        # What a process leaves behind is in Redis, and its connections end: a cancellation leaves the same behind.
        for task in tasks[process]:
            task.cancel()

    start(0)
    start(1)
    if crashes:
        steps.interrupt(lambda: crash(0), lambda: crash(1))
    else:
        steps.interrupt(*(task.cancel for process in tasks for task in tasks[process]))
    everyone = [task for process in tasks.values() for task in process]
    _, pending = await asyncio.wait(everyone, timeout=30)
    assert not pending, "a caller waits without end"
    cancelled = sum(task.cancelled() for task in everyone)
    for process, each in granted.items():
        numbers = [number for number, _ in each]
        assert numbers == [number for number in arrived[process] if number in numbers], "out of order"
    times = sorted(at for each in granted.values() for _, at in each)
    assert len(times) == len(everyone) - cancelled
    for first, start_ in enumerate(times):
        in_window = sum(1 for at in times[first:] if at < start_ + 1 - 0.001)
        assert in_window <= RATE, f"the account got {in_window} permits in a second: {times}"
    # What is lost with a process is lost for a second at most.
    start(2)
    before = loop.time()
    await asyncio.wait(tasks[2], timeout=30)
    assert len(granted[2]) == 2
    assert granted[2][0][1] <= before + 1.6, "a permit was lost for ever"


@pytest.mark.parametrize("crashes", [False, True], ids=["a caller is cancelled", "a process crashes"])
def test_processes_share_a_rate_whatever_happens_to_one(crashes: bool) -> None:
    async def scenario(steps: Steps) -> None:
        await _share(steps, crashes)

    assert every_schedule(scenario) > 80
