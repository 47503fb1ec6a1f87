"""Token stores, the shared rate limiter and their children."""

from __future__ import annotations

import asyncio
import gc
import logging
import time
import warnings
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, cast

import pytest

from checkout_async.auth import AccessToken, FileTokenStore, MemoryTokenStore, RedisTokenStore, TokenStore
from checkout_async.limits import RedisRateLimiter
from tests.processes.children import fork, outcome, wait_for

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


def token(value: str = "aaa") -> AccessToken:
    return AccessToken(value, time.time() + 3600, 3600)


async def with_lock(store: TokenStore) -> str:
    async with store.lock("key") as held:
        return str(held)


def outcomes(loop: asyncio.AbstractEventLoop, store: TokenStore) -> str:
    """Return how every method of a store ends."""
    calls = (store.load("key"), store.save("key", token()), store.remove("key", "aaa"), with_lock(store))
    return " ".join(outcome(loop, call) for call in calls)


def test_a_store_in_memory_belongs_to_one_process(loop: asyncio.AbstractEventLoop) -> None:
    store = MemoryTokenStore()
    wait_for(loop, store.save("key", token()))
    assert fork(lambda: outcomes(loop, store)) == ["WrongProcess WrongProcess WrongProcess WrongProcess"] * 2
    assert wait_for(loop, store.load("key")).value == "aaa"


def test_a_store_in_files_works_on_both_sides(loop: asyncio.AbstractEventLoop, tmp_path: Path) -> None:
    store = FileTokenStore(tmp_path)
    wait_for(loop, store.save("key", token()))

    async def use() -> str:
        found = await store.load("key")
        assert found is not None
        return f"{found.value} {await with_lock(store)}"

    assert fork(lambda: asyncio.run(use())) == ["aaa True"] * 2


@pytest.mark.parametrize("way", ["released", "collected"])
def test_a_child_does_not_release_the_lock_of_a_file(loop: asyncio.AbstractEventLoop, tmp_path: Path, way: str) -> None:
    stack = AsyncExitStack()
    assert wait_for(loop, stack.enter_async_context(FileTokenStore(tmp_path).lock("key"))) is True

    def child() -> str:
        # The thread that would release the lock does not exist in the child.
        if way == "released":
            wait_for(loop, stack.aclose())
        else:
            stack.pop_all()
            gc.collect()
        return "done"

    assert fork(child) == ["done"] * 2
    assert asyncio.run(with_lock(FileTokenStore(tmp_path, lock_timeout=0.05))) == "False"
    wait_for(loop, stack.aclose())
    assert asyncio.run(with_lock(FileTokenStore(tmp_path))) == "True"


async def connection_id(holder: Any) -> int:
    """Return the number that Redis gave to the connection of a store or limiter."""
    return cast("int", await holder._redis.client_id())


@pytest.mark.services
@pytest.mark.parametrize("way", ["closed", "collected"])
def test_a_store_in_redis_belongs_to_one_process(redis_url: str, loop: asyncio.AbstractEventLoop, way: str) -> None:
    stores = [RedisTokenStore(redis_url)]
    wait_for(loop, stores[0].save("key", token()))
    before = wait_for(loop, connection_id(stores[0]))

    def child() -> str:
        warnings.simplefilter("ignore", ResourceWarning)
        ended = outcomes(loop, stores[0])
        loop.run_until_complete(give_up(stores, way))
        return ended

    assert fork(child) == ["WrongProcess WrongProcess WrongProcess WrongProcess"] * 2
    assert wait_for(loop, stores[0].load("key")).value == "aaa"
    assert wait_for(loop, connection_id(stores[0])) == before
    wait_for(loop, stores[0].aclose())


@pytest.mark.services
@pytest.mark.parametrize("way", ["closed", "collected"])
def test_a_rate_limiter_in_redis_belongs_to_one_process(
    redis_url: str, loop: asyncio.AbstractEventLoop, way: str
) -> None:
    limiters = [RedisRateLimiter(redis_url, "shop")]
    assert wait_for(loop, limiters[0].acquire("reads", 100)) == 0
    before = wait_for(loop, connection_id(limiters[0]))

    def child() -> str:
        warnings.simplefilter("ignore", ResourceWarning)
        ended = f"{outcome(loop, limiters[0].acquire('reads', 100))} {outcome(loop, limiters[0].check())}"
        loop.run_until_complete(give_up(limiters, way))
        return ended

    assert fork(child) == ["WrongProcess WrongProcess"] * 2
    assert wait_for(loop, limiters[0].acquire("reads", 100)) == 0
    assert wait_for(loop, connection_id(limiters[0])) == before
    wait_for(loop, limiters[0].aclose())


@pytest.mark.services
@pytest.mark.usefixtures("forking")
@pytest.mark.parametrize("kind", ["store", "limiter"])
def test_what_a_child_closes_stays_open_for_the_parent(
    redis_url: str, loop: asyncio.AbstractEventLoop, kind: str
) -> None:
    holder = RedisTokenStore(redis_url) if kind == "store" else RedisRateLimiter(redis_url, "shop")

    async def use() -> str:
        if isinstance(holder, RedisTokenStore):
            return str(await holder.load("key"))
        return str(await holder.acquire("reads", 100))

    first = wait_for(loop, use())
    before = wait_for(loop, connection_id(holder))
    assert fork(lambda: outcome(loop, holder.aclose())) == ["None"] * 2
    assert wait_for(loop, use()) == first
    assert wait_for(loop, connection_id(holder)) == before
    wait_for(loop, holder.aclose())


@pytest.mark.services
def test_a_redis_store_that_was_only_made_works_in_each_child(redis_url: str) -> None:
    store = RedisTokenStore(redis_url)

    async def use() -> str:
        async with store:
            await store.save("key", token())
            found = await store.load("key")
            return "none" if found is None else found.value

    assert fork(lambda: asyncio.run(use())) == ["aaa"] * 2


async def give_up(holders: list[Any], way: str) -> None:
    """Close or collect it, while the loop runs: redis-py closes connections only then."""
    if way == "closed":
        await holders[0].aclose()
    holders.clear()
    gc.collect()
    await asyncio.sleep(0.01)


def test_a_client_says_why_it_goes_on_without_its_store(
    loop: asyncio.AbstractEventLoop, caplog: pytest.LogCaptureFixture
) -> None:
    from checkout_async.auth.shared_token import SharedToken

    store = MemoryTokenStore()
    wait_for(loop, store.save("key", token()))

    def child() -> str:
        async def fetch() -> AccessToken:
            return token("bbb")

        with caplog.at_level(logging.WARNING):
            fetched = wait_for(loop, SharedToken(store, "key").get_or_fetch(fetch, lambda _token: True, None))
        return f"{fetched.value} {caplog.text}"

    (text,) = fork(child, count=1)
    assert text.startswith("bbb ")
    assert "the MemoryTokenStore was first used in another process" in text
