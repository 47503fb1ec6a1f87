"""Rates that processes share: the RateLimiter protocol, which a client asks before each request, and RedisRateLimiter.

RedisRateLimiter needs the extra `redis`, which is imported when one is created. `slots.py` has what Redis executes.
"""

from __future__ import annotations

import logging
import math
import random
import time
from collections.abc import Awaitable, Callable
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, cast, runtime_checkable

import anyio

from checkout_async.errors import ConfigurationError
from checkout_async.processes import ProcessGuard
from checkout_async.redaction import as_secret, clears_frames
from checkout_async.redis_client import await_reply, connect

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from redis.commands.core import AsyncScript

__all__ = ["Acquire", "RateLimiter", "RedisRateLimiter", "for_one_client"]

_log = logging.getLogger("checkout_async.limits")

_TIMEOUT = 0.5
"""Seconds for one exchange with Redis. It is short, because all callers that wait for a permit wait for it."""

_PAUSE_AFTER_FAILURE = 5.0


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


# By kind: when the one that has this place in the line of Redis is to ask again.
_Places = dict[str, float]


class RedisRateLimiter:
    """The rates of one account, shared by all processes that use the same Redis and account.

    Redis gives out slots, evenly spaced by its own clock, in the order in which processes ask. In any `t` seconds, all
    processes together send at most `rate * t + max(1, rate / 20)` requests. If their rates differ, `rate` is the
    highest that one of them has used in the last minute. Each client keeps its own rate by itself.

    `redis` is a URL, such as `rediss://user:password@host:6379/0`, or a client of `redis.asyncio`. `account` is any
    text that all processes of the account use, such as its subdomain. The limiter owns the connections of a URL: close
    them with `aclose()` or `async with`. It does not close a client that you give it.

    While Redis cannot be reached, a process keeps its part of the rate: the rate divided by `processes`, the number of
    processes that share it. With 1, each keeps the whole rate by itself. It logs a warning when that begins.

    Several clients of a process can share one limiter; each has its own place in the line. Code that calls `acquire`
    itself should ask for one permit of a kind at a time, since all of it has one place.

    Raises MissingExtra if the extra `redis` is not installed, and ConfigurationError if the URL is not a Redis URL,
    `account` is empty or `processes` is no whole number from 1 on.
    """

    # Not a __dict__, whose values a serializer writes at any depth: the client of Redis contains a password.
    __slots__ = (
        "_account",
        "_has_failed",
        "_next_alone",
        "_owns_client",
        "_paused_until",
        "_places",
        "_prefix",
        "_process",
        "_processes",
        "_redis",
        "_take_a_slot",
        "_unused",
    )

    @clears_frames
    def __init__(
        self, redis: str | Redis, account: str, *, prefix: str = "checkout_async:", processes: int = 1
    ) -> None:
        redis = as_secret(redis)
        if not account:
            raise ConfigurationError("account is empty; use a name that all processes of the account have in common")
        if type(processes) is not int or processes < 1:
            raise ConfigurationError("processes must be a whole number from 1 on: how many processes share the rates")
        self._account = account
        self._prefix = prefix
        self._processes = processes
        self._process = ProcessGuard("the RedisRateLimiter")
        self._owns_client = isinstance(redis, str)
        self._redis = (
            connect(redis, needed_by="RedisRateLimiter", timeout=_TIMEOUT) if isinstance(redis, str) else redis
        )
        self._take_a_slot: AsyncScript | None = None
        self._has_failed = False
        self._paused_until = -math.inf
        self._places = _Places()
        # By kind: when this process's next request may be sent without Redis.
        self._next_alone: dict[str, float] = {}
        # By kind: the slot of a request that was cancelled while it waited for it.
        self._unused: dict[str, float] = {}

    async def acquire(self, kind: str, rate: float) -> float:
        """Return 0.0 if one more request of this kind may be sent, else the seconds after which to ask again.

        Waits until the slot that Redis gave, which is soon. Raises WrongProcess in a process that was forked after the
        limiter was used.
        """
        return await self._acquire(kind, rate, self._places)

    async def _acquire(self, kind: str, rate: float, places: _Places) -> float:
        self._process.check()
        if time.monotonic() < self._paused_until:
            return self._alone(kind, rate)
        if (slot := self._unused.pop(kind, -math.inf)) > time.monotonic():
            await self._wait_for(kind, slot)
            return 0.0
        # Redis has a place in its line for this client: it gets no second one meanwhile.
        if (wait := places.get(kind, -math.inf) - time.monotonic()) > 0:
            return wait
        try:
            # Not only the time-outs of the connection: with its second try they add up to two seconds.
            with anyio.fail_after(_TIMEOUT):
                has_slot, wait = await self._ask(kind, rate, has_place=places.pop(kind, None) is not None)
        # No failure here may stop a payment.
        except Exception as error:  # noqa: BLE001
            self._record_failure(error)
            return self._alone(kind, rate)
        if self._has_failed:
            self._has_failed = False
            _log.info("the rates are shared through Redis again")
        if not has_slot:
            places[kind] = time.monotonic() + wait
            return wait
        if wait > 0:
            await self._wait_for(kind, time.monotonic() + wait)
        return 0.0

    async def check(self) -> None:
        """Ask Redis once. Raises ConfigurationError, without the URL, if Redis rejects its credentials or options.

        If Redis cannot be reached, this returns: it may be back soon.
        """
        self._process.check()
        from redis.exceptions import AuthenticationError, RedisError, ResponseError  # noqa: PLC0415  # an extra

        try:
            await await_reply(self._redis.time())  # pyright: ignore[reportUnknownMemberType] - untyped **kwargs
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

    async def _ask(self, kind: str, rate: float, *, has_place: bool) -> tuple[bool, float]:
        """Ask Redis for a slot. Return whether it gave one, and in how many seconds that is, or when to ask again."""
        from checkout_async.limits.slots import AHEAD, BURST, TAKE_A_SLOT, interval  # noqa: PLC0415 - few clients need it

        if self._take_a_slot is None:
            # Not earlier: this reads options of the URL, which `check` reports.
            self._take_a_slot = self._redis.register_script(TAKE_A_SLOT)
        reply = self._take_a_slot(
            keys=[f"{self._prefix}limits:{self._account}:{kind}"],
            args=[interval(rate), AHEAD, int(has_place), BURST],
        )
        has_slot, wait = await await_reply(cast("Awaitable[tuple[int, int]]", reply))
        return bool(has_slot), wait / 1e6

    async def _wait_for(self, kind: str, slot: float) -> None:
        """Wait for a slot. If the caller is cancelled meanwhile, the next one gets it.

        Else callers that wait for less than what Redis gives out ahead would each move the next slot beyond their end.
        """
        try:
            await anyio.sleep(slot - time.monotonic())
        except BaseException:
            self._unused[kind] = slot
            raise

    def _alone(self, kind: str, rate: float) -> float:
        """Keep this process's part of the rate, without Redis."""
        if self._processes == 1:
            return 0.0  # the client keeps the whole rate anyway
        now, between = time.monotonic(), self._processes / rate
        # All processes lose Redis at once, and are not to send their first request at once.
        due = self._next_alone.setdefault(kind, now + random.random() * between)  # noqa: S311 - no secret
        if due > now:
            return min(due - now, between)
        self._next_alone[kind] = now + between
        return 0.0

    def _record_failure(self, error: Exception) -> None:
        if not self._has_failed:
            # Not the error's text: it may quote the URL, and a URL may contain a password.
            reason = f"Redis fails ({type(error).__name__})"
            _log.warning("the rates are not shared with other processes for now: %s", reason)
        self._has_failed = True
        self._paused_until = time.monotonic() + _PAUSE_AFTER_FAILURE


Acquire = Callable[[str, float], Awaitable[float]]


def for_one_client(limiter: RateLimiter) -> Acquire:
    """Return `acquire` for one of the clients that share the limiter.

    Without a place of its own, a client would have to wait as long as another one that has asked before.
    """
    # Not `isinstance` alone: a subclass may have an `acquire` of its own, which is to be asked.
    if not isinstance(limiter, RedisRateLimiter) or type(limiter).acquire is not RedisRateLimiter.acquire:
        return limiter.acquire
    return partial(limiter._acquire, places=_Places())  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - the same module
