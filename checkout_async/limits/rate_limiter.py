"""Rates shared by processes: the protocol a client asks for each request, and its implementation on Redis.

The extra `redis` brings what RedisRateLimiter needs: the packages `limits` and `redis`, imported when one is made.
"""

from __future__ import annotations

import logging
import math
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, runtime_checkable

from checkout_async.errors import ConfigurationError
from checkout_async.redaction import as_secret
from checkout_async.redis_client import connect

if TYPE_CHECKING:
    from limits import RateLimitItem
    from limits.aio.strategies import MovingWindowRateLimiter
    from redis.asyncio import Redis

__all__ = ["RateLimiter", "RedisRateLimiter"]

_log = logging.getLogger("checkout_async.limits")

_TIMEOUT = 0.5
"""Seconds for one exchange with Redis: everybody who waits for a permit waits for it."""

_PAUSE_AFTER_FAILURE = 5.0
_MOST_CLOCK_DIFFERENCE = 0.25
_CLOCK_GOOD_FOR = 60.0


@runtime_checkable
class RateLimiter(Protocol):
    """A rate limit that several clients keep together. Whoever makes one closes it; a client never does."""

    async def acquire(self, kind: str, rate: float) -> float:
        """Return 0.0 when one more request of this kind may be sent, else the seconds after which to ask again.

        `kind` is `reads` or `writes`, `rate` the permits per second for all. Where the limiter itself fails, it
        grants the request: each client still keeps its own limit.
        """
        ...

    async def aclose(self) -> None:
        """Release connections."""
        ...


class _ClocksDiffer(Exception):
    """The clocks of this machine and of Redis are too far apart to count requests by."""


class RedisRateLimiter:
    """Rates of one account, shared by all processes that use the same Redis, account and rates.

    In any second all processes together send no more requests than the rate. A fraction is rounded down; a rate below
    one per second becomes one request per so many whole seconds. `redis` is a URL, such as
    `rediss://user:password@host:6379/0`, or a client of `redis.asyncio`. `account` is any text that all processes of
    the account use, such as its subdomain. The connections of a URL are the limiter's own: `aclose()` or `async with`
    closes them. A given client stays its owner's. Raises ConfigurationError if the extra `redis` is not installed, the
    URL is not one or `account` is empty.

    Requests are counted by the machines' clocks, so a machine whose clock differs from that of Redis by 0.25 s or more
    does not share. While a client does not share, or cannot reach Redis, it keeps the limit by itself; a warning is
    logged when that begins.
    """

    def __init__(self, redis: str | Redis, account: str, *, prefix: str = "checkout_async:") -> None:
        redis = as_secret(redis)
        if not account:
            raise ConfigurationError("account is empty; give a name that all processes of the account use")
        self._account = account
        self._own = isinstance(redis, str)
        self._redis = (
            connect(redis, needed_by="RedisRateLimiter", timeout=_TIMEOUT) if isinstance(redis, str) else redis
        )
        self._window = _moving_window(self._redis, prefix)
        self._failed = False
        self._asks_again = self._clock_good_until = -math.inf

    async def acquire(self, kind: str, rate: float) -> float:
        """Return 0.0 when one more request of this kind may be sent, else the seconds after which to ask again."""
        if time.monotonic() < self._asks_again:
            return 0.0
        try:
            await self._check_clock()
            wait = await self._ask(_window(rate), kind)
        # Nothing that fails here may stop a payment.
        except Exception as error:  # noqa: BLE001
            self._note_failure(error)
            return 0.0
        if self._failed:
            self._failed = False
            _log.info("the limits are shared through Redis again")
        return wait

    async def check(self) -> None:
        """Ask Redis once. Raises ConfigurationError, without the URL, where it answers but cannot be used.

        That it cannot be reached is none: it may be back soon.
        """
        from redis.exceptions import AuthenticationError, RedisError, ResponseError  # noqa: PLC0415  # an extra

        try:
            await self._redis.time()  # pyright: ignore[reportUnknownMemberType] - untyped **kwargs
        # The first two for an option of the URL that does not exist or has a wrong value.
        except (TypeError, ValueError, AuthenticationError, ResponseError) as error:
            kind = type(error).__name__
        except (RedisError, OSError):
            return
        else:
            return
        raise ConfigurationError(f"Redis refuses the user, password or options of its URL ({kind}); mend the URL")

    async def aclose(self) -> None:
        """Close the limiter's own connections."""
        if self._own:
            await self._redis.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def __reduce__(self) -> str:
        message = "RedisRateLimiter holds connections and a password and cannot be pickled; make one in each process"
        raise TypeError(message)

    async def _ask(self, item: RateLimitItem, kind: str) -> float:
        if await self._window.hit(item, self._account, kind):
            return 0.0
        stats = await self._window.get_window_stats(item, self._account, kind)
        # Half a permit's time: long enough not to keep Redis busy, short enough to lose none.
        return max(stats.reset_time - time.time(), item.get_expiry() / item.amount / 2)

    async def _check_clock(self) -> None:
        asked = time.monotonic()
        if asked < self._clock_good_until:
            return
        before = time.time()
        seconds, microseconds = await self._redis.time()  # pyright: ignore[reportUnknownMemberType] - as above
        difference = max(before - (seconds + microseconds / 1e6), seconds + microseconds / 1e6 - time.time())
        if difference >= _MOST_CLOCK_DIFFERENCE:
            message = f"this machine's clock is {difference:.1f} s off that of Redis"
            raise _ClocksDiffer(message)
        self._clock_good_until = asked + _CLOCK_GOOD_FOR

    def _note_failure(self, error: Exception) -> None:
        # Other errors' texts may hold the URL, and with it a password.
        reason = error if isinstance(error, _ClocksDiffer) else f"Redis fails ({type(error).__name__})"
        if not self._failed:
            _log.warning("the limits are not shared with other processes for now: %s", reason)
        self._failed = True
        self._asks_again = time.monotonic() + _PAUSE_AFTER_FAILURE


def _moving_window(redis: Any, prefix: str) -> MovingWindowRateLimiter:
    try:
        from limits.aio.storage import RedisStorage  # noqa: PLC0415 - an extra
        from limits.aio.strategies import MovingWindowRateLimiter  # noqa: PLC0415
    except ImportError as error:
        raise ConfigurationError(
            "RedisRateLimiter needs the package limits: pip install 'checkout-async[redis]'"
        ) from error
    # The URL is never used: the storage takes its connections from the pool of our client.
    storage = RedisStorage(
        "async+redis://",
        implementation="redispy",
        key_prefix=f"{prefix}limits",
        connection_pool=redis.connection_pool,
    )
    return MovingWindowRateLimiter(storage)


def _window(rate: float) -> RateLimitItem:
    """Return a rate as permits in a window of whole seconds, which is what can be counted; never more than the rate."""
    from limits import RateLimitItemPerSecond  # noqa: PLC0415  # an extra

    seconds = 1 if rate >= 1 else math.ceil(1 / rate)
    return RateLimitItemPerSecond(max(1, math.floor(rate * seconds)), seconds)
