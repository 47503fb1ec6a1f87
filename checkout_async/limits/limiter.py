"""The limits of one client: requests in flight, reads and writes per second, and how much may be retried.

`Limiter` combines them. A `Throttle` grants permits at one rate, in order of arrival. When the API answers 429, all of
a client's calls slow down together and recover gradually. A `RetryBudget` limits retries, so that they do not multiply
the load during an outage. Times are seconds of the clock's monotonic time.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial

import anyio

from checkout_async.clock import Clock
from checkout_async.config import Limits
from checkout_async.limits.rate_limiter import Acquire, RateLimiter, for_one_client

__all__ = ["Limiter", "RetryBudget", "Throttle"]

_log = logging.getLogger("checkout_async")

_BURST = 0.1
"""An idle client may send this many seconds' worth of requests at once, and always one."""

_MIN_RATE = 1.0
"""A 429 does not lower the rate below one request per second."""

_MAX_PAUSE = 60.0
"""Calls resume after a minute, even if the API asks for a longer pause."""

_GRACE = 1.0
"""429s up to this many seconds after a pause do not halve the rate again: they answer requests sent before it."""

_SHARED_TIMEOUT = 2.0
"""A shared limiter that does not answer in this many seconds is ignored."""

_SHORTEST_SLEEP = 1e-6
"""In a shorter time, a clock may not move at all: then a wait for a permit would be a busy loop.

A sleep of half the last digit of the event loop's time in floating point has no effect, for example.
"""

_RECOVERY = 60.0
"""A lowered rate grows linearly, at a speed that takes it from zero to the full rate in this many seconds."""

_RESERVE = 10.0
_RESERVE_PER_SECOND = 1.0
_MAX_RETRIES = 100.0


class _Gcra:
    """The generic cell rate algorithm (ITU-T I.371): when the next request may be sent, at a rate that 429s lower.

    In any t seconds it grants at most rate * t + max(1, rate * _BURST) permits: each permit moves `_due`, the
    theoretical arrival time, forward by at least 1 / rate, and no permit is granted earlier than the burst's time
    before `_due`.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._due = -math.inf
        self._paused_until = -math.inf
        self._grace_until = -math.inf
        # The rate after a 429, and the rate to which it grows back; equal before the first 429.
        self._lowered_rate = self._target_rate = 0.0
        self._recent: deque[float] = deque()

    def rate(self, now: float) -> float:
        """Return the permits per second at this time; infinite without a limit."""
        if self._lowered_rate >= self._target_rate:
            return self._limit
        grown = self._lowered_rate + self._target_rate * max(0.0, now - self._paused_until) / _RECOVERY
        return grown if grown < self._target_rate else self._limit

    def earliest(self, now: float) -> float:
        """Return the earliest time of the next permit. A lowered rate has no burst."""
        rate = self.rate(now)
        burst = max(0.0, _BURST - 1 / rate) if rate >= self._limit else 0.0
        return max(self._paused_until, self._due - burst)

    def consume(self, now: float) -> None:
        """Record that a permit was granted."""
        self._due = max(self._due, now) + 1 / self.rate(now)
        if math.isinf(self._limit):
            self._recent.append(now)
            while self._recent[0] <= now - 1:
                self._recent.popleft()

    def slow_down(self, now: float, pause: float) -> None:
        """Grant no permit for `pause` seconds, then half the rate, which grows back."""
        rate = self.rate(now)
        if rate >= self._limit:
            self._target_rate = rate = self._full_rate()
        if now >= self._grace_until:
            rate = max(rate / 2, min(rate, _MIN_RATE))
            self._grace_until = now + pause + _GRACE
        self._lowered_rate = rate
        self._paused_until = max(self._paused_until, now + pause)

    def _full_rate(self) -> float:
        """Return the limit. Without a limit, return the number of permits in the second before the latest permit."""
        return max(float(len(self._recent)), 2 * _MIN_RATE) if math.isinf(self._limit) else self._limit


class Throttle:
    """Grants permits at one rate, first come, first served.

    `rate` is permits per second; None means no limit until the API answers 429. If there is a `shared` limiter, it must
    grant each permit too: it returns 0.0 to grant it, or the seconds after which to ask again.
    """

    def __init__(self, rate: float | None, clock: Clock, shared: Callable[[], Awaitable[float]] | None = None) -> None:
        self._gcra = _Gcra(math.inf if rate is None else rate)
        self._clock = clock
        self._shared = shared
        self._queue = anyio.Lock()

    def try_acquire(self) -> bool:
        """Take a permit if one is available now, no caller is waiting, and there is no shared limiter to ask."""
        if self._shared is not None or self._queue.locked():
            return False
        now = self._clock.monotonic()
        if self._gcra.earliest(now) > now:
            return False
        self._gcra.consume(now)
        return True

    async def acquire(self) -> None:
        """Wait for a permit, in order of arrival. A caller that is cancelled takes no permit and blocks no other.

        The exception is a permit that the shared limiter has just granted: it is lost.
        """
        async with self._queue:
            await self._wait_until_due()
            if self._shared is not None:
                while (wait := await self._shared()) > 0:
                    await self._sleep(wait)
                # A 429 may have arrived in the meantime.
                await self._wait_until_due()
            # No await from here on: a cancellation cannot come between taking the permit and returning it.
            self._gcra.consume(self._clock.monotonic())

    def slow_down(self, pause: float) -> None:
        """React to a 429: grant nothing for `pause` seconds (at most 60), then half the rate, which grows back in 30 s.

        429s that arrive together halve the rate once. Each later 429 halves it again, down to one permit per second.
        Without a limit, the rate to halve is that of the last second in which requests were sent.
        """
        self._gcra.slow_down(self._clock.monotonic(), min(max(0.0, pause), _MAX_PAUSE))

    async def _wait_until_due(self) -> None:
        # A loop, since a 429 may move the time while this sleeps.
        while (wait := self._gcra.earliest(now := self._clock.monotonic()) - now) > 0:
            await self._sleep(wait)

    async def _sleep(self, wait: float) -> None:
        await self._clock.sleep(max(wait, _SHORTEST_SLEEP))


class RetryBudget:
    """How many retries a client may make: `ratio` for each call in the long run, None for any number.

    A reserve of 10, refilled by one per second, lets a client with little traffic retry too. At most 100 retries are
    saved for a sudden outage.
    """

    def __init__(self, ratio: float | None, clock: Clock) -> None:
        self._ratio = ratio
        self._clock = clock
        self._balance = _RESERVE
        self._refilled_at = clock.monotonic()

    def deposit(self) -> None:
        """Add the share of one call to the budget."""
        if self._ratio is not None:
            self._balance = min(self._balance + self._ratio, _MAX_RETRIES)

    def try_withdraw(self) -> bool:
        """Take one retry out of the budget. Return False if the budget is exhausted: then do not retry."""
        if self._ratio is None:
            return True
        self._refill()
        if self._balance < 1:
            return False
        self._balance -= 1
        return True

    def _refill(self) -> None:
        now = self._clock.monotonic()
        if self._balance < _RESERVE:
            self._balance = min(self._balance + (now - self._refilled_at) * _RESERVE_PER_SECOND, _RESERVE)
        self._refilled_at = now


class Limiter:
    """All limits of one client. With `shared`, several processes keep its rates together."""

    def __init__(self, limits: Limits, clock: Clock, shared: RateLimiter | None = None) -> None:
        self._concurrency = limits.concurrency
        self._slots: anyio.CapacityLimiter | None = None
        acquire = None if shared is None else for_one_client(shared)
        self._reads = _throttle("reads", limits.read_rate, clock, acquire)
        self._writes = _throttle("writes", limits.write_rate, clock, acquire)
        self.budget: RetryBudget = RetryBudget(limits.retry_budget, clock)

    @property
    def slots(self) -> anyio.CapacityLimiter:
        """The limiter of requests in flight."""
        # Created at the first use: anyio binds a limiter to an event loop, and a client may be created before its loop.
        if self._slots is None:
            self._slots = anyio.CapacityLimiter(self._concurrency)
        return self._slots

    def throttle(self, method: str) -> Throttle:
        """Return the throttle for requests with this HTTP method: reads for GET, writes for all others."""
        return self._reads if method == "GET" else self._writes

    def slow_down(self, pause: float) -> None:
        """React to a 429: all calls wait `pause` seconds, then go on at half the rate, which grows back."""
        self._reads.slow_down(pause)
        self._writes.slow_down(pause)


def _throttle(kind: str, rate: float | None, clock: Clock, shared: Acquire | None) -> Throttle:
    ask = None if shared is None or rate is None else partial(_ask_shared, shared, kind, rate)
    return Throttle(rate, clock, ask)


async def _ask_shared(shared: Acquire, kind: str, rate: float) -> float:
    """Ask a shared limiter for a permit. If it fails, return 0.0: the client's own limit still applies."""
    try:
        with anyio.fail_after(_SHARED_TIMEOUT):
            return _checked_wait(await shared(kind, rate))
    except Exception as error:  # noqa: BLE001 - a user's limiter must not end a call that moves money
        _log.warning("the shared rate limiter failed with %s; this request ignores it", type(error).__name__)
        return 0.0


def _checked_wait(wait: object) -> float:
    """Return the wait of a shared limiter, at most a minute. Raises TypeError if it is not a number from 0 on."""
    if not isinstance(wait, int | float) or not wait >= 0:
        raise TypeError
    return min(wait, _MAX_PAUSE)
