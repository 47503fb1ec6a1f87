"""RedisTokenStore: processes on many machines share access tokens (extra `redis`).

Tokens are stored in plain text: anyone who can read that Redis can act for the account until the token expires.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Final, NoReturn, Self, TypeVar, cast

from checkout_async.auth.token_store import (
    LOCK_TTL,
    AccessToken,
    checked_seconds,
    decode_token,
    encode_token,
    seconds_left,
)
from checkout_async.errors import TokenStoreError
from checkout_async.processes import ProcessGuard
from checkout_async.redaction import as_secret, clears_frames
from checkout_async.redis_client import await_reply, connect

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from redis.asyncio.lock import Lock

__all__ = ["RedisTokenStore"]

T = TypeVar("T")

_SOCKET_TIMEOUT: Final = 2.0
_POLL_INTERVAL: Final = 0.05

_DELETE_IF_UNCHANGED: Final = """
if redis.call('get', KEYS[1]) == ARGV[1] then
    return redis.call('del', KEYS[1])
end
return 0
"""


class RedisTokenStore:
    """Tokens in Redis, each until it expires.

    `redis` is a URL, such as `rediss://user:password@host:6379/0`, or a client of `redis.asyncio`. The store owns the
    connections of a URL: close them with `aclose()` or `async with`. It does not close a client that you give it.
    `lock_ttl` is after how many seconds a lock expires if the process that has it died; others wait one second longer.
    Raises ConfigurationError if the extra `redis` is not installed or the URL is not a Redis URL. Its methods raise
    TokenStoreError, which contains neither URL nor token, and WrongProcess in a process that was forked after the store
    was used.
    """

    # Not a __dict__, whose values a serializer writes at any depth: the client of Redis contains a password.
    __slots__ = ("_lock_ttl", "_owns_client", "_prefix", "_process", "_redis")

    @clears_frames
    def __init__(self, redis: str | Redis, *, prefix: str = "checkout_async:", lock_ttl: float = LOCK_TTL) -> None:
        redis = as_secret(redis)
        self._lock_ttl = checked_seconds("lock_ttl", lock_ttl)
        self._prefix = prefix
        self._process = ProcessGuard("the RedisTokenStore")
        self._owns_client = isinstance(redis, str)
        self._redis = (
            connect(redis, needed_by="RedisTokenStore", timeout=_SOCKET_TIMEOUT) if isinstance(redis, str) else redis
        )

    def __repr__(self) -> str:
        return f"RedisTokenStore(prefix={self._prefix!r})"

    async def load(self, key: str) -> AccessToken | None:
        """Return the token, or None if the key does not exist or its value is not a token."""
        content = await self._get(key)
        return None if content is None else decode_token(content, f"Redis key {self._redis_key(key)}")

    async def save(self, key: str, token: AccessToken) -> None:
        """Store the token until it expires."""
        self._process.check()
        left = int(seconds_left(token) * 1000)
        if left > 0:
            await _run(self._redis.set(self._redis_key(key), encode_token(token), px=left))

    @clears_frames
    async def remove(self, key: str, value: str) -> None:
        """Delete the token if it still has this value, in one step."""
        value = as_secret(value)  # a traceback may show the locals
        content = await self._get(key)
        token = None if content is None else decode_token(content, f"Redis key {self._redis_key(key)}")
        if content is not None and token is not None and token.value == value:
            await _run(
                cast("Awaitable[object]", self._redis.eval(_DELETE_IF_UNCHANGED, 1, self._redis_key(key), content))
            )

    @asynccontextmanager
    async def lock(self, key: str) -> AsyncGenerator[bool]:
        """Wait until no other process or task has the lock, for at most one second longer than a lock lasts."""
        self._process.check()
        name = f"{self._redis_key(key)}:lock"
        lock = self._redis.lock(name, timeout=self._lock_ttl, sleep=_POLL_INTERVAL, thread_local=False)
        # The extra second lets a waiter get the lock of a process that died.
        held = await _run(lock.acquire(blocking_timeout=self._lock_ttl + 1))
        try:
            yield held
        finally:
            # In a child that was forked meanwhile, the lock is the parent's.
            if held and not self._process.is_foreign:
                await _run(_release(lock))

    async def aclose(self) -> None:
        """Close the connections that the store opened itself."""
        if self._owns_client and not self._process.is_foreign:
            with suppress(TokenStoreError):
                await _run(self._redis.aclose())

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "RedisTokenStore contains connections and a password and cannot be pickled; create one in each process"
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def _redis_key(self, key: str) -> str:
        return f"{self._prefix}token:{key}"

    async def _get(self, key: str) -> bytes | str | None:
        self._process.check()
        return as_secret(await _run(self._redis.get(self._redis_key(key))))


async def _release(lock: Lock) -> None:
    from redis.exceptions import LockError  # noqa: PLC0415 - an extra

    # LockError: the lock expired, and another process may have it by now.
    with suppress(LockError):
        await lock.release()


async def _run(command: Awaitable[T]) -> T:
    """Await a command of Redis. Raises TokenStoreError for its errors, without their texts."""
    from redis.exceptions import RedisError  # noqa: PLC0415 - an extra

    try:
        return await await_reply(command)
    except (RedisError, OSError) as error:
        kind = type(error).__name__
    # Raised outside the handler: Redis quotes commands in its errors, and the commands contain tokens.
    raise TokenStoreError(f"Redis: {kind}")
