"""Small parts, exhaustively: every order of their steps within two deviations from the usual one, with cancellation
and failure at every step. A test passes only if the whole space within the bound was covered.
"""

from __future__ import annotations

import asyncio
import gc
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import anyio
import pytest

pytest.importorskip("simloom", reason="simloom needs Python 3.12: use `make test-simulation`")

import simloom

from checkout_async.auth.token_cache import TokenCache
from checkout_async.auth.token_store import AccessToken
from checkout_async.clock import Clock
from checkout_async.errors import ConnectFailed
from checkout_async.limits.limiter import Throttle

STEPS = 3
"""A cancellation may come at any of the first steps of a task, or not at all."""


def every_schedule(main: Callable[..., Any], most_deviations: int = 2) -> int:
    """Run every schedule within the bound; return how many there are."""
    gc.freeze()  # each run ends with a collection, which need not look at what was there before
    result = simloom.explore_systematic(main, max_delays=most_deviations, virtual_time=True, world=False)
    gc.unfreeze()
    assert not result.failures, result.failures[0].message
    assert result.exhaustive
    return result.schedules


async def maybe_cancelled(task: asyncio.Task[Any], label: str) -> None:
    """Cancel a task after some steps of the event loop, or not at all."""
    steps = simloom.draw(label, STEPS + 1)
    if steps:
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()


async def test_one_fetch_serves_all_who_wait_whoever_is_cancelled_and_whether_it_fails() -> None:
    assert await asyncio.to_thread(every_schedule, share_a_token) > 1000


async def share_a_token() -> None:
    running = fetches = 0

    async def fetch() -> AccessToken:
        nonlocal running, fetches
        running += 1
        fetches += 1
        assert running == 1, "two fetches at once"
        number = fetches
        await asyncio.sleep(0.1)
        running -= 1
        if simloom.draw("fetch.fails", 2):
            raise ConnectFailed("refused")
        return AccessToken(f"token-{number}", time.time() + 3600, 3600.0)

    cache = TokenCache(fetch, time.monotonic)
    dropped: set[str] = set()

    async def call(number: int) -> None:
        refused = set(dropped)
        with suppress(ConnectFailed):
            token = await cache.get()
            assert token not in refused, "a token that the API had refused before"
            if number == 0:
                dropped.add(token)
                cache.drop(token)
                await call(number + 10)

    tasks = [asyncio.create_task(call(number)) for number in range(2)]
    await asyncio.gather(*(maybe_cancelled(task, f"cancel.{number}") for number, task in enumerate(tasks)))
    done, pending = await asyncio.wait(tasks, timeout=10)
    assert not pending, "a caller waits without end"
    for task in done:
        if not task.cancelled():
            task.result()
    await cache.aclose()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_permits_come_in_order_and_at_the_rate_whoever_is_cancelled() -> None:
    assert await asyncio.to_thread(every_schedule, wait_for_permits) > 100


async def wait_for_permits() -> None:
    loop = asyncio.get_running_loop()
    clock = Clock(monotonic=loop.time, now=lambda: datetime.now(UTC), sleep=anyio.sleep, draw=random.random)
    throttle = Throttle(2.0, clock)
    granted: list[tuple[int, float]] = []

    async def acquire(number: int) -> None:
        if not throttle.try_acquire():
            await throttle.acquire()
        granted.append((number, loop.time()))

    tasks: list[asyncio.Task[None]] = []
    for number in range(3):
        tasks.append(asyncio.create_task(acquire(number)))
        await asyncio.sleep(0.01)
    cancels: list[Awaitable[None]] = [maybe_cancelled(task, f"cancel.{n}") for n, task in enumerate(tasks)]
    await asyncio.gather(*cancels)
    _, pending = await asyncio.wait(tasks, timeout=10)
    assert not pending, "a caller waits without end"
    assert [number for number, _ in granted] == sorted(number for number, _ in granted), "out of order"
    times = [at for _, at in granted]
    assert all(later - earlier > 0.49 for earlier, later in pairwise(times)), "faster than the rate"
