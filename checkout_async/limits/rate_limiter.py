"""Rates that processes share: the RateLimiter protocol, which a client asks before each request, and RedisRateLimiter.

RedisRateLimiter needs the extra `redis`: the packages `limits` and `redis`, which are imported when one is created.
"""

from __future__ import annotations

import logging
import math
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, runtime_checkable

from checkout_async.errors import ConfigurationError, MissingExtra
from checkout_async.processes import ProcessGuard
from checkout_async.redaction import as_secret, clears_frames
from checkout_async.redis_client import connect

if TYPE_CHECKING:
    from limits import RateLimitItem
    from limits.aio.strategies import MovingWindowRateLimiter
    from redis.asyncio import Redis

__all__ = ["RateLimiter", "RedisRateLimiter"]

_log = logging.getLogger("checkout_async.limits")

_TIMEOUT = 0.5
"""Seconds for one exchange with Redis. It is short, because all callers that wait for a permit wait for it."""

_PAUSE_AFTER_FAILURE = 5.0
_MAX_CLOCK_DIFFERENCE = 0.25
_CLOCK_CHECK_INTERVAL = 60.0

_MAX_CLOCK_CHANGE = 0.05
"""Seconds by which the wall clock may move away from the monotonic one between two checks: slewing moves it less."""


@runtime_checkable
class RateLimiter(Protocol):
    """A rate limit that several clients keep together. The code that creates one closes it; a client never does."""

    async def acquire(self, kind: str, rate: float) -> float:
        """Return 0.0 if one more request of this kind may be sent, else the seconds after which to ask again.

        `kind` is `reads` or `writes`. `rate` is the permits per second of all clients together. If the limiter itself
        fails, it should return 0.0: each client still keeps its own limit.
        """
        ...

    async def aclose(self) -> None:
        """Release connections."""
        ...


class _ClocksDiffer(Exception):
    """The clocks of this machine and of Redis are too far apart to count requests."""


class RedisRateLimiter:
    """The rates of one account, shared by all processes that use the same Redis, account and rates.

    In any second, all processes together send no more requests than the rate. A fraction is rounded down. A rate below
    one per second becomes one request in a number of whole seconds.

    `redis` is a URL, such as `rediss://user:password@host:6379/0`, or a client of `redis.asyncio`. `account` is any
    text that all processes of the account use, such as its subdomain. The limiter owns the connections of a URL: close
    them with `aclose()` or `async with`. It does not close a client that you give it. Raises MissingExtra if the
    extra `redis` is not installed, and ConfigurationError if the URL is not a Redis URL or `account` is empty.

    The machines' clocks count the requests. A machine whose clock differs from that of Redis by 0.25 s or more does not
    share the rates. While a client does not share them, or cannot reach Redis, it keeps its own limit; it logs a
    warning when that begins.
    """

    # Not a __dict__, whose values a serializer writes at any depth: the client of Redis contains a password.
    __slots__ = (
        "_account",
        "_clock_checked_until",
        "_clock_offset",
        "_has_failed",
        "_owns_client",
        "_paused_until",
        "_process",
        "_redis",
        "_window",
    )

    @clears_frames
    def __init__(self, redis: str | Redis, account: str, *, prefix: str = "checkout_async:") -> None:
        redis = as_secret(redis)
        if not account:
            raise ConfigurationError("account is empty; use a name that all processes of the account have in common")
        self._account = account
        self._process = ProcessGuard("the RedisRateLimiter")
        self._owns_client = isinstance(redis, str)
        self._redis = (
            connect(redis, needed_by="RedisRateLimiter", timeout=_TIMEOUT) if isinstance(redis, str) else redis
        )
        self._window = _moving_window(self._redis, prefix)
        self._has_failed = False
        self._paused_until = self._clock_checked_until = -math.inf
        self._clock_offset = 0.0

    async def acquire(self, kind: str, rate: float) -> float:
        """Return 0.0 if one more request of this kind may be sent, else the seconds after which to ask again.

        Raises WrongProcess in a process that was forked after the limiter was used.
        """
        self._process.check()
        if time.monotonic() < self._paused_until:
            return 0.0
        try:
            await self._check_clock()
            wait = await self._ask(_window(rate), kind)
        # No failure here may stop a payment.
        except Exception as error:  # noqa: BLE001
            self._record_failure(error)
            return 0.0
        if self._has_failed:
            self._has_failed = False
            _log.info("the rates are shared through Redis again")
        return wait

    async def check(self) -> None:
        """Ask Redis once. Raises ConfigurationError, without the URL, if Redis rejects its credentials or options.

        If Redis cannot be reached, this returns: it may be back soon.
        """
        self._process.check()
        from redis.exceptions import AuthenticationError, RedisError, ResponseError  # noqa: PLC0415  # an extra

        try:
            await self._redis.time()  # pyright: ignore[reportUnknownMemberType] - untyped **kwargs
        # TypeError, ValueError and LookupError: an option of the URL does not exist or has an invalid value.
        except (TypeError, ValueError, LookupError, AuthenticationError, ResponseError) as error:
            kind = type(error).__name__
        except (RedisError, OSError):
            return
        else:
            return
        raise ConfigurationError(f"Redis rejected the credentials or options in the URL ({kind}); correct the URL")

    async def aclose(self) -> None:
        """Close the limiter's own connections."""
        if self._owns_client and not self._process.is_foreign:
            await self._redis.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def __reduce__(self) -> str:
        message = (
            "RedisRateLimiter contains connections and a password and cannot be pickled; create one in each process"
        )
        raise TypeError(message)

    async def _ask(self, item: RateLimitItem, kind: str) -> float:
        if await self._window.hit(item, self._account, kind):
            return 0.0
        stats = await self._window.get_window_stats(item, self._account, kind)
        # At least half the time of a permit: long enough not to keep Redis busy, short enough to miss no permit. At
        # most the window: a time beyond it comes from a clock that was set in between, here or on another machine.
        wait = max(stats.reset_time - time.time(), item.get_expiry() / item.amount / 2)
        return min(wait, item.get_expiry())

    async def _check_clock(self) -> None:
        started, before = time.monotonic(), time.time()
        # A clock that was set since the last check is compared at once, not a minute later.
        is_set = abs(before - started - self._clock_offset) >= _MAX_CLOCK_CHANGE
        if started < self._clock_checked_until and not is_set:
            return
        seconds, microseconds = await self._redis.time()  # pyright: ignore[reportUnknownMemberType] - as above
        difference = max(before - (seconds + microseconds / 1e6), seconds + microseconds / 1e6 - time.time())
        if difference >= _MAX_CLOCK_DIFFERENCE:
            message = f"this machine's clock differs from that of Redis by {difference:.1f} s; synchronise the clocks"
            raise _ClocksDiffer(message)
        self._clock_checked_until = started + _CLOCK_CHECK_INTERVAL
        self._clock_offset = before - started

    def _record_failure(self, error: Exception) -> None:
        # Only our own error's text: another one may quote the URL, and a URL may contain a password.
        reason = error if isinstance(error, _ClocksDiffer) else f"Redis fails ({type(error).__name__})"
        if not self._has_failed:
            _log.warning("the rates are not shared with other processes for now: %s", reason)
        self._has_failed = True
        self._paused_until = time.monotonic() + _PAUSE_AFTER_FAILURE


def _moving_window(redis: Any, prefix: str) -> MovingWindowRateLimiter:
    try:
        from limits.aio.storage import RedisStorage  # noqa: PLC0415 - an extra
        from limits.aio.strategies import MovingWindowRateLimiter  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtra("RedisRateLimiter needs the package limits: pip install 'checkout-async[redis]'") from error
    # `limits` requires a URL but does not use it: the storage takes its connections from the pool of our client.
    storage = RedisStorage(
        "async+redis://",
        implementation="redispy",
        key_prefix=f"{prefix}limits",
        connection_pool=redis.connection_pool,
    )
    return MovingWindowRateLimiter(storage)


def _window(rate: float) -> RateLimitItem:
    """Return the rate as permits in a window of whole seconds, which `limits` can count; never more than the rate."""
    from limits import RateLimitItemPerSecond  # noqa: PLC0415  # an extra

    return RateLimitItemPerSecond(max(1, math.floor(rate)), math.ceil(1 / rate))
