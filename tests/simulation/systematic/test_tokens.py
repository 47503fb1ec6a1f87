"""One token for all who need it: within a process by the cache, among processes by the lock of the store."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any, Final

import pytest

pytest.importorskip("simloom", reason="simloom needs Python 3.12: use `make test-simulation`")

import fakeredis

from checkout_async.auth import RedisTokenStore
from checkout_async.auth.shared_token import SharedToken
from checkout_async.auth.token_cache import TokenCache
from checkout_async.auth.token_store import AccessToken
from checkout_async.errors import ConnectFailed
from tests.simulation.systematic.schedules import Steps, every_schedule

LOCK_TTL: Final = 0.5
FETCH: Final = 0.12
"""Seconds that a request for a token takes."""


async def _share_in_a_process(steps: Steps, *, cancels: bool) -> None:
    running = fetches = 0

    async def fetch() -> AccessToken:
        nonlocal running, fetches
        running += 1
        fetches += 1
        assert running == 1, "two fetches at once"
        number = fetches
        await asyncio.sleep(0.1)
        running -= 1
        if steps.choose("fetch fails", 2):
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
    if cancels:
        steps.interrupt(*(task.cancel for task in tasks))
    done, pending = await asyncio.wait(tasks, timeout=10)
    assert not pending, "a caller waits without end"
    for task in done:
        if not task.cancelled():
            task.result()
    await cache.aclose()
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("cancels", [False, True], ids=["in any order", "with a cancellation"])
def test_one_fetch_serves_all_who_wait(cancels: bool) -> None:
    async def scenario(steps: Steps) -> None:
        await _share_in_a_process(steps, cancels=cancels)

    assert every_schedule(scenario, reorderings=0 if cancels else 2) > 100


async def _share_among_processes(steps: Steps) -> None:
    """Two processes need a token. One of them may crash at any step, also while it has the lock."""
    loop = asyncio.get_running_loop()
    server = fakeredis.FakeServer()
    alive = [True, True]
    crashed_at: list[float] = []
    running: set[int] = set()
    fetches = 0
    got: dict[int, tuple[float, str]] = {}
    tasks: list[asyncio.Task[None]] = []

    def start(process: int) -> None:
        async def fetch() -> AccessToken:
            nonlocal fetches
            assert not running, "two fetches at once"
            running.add(process)
            fetches += 1
            await asyncio.sleep(FETCH)
            running.discard(process)
            return AccessToken(f"token-{fetches}", time.time() + 3600, 3600.0)

        redis = _Redis(server, lambda: alive[process])
        store = RedisTokenStore(redis.client, lock_ttl=LOCK_TTL)
        cache = TokenCache(fetch, time.monotonic, SharedToken(store, "key"))

        async def call() -> None:
            got[process] = (loop.time(), await cache.get())

        tasks.append(asyncio.create_task(call()))

    def crash(process: int) -> None:
        # Redis no longer hears from it: it releases no lock and saves no token. Its fetch goes on for nobody.
        alive[process] = False
        running.discard(process)
        crashed_at.append(loop.time())
        tasks[process].cancel()

    start(0)
    start(1)
    steps.interrupt(lambda: crash(0), lambda: crash(1))
    await asyncio.wait(tasks, timeout=30)
    survivors = [process for process in (0, 1) if alive[process]]
    for process in survivors:
        assert process in got, "a process got no token"
    assert loop.time() <= (max(crashed_at, default=0.0) + LOCK_TTL + FETCH + 0.2), "later than the lock allows"
    assert fetches <= 1 + len(crashed_at), "more fetches than processes that crashed"
    assert len({got[process][1] for process in survivors}) == 1, "two tokens"


class _Redis:
    """A client of Redis whose commands go nowhere once its process has crashed."""

    def __init__(self, server: fakeredis.FakeServer, is_alive: Any) -> None:
        make: Any = fakeredis.FakeAsyncRedis
        self.client: Any = make(server=server)
        execute: Any = self.client.execute_command

        async def execute_if_alive(*arguments: Any, **options: Any) -> Any:
            if not is_alive():
                await asyncio.get_running_loop().create_future()
            return await execute(*arguments, **options)

        self.client.execute_command = execute_if_alive


def test_a_process_that_crashes_with_the_lock_does_not_stop_the_others() -> None:
    assert every_schedule(_share_among_processes) > 40
