"""Redis: tokens expire by themselves, a Redis that is down is a clear error, and no URL is shown."""

from __future__ import annotations

import asyncio
import copy
import pickle
import socket
import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from importlib import import_module
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest

from checkout_async import processes
from checkout_async.auth import AccessToken, RedisTokenStore, token_store
from checkout_async.errors import ConfigurationError, MissingExtra, TokenStoreError, WrongProcess


@pytest.mark.services
async def test_a_token_is_kept_no_longer_than_it_lives(redis_url: str) -> None:
    from redis.asyncio import Redis

    async with Redis.from_url(redis_url) as redis:  # pyright: ignore[reportUnknownMemberType] - untyped **kwargs
        store = RedisTokenStore(redis, prefix="shop:")
        await store.save("key", AccessToken("aaa", time.time() + 60, 3600))
        assert 50_000 < await redis.pttl("shop:token:key") <= 60_000
        await store.save("ended", AccessToken("bbb", time.time() - 1, 3600))
        assert await store.load("ended") is None


@pytest.mark.services
async def test_a_given_client_is_left_open(redis_url: str) -> None:
    from redis.asyncio import Redis

    async with Redis.from_url(  # pyright: ignore[reportUnknownMemberType] - untyped **kwargs
        redis_url, decode_responses=True
    ) as redis:
        async with RedisTokenStore(redis) as store:
            await store.save("key", AccessToken("aaa", time.time() + 60, 3600))
        assert await store.load("key") is not None


@pytest.mark.services
async def test_a_value_that_is_not_a_token_counts_as_none(redis_url: str, caplog: pytest.LogCaptureFixture) -> None:
    from redis.asyncio import Redis

    async with Redis.from_url(redis_url) as redis:  # pyright: ignore[reportUnknownMemberType] - untyped **kwargs
        await redis.set("checkout_async:token:key", b"hush\xff")
        assert await RedisTokenStore(redis).load("key") is None
        await RedisTokenStore(redis).remove("key", "hush")
        assert await redis.get("checkout_async:token:key") == b"hush\xff"
    assert "hush" not in caplog.text


@pytest.mark.parametrize(("left", "kept"), [(0.0015, 1), (0.0005, None), (0.0, None), (-0.5, None)])
async def test_a_token_is_kept_for_whole_milliseconds_if_any_is_left(
    left: float, kept: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(token_store, "time", SimpleNamespace(time=lambda: 1000.0))
    redis = Mock(set=AsyncMock())
    await RedisTokenStore(redis).save("key", AccessToken("aaa", 1000.0 + left, 3600))
    assert [call.kwargs["px"] for call in redis.set.await_args_list] == ([] if kept is None else [kept])


async def test_a_network_that_fails_is_an_error_of_the_store() -> None:
    redis = Mock(get=AsyncMock(side_effect=OSError(113, "No route to host")))
    with pytest.raises(TokenStoreError, match="Redis: OSError") as caught:
        await RedisTokenStore(redis).load("key")
    assert caught.value.__context__ is None


async def test_a_redis_that_is_down_is_an_error_without_the_url() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    async with RedisTokenStore(f"redis://:hush@127.0.0.1:{port}/0") as store:
        with pytest.raises(TokenStoreError, match="Redis: ConnectionError") as caught:
            await store.load("key")
        with pytest.raises(TokenStoreError, match="Redis: ConnectionError"):
            async with store.lock("key"):
                pytest.fail("the lock was acquired")
        assert "hush" not in f"{caught.value!r} {caught.value.__context__!r} {store!r}"


@pytest.mark.parametrize("url", ["", "http://:hush@host", "redis://:hush@host:port"])
def test_what_is_not_a_redis_url_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(ConfigurationError, match="not a Redis URL") as caught:
        RedisTokenStore(url)
    assert "hush" not in f"{caught.value!r} {caught.value.__context__!r}"


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis.asyncio", None)
    with pytest.raises(MissingExtra, match=r"checkout-async\[redis\]"):
        RedisTokenStore("redis://localhost")


@pytest.mark.parametrize("travel", [pickle.dumps, copy.copy, copy.deepcopy])
def test_it_shows_no_password_and_does_not_leave_its_process(travel: Callable[[object], object]) -> None:
    store = RedisTokenStore("redis://:hush@127.0.0.1")
    assert "hush" not in repr(store)
    with pytest.raises(TypeError, match="cannot be pickled; create one in each process"):
        travel(store)


def test_its_connections_are_given_two_seconds() -> None:
    options = RedisTokenStore("redis://127.0.0.1")._redis.connection_pool.connection_kwargs
    assert (options["socket_timeout"], options["socket_connect_timeout"]) == (2.0, 2.0)


async def test_a_cancellation_that_the_library_loses_ends_the_call() -> None:
    async def lose(_key: str) -> None:
        # As asyncio.wait_for does on Python 3.11 if the reply and the cancellation come at once.
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)

    redis: Any = SimpleNamespace(get=lose)
    loading = asyncio.create_task(RedisTokenStore(redis).load("key"))
    await asyncio.sleep(0)
    loading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loading


async def test_a_command_that_fails_is_tried_once_more_and_at_once() -> None:
    connections = 0

    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server, RedisTokenStore(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}") as store:
        with pytest.raises(TokenStoreError, match="Redis: ConnectionError"):
            await store.load("key")
    assert connections == 2


@pytest.mark.parametrize("acquired", [True, False])
async def test_a_lock_is_waited_for_one_second_longer_than_it_lasts(
    acquired: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = RedisTokenStore("redis://127.0.0.1", lock_ttl=3.0)
    lock = Mock(acquire=AsyncMock(return_value=acquired), release=AsyncMock())
    make = Mock(return_value=lock)
    monkeypatch.setattr(store._redis, "lock", make)
    async with store.lock("key") as held:
        assert held is acquired
    make.assert_called_once_with("checkout_async:token:key:lock", timeout=3.0, sleep=0.05, thread_local=False)
    lock.acquire.assert_awaited_once_with(blocking_timeout=4.0)
    assert lock.release.await_count == acquired


@pytest.mark.services
async def test_another_process_can_neither_use_nor_close_it_nor_release_its_locks(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with RedisTokenStore(redis_url) as store, AsyncExitStack() as stack:
        assert await stack.enter_async_context(store.lock("key"))
        redis: Any = store._redis  # not wholly typed, hence Any
        before = await redis.client_id()
        with monkeypatch.context() as child:
            child.setattr(processes, "os", SimpleNamespace(getpid=lambda: -1))
            token = AccessToken("aaa", time.time() + 3600, 3600)
            for call in (store.load("key"), store.save("key", token), store.remove("key", "aaa"), locked(store)):
                with pytest.raises(WrongProcess, match="the RedisTokenStore was first used in another process"):
                    await call
            await stack.aclose()
            await store.aclose()
        assert await redis.client_id() == before
        assert await redis.exists("checkout_async:token:key:lock") == 1


async def locked(store: RedisTokenStore) -> None:
    async with store.lock("key"):
        pytest.fail("the lock was acquired")


@pytest.mark.services
async def test_its_own_connections_end_with_it(redis_url: str) -> None:
    client: Any = import_module("redis.asyncio").Redis.from_url(redis_url)
    given: Any = import_module("redis.asyncio").Redis.from_url(f"{redis_url}?client_name=given")

    async def names() -> set[str]:
        return {each["name"] for each in await client.client_list()}

    async with client, given:
        async with RedisTokenStore(f"{redis_url}?client_name=own") as own, RedisTokenStore(given) as other:
            for store in (own, other):
                await store.load("key")
            assert {"own", "given"} <= await names()
        async with asyncio.timeout(30):
            while "own" in (found := await names()):  # Redis notices the end of a connection in its own time
                await asyncio.sleep(0.01)
        assert "given" in found
