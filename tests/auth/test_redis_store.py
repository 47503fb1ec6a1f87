"""Redis: tokens expire by themselves, a Redis that is down is a clear error, and no URL is shown."""

from __future__ import annotations

import socket
import sys
import time

import pytest

from checkout_async.auth import AccessToken, RedisTokenStore
from checkout_async.errors import ConfigurationError, MissingExtra, TokenStoreError


@pytest.mark.services
async def test_a_token_is_kept_no_longer_than_it_lives(redis_url: str) -> None:
    from redis.asyncio import Redis

    async with Redis.from_url(redis_url) as redis:  # pyright: ignore[reportUnknownMemberType] - untyped **kwargs
        store = RedisTokenStore(redis, prefix="shop:")
        await store.save("key", AccessToken("aaa", time.time() + 60, 3600))
        assert 50 < await redis.ttl("shop:token:key") <= 60
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
    assert "hush" not in caplog.text


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
