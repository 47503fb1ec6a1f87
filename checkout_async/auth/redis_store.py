"""RedisTokenStore: access tokens shared by processes on many machines (extra `redis`).

A token is kept as it is, in the clear: who can read that Redis can act for the account until the token ends.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Final, NoReturn, Self, TypeVar, cast

from checkout_async.auth.token_store import LEASE, AccessToken, checked_lease, decode_token, encode_token, seconds_left
from checkout_async.errors import TokenStoreError
from checkout_async.redaction import as_secret
from checkout_async.redis_client import connect

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from redis.asyncio.lock import Lock

__all__ = ["RedisTokenStore"]

T = TypeVar("T")

_SOCKET_TIMEOUT: Final = 2.0
_POLL: Final = 0.05

_DELETE_IF_UNCHANGED: Final = """
if redis.call('get', KEYS[1]) == ARGV[1] then
    return redis.call('del', KEYS[1])
end
return 0
"""


class RedisTokenStore:
    """Tokens in Redis, each until it ends, and a lock that lasts `lease` seconds if its holder dies.

    `redis` is a URL, such as `rediss://user:password@host:6379/0`, or a client of `redis.asyncio`. The connections of a
    URL are the store's own: `aclose()` or `async with` closes them. A given client stays its owner's.
    Raises ConfigurationError if the extra `redis` is not installed or the URL is none; its methods raise
    TokenStoreError, which holds neither URL nor token.
    """

    def __init__(self, redis: str | Redis, *, prefix: str = "checkout_async:", lease: float = LEASE) -> None:
        redis = as_secret(redis)
        self._lease = checked_lease(lease)
        self._prefix = prefix
        self._own = isinstance(redis, str)
        self._redis = (
            connect(redis, needed_by="RedisTokenStore", timeout=_SOCKET_TIMEOUT) if isinstance(redis, str) else redis
        )

    def __repr__(self) -> str:
        return f"RedisTokenStore(prefix={self._prefix!r})"

    async def load(self, key: str) -> AccessToken | None:
        """Return the token, or None where there is none or what is there makes no sense."""
        content = await self._content(key)
        return None if content is None else decode_token(content, f"Redis key {self._name(key)}")

    async def save(self, key: str, token: AccessToken) -> None:
        """Keep the token until it ends."""
        left = int(seconds_left(token) * 1000)
        if left > 0:
            await _asked(self._redis.set(self._name(key), encode_token(token), px=left))

    async def remove(self, key: str, value: str) -> None:
        """Delete the token if it still has this value, in one step."""
        content = await self._content(key)
        token = None if content is None else decode_token(content, f"Redis key {self._name(key)}")
        if content is not None and token is not None and token.value == value:
            await _asked(cast("Awaitable[object]", self._redis.eval(_DELETE_IF_UNCHANGED, 1, self._name(key), content)))

    @asynccontextmanager
    async def lock(self, key: str) -> AsyncGenerator[bool]:
        """Wait for all others that use the key, a little longer than a lock lasts."""
        name = f"{self._name(key)}:lock"
        lock = self._redis.lock(name, timeout=self._lease, sleep=_POLL, thread_local=False)
        held = await _asked(lock.acquire(blocking_timeout=self._lease + 1))
        try:
            yield held
        finally:
            if held:
                await _asked(_released(lock))

    async def aclose(self) -> None:
        """Close the store's own connections."""
        if self._own:
            with suppress(TokenStoreError):
                await _asked(self._redis.aclose())

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "RedisTokenStore holds connections and a password and cannot be pickled; make one in each process"
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def _name(self, key: str) -> str:
        return f"{self._prefix}token:{key}"

    async def _content(self, key: str) -> bytes | str | None:
        return await _asked(self._redis.get(self._name(key)))


async def _released(lock: Lock) -> None:
    from redis.exceptions import LockError  # noqa: PLC0415 - an extra

    # A lock that its holder had for too long is another's by now, and not ours to give back.
    with suppress(LockError):
        await lock.release()


async def _asked(answer: Awaitable[T]) -> T:
    from redis.exceptions import RedisError  # noqa: PLC0415 - an extra

    try:
        return await answer
    except (RedisError, OSError) as error:
        kind = type(error).__name__
    # Outside the handler: Redis quotes commands in its errors, and the commands hold tokens.
    raise TokenStoreError(f"Redis: {kind}")
