"""What every token store promises, whether it is memory, files or Redis."""

from __future__ import annotations

import asyncio
import pickle
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from checkout_async import processes
from checkout_async.auth import AccessToken, FileTokenStore, MemoryTokenStore, RedisTokenStore, TokenStore
from checkout_async.auth.token_store import decode_token
from checkout_async.errors import ConfigurationError, WrongProcess
from tests.auth.worker import store_at

Make = Callable[[float], Awaitable[TokenStore]]


def token(value: str) -> AccessToken:
    return AccessToken(value, time.time() + 3600, 3600)


@pytest.fixture(params=["memory", "file", pytest.param("redis", marks=pytest.mark.services)])
async def make(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Make]:
    """Make a store of one kind, whose lock is waited for (Redis: expires after) the given seconds."""
    async with AsyncExitStack() as opened:

        async def made(lock_seconds: float) -> TokenStore:
            if request.param == "memory":
                return MemoryTokenStore(lock_timeout=lock_seconds)
            return await opened.enter_async_context(store_at(place, lock_seconds))

        place: str = request.getfixturevalue("redis_url") if request.param == "redis" else str(tmp_path / "tokens")
        yield made


@pytest.fixture
async def store(make: Make) -> TokenStore:
    return await make(30.0)


async def test_what_was_saved_is_loaded(store: TokenStore) -> None:
    saved = token("aaa.bbb")
    await store.save("key", saved)
    assert await store.load("key") == saved


async def test_an_empty_store_gives_nothing(store: TokenStore) -> None:
    assert await store.load("key") is None
    await store.remove("key", "aaa")


async def test_a_later_token_replaces_an_earlier_one(store: TokenStore) -> None:
    await store.save("key", token("old"))
    await store.save("key", token("new"))
    loaded = await store.load("key")
    assert loaded is not None
    assert loaded.value == "new"


async def test_a_store_in_memory_cannot_be_used_by_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryTokenStore()
    await store.save("key", token("aaa"))

    async def enter() -> None:
        async with store.lock("key"):
            pytest.fail("the lock was acquired")

    with monkeypatch.context() as child:
        child.setattr(processes, "os", SimpleNamespace(getpid=lambda: -1))
        for call in (store.load("key"), store.save("key", token("bbb")), store.remove("key", "aaa"), enter()):
            with pytest.raises(WrongProcess, match="the MemoryTokenStore was first used in another process"):
                await call
    kept = await store.load("key")
    assert kept is not None
    assert kept.value == "aaa"


async def test_keys_do_not_share_tokens(store: TokenStore) -> None:
    await store.save("one", token("aaa"))
    assert await store.load("other") is None


async def test_a_token_is_removed_only_while_it_is_still_that_one(store: TokenStore) -> None:
    await store.save("key", token("new"))
    await store.remove("key", "old")
    assert await store.load("key") is not None
    await store.remove("key", "new")
    assert await store.load("key") is None


async def test_one_task_at_a_time_has_the_lock_of_a_key(store: TokenStore) -> None:
    inside = most = 0

    async def visit() -> bool:
        nonlocal inside, most
        async with store.lock("key") as held:
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1
        return held

    assert all(await asyncio.gather(*(visit() for _ in range(5))))
    assert most == 1


async def test_locks_of_different_keys_are_independent(store: TokenStore) -> None:
    async with store.lock("one") as first, store.lock("other") as second:
        assert first
        assert second


async def test_a_lock_is_released_when_its_holder_fails(store: TokenStore) -> None:
    with pytest.raises(ZeroDivisionError):
        async with store.lock("key"):
            raise ZeroDivisionError
    async with store.lock("key") as held:
        assert held


@asynccontextmanager
async def holding(store: TokenStore) -> AsyncGenerator[None]:
    """Hold the lock in another task, which is cancelled in the end."""
    entered = asyncio.Event()

    async def hold() -> None:
        async with store.lock("key"):
            entered.set()
            await asyncio.Event().wait()

    holder = asyncio.create_task(hold())
    await entered.wait()
    try:
        yield
    finally:
        holder.cancel()
        await asyncio.gather(holder, return_exceptions=True)


async def test_a_lock_is_released_when_its_holder_is_cancelled(store: TokenStore) -> None:
    async with holding(store):
        pass
    async with store.lock("key") as held:
        assert held


async def test_a_lock_of_a_holder_who_hangs_is_not_waited_for_for_ever(make: Make) -> None:
    store = await make(0.1)
    async with asyncio.timeout(30), holding(store), store.lock("key") as held:
        # The lock of the holder in Redis ends; the others stay with their holder.
        assert held is isinstance(store, RedisTokenStore)


@pytest.mark.parametrize("value", ["", "aaa bbb", " ", "aaa\n", "aaa\x7f", "aaa\x00", "äaa", "aaa\u00a0"])
def test_a_value_that_does_not_fit_in_a_header_is_not_usable(value: str) -> None:
    assert not token(value).is_usable


@pytest.mark.parametrize(
    ("expires_at", "lifetime"),
    [(4e9, 0.0), (4e9, -1.0), (4e9, float("inf")), (4e9, float("nan")), (float("inf"), 60), (float("nan"), 60)],
)
def test_a_token_without_a_finite_life_is_not_usable(expires_at: float, lifetime: float) -> None:
    assert AccessToken("aaa.bbb", 4e9, 60).is_usable
    assert not AccessToken("aaa.bbb", expires_at, lifetime).is_usable


async def test_a_store_is_not_printed_with_its_tokens(store: TokenStore) -> None:
    await store.save("key", token("hush"))
    assert "hush" not in f"{store!r} {store} {await store.load('key')!r}"


@pytest.mark.parametrize("seconds", [0, -1, float("inf"), float("nan")])
def test_the_time_of_a_lock_is_above_zero_and_finite(seconds: float) -> None:
    for make in (MemoryTokenStore, partial(FileTokenStore, ".")):
        with pytest.raises(ConfigurationError, match="lock_timeout must be a number of seconds above 0"):
            make(lock_timeout=seconds)
    with pytest.raises(ConfigurationError, match="lock_ttl must be a number of seconds above 0"):
        RedisTokenStore("redis://", lock_ttl=seconds)


def test_a_lifetime_below_a_second_is_usable_and_none_is_not() -> None:
    assert AccessToken("t", 1e10, 0.5).is_usable
    assert not AccessToken("t", 1e10, 0.0).is_usable


def test_text_that_cannot_be_encoded_is_no_token() -> None:
    assert decode_token("\ud800", "the store") is None


def test_a_memory_store_is_not_pickled() -> None:
    with pytest.raises(TypeError, match="MemoryTokenStore contains secrets and cannot be pickled"):
        pickle.dumps(MemoryTokenStore())
