"""The limits of one client: requests in flight, reads and writes per second, and how much may be retried.

`Limiter` holds them. A `Throttle` hands out permits at one rate in order of arrival; when the API says 429, all of a
client's calls slow down together and recover gradually. A `RetryBudget` keeps an outage from being multiplied by
retries. Times are seconds of the clock's monotonic time.
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
from checkout_async.limits.rate_limiter import RateLimiter

__all__ = ["Limiter", "RetryBudget", "Throttle"]

_log = logging.getLogger("checkout_async")

_BURST = 0.1
"""A client that was idle may send this many seconds' worth of requests at once, and always one."""

_FLOOR = 1.0
"""No 429 slows a client down below one request per second."""

_LONGEST_PAUSE = 60.0
"""However long the API asks for, calls try again after a minute."""

_SETTLING = 1.0
"""A rate is halved once for all 429s up to so long after the pause: they answer requests sent before it."""

_SHARED_WITHIN = 2.0
"""A shared limiter that does not answer in so many seconds is passed over."""

_RECOVERY = 60.0
"""A lowered rate grows evenly, as fast as would take it from nothing to the full rate in this time."""

_RESERVE = 10.0
_RESERVE_PER_SECOND = 1.0
_MOST_RETRIES = 100.0


class _Pace:
    """When the next request may leave: the generic cell rate algorithm (ITU-T I.371), its rate lowered by 429s.

    In any t seconds it lets at most rate * t + max(1, rate * _BURST) through, for each permit moves `_due` on by at
    least 1 / rate from the time of the first, and none is given earlier than the burst's time before `_due`.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._due = -math.inf
        self._resumes = -math.inf
        self._settles = -math.inf
        # What a lowered rate starts from and grows to; equal when no 429 came yet.
        self._lowered = self._goal = 0.0
        self._recent: deque[float] = deque()

    def rate(self, now: float) -> float:
        """Return the permits per second as of now; infinite where nothing limits them."""
        if self._lowered >= self._goal:
            return self._limit
        grown = self._lowered + self._goal * max(0.0, now - self._resumes) / _RECOVERY
        return grown if grown < self._goal else self._limit

    def ready_at(self, now: float) -> float:
        """Return the earliest time of the next permit as things are; there is no burst while slowed down."""
        rate = self.rate(now)
        burst = max(0.0, _BURST - 1 / rate) if rate >= self._limit else 0.0
        return max(self._resumes, self._due - burst)

    def take(self, now: float) -> None:
        """Note that a permit was given."""
        self._due = max(self._due, now) + 1 / self.rate(now)
        if math.isinf(self._limit):
            self._recent.append(now)
            while self._recent[0] <= now - 1:
                self._recent.popleft()

    def slow_down(self, now: float, pause: float) -> None:
        """Give no permit for `pause` seconds, then half as many, growing back."""
        rate = self.rate(now)
        if rate >= self._limit:
            self._goal = rate = self._full_rate()
        if now >= self._settles:
            rate = max(rate / 2, min(rate, _FLOOR))
            self._settles = now + pause + _SETTLING
        self._lowered = rate
        self._resumes = max(self._resumes, now + pause)

    def _full_rate(self) -> float:
        """Return the limit; where there is none, what was let through in the second up to the latest request."""
        return max(float(len(self._recent)), 2 * _FLOOR) if math.isinf(self._limit) else self._limit


class Throttle:
    """Permits at one rate, first come, first served; `rate` per second, None for no limit until the API says 429.

    `shared` is asked for each permit, too: 0.0 grants it, any other number is the seconds after which to ask again.
    """

    def __init__(self, rate: float | None, clock: Clock, shared: Callable[[], Awaitable[float]] | None = None) -> None:
        self._pace = _Pace(math.inf if rate is None else rate)
        self._clock = clock
        self._shared = shared
        self._turns = anyio.Lock()

    def try_acquire(self) -> bool:
        """Take a permit if that needs no waiting: nobody waits before, it is due, and no one else has to be asked."""
        now = self._clock.monotonic()
        if self._shared is not None or self._turns.locked() or self._pace.ready_at(now) > now:
            return False
        self._pace.take(now)
        return True

    async def acquire(self) -> None:
        """Wait in order of arrival for a permit. Who is cancelled meanwhile has taken none and blocks nobody.

        Only a permit that the shared limiter had just granted is lost with its waiter.
        """
        async with self._turns:
            await self._due()
            if self._shared is not None:
                while (wait := await self._shared()) > 0:
                    await self._clock.sleep(wait)
                # A 429 may have come meanwhile.
                await self._due()
            # Nothing is awaited from here on, so no cancellation comes between taking the permit and having it.
            self._pace.take(self._clock.monotonic())

    def slow_down(self, pause: float) -> None:
        """Heed a 429: no permit for `pause` seconds (a minute at most), then half the rate, growing back in 30 s.

        429s that come together halve the rate once; each later one halves it again, down to one permit per second.
        Without a limit, the rate to halve is that of the last second in which requests were sent.
        """
        self._pace.slow_down(self._clock.monotonic(), min(max(0.0, pause), _LONGEST_PAUSE))

    async def _due(self) -> None:
        while (wait := self._pace.ready_at(now := self._clock.monotonic()) - now) > 0:
            await self._clock.sleep(wait)


class RetryBudget:
    """How many retries there may be: `ratio` for each call in the long run, None for any number.

    A reserve of 10, refilled by one each second, lets a client with little traffic retry all the same. At most 100
    retries are saved up for a sudden outage.
    """

    def __init__(self, ratio: float | None, clock: Clock) -> None:
        self._ratio = ratio
        self._clock = clock
        self._saved = _RESERVE
        self._refilled = clock.monotonic()

    def note_call(self) -> None:
        """Note that a call begins."""
        if self._ratio is not None:
            self._saved = min(self._saved + self._ratio, _MOST_RETRIES)

    def take(self) -> bool:
        """Take one retry out of the budget; False if it is spent: the retry would multiply an outage."""
        if self._ratio is None:
            return True
        self._refill()
        if self._saved < 1:
            return False
        self._saved -= 1
        return True

    def _refill(self) -> None:
        now = self._clock.monotonic()
        if self._saved < _RESERVE:
            self._saved = min(self._saved + (now - self._refilled) * _RESERVE_PER_SECOND, _RESERVE)
        self._refilled = now


class Limiter:
    """All limits of one client. `shared` makes its rates those of all processes that share it."""

    def __init__(self, limits: Limits, clock: Clock, shared: RateLimiter | None = None) -> None:
        self._concurrency = limits.concurrency
        self._slots: anyio.CapacityLimiter | None = None
        self._reads = _throttle("reads", limits.read_rate, clock, shared)
        self._writes = _throttle("writes", limits.write_rate, clock, shared)
        self.budget = RetryBudget(limits.retry_budget, clock)

    @property
    def slots(self) -> anyio.CapacityLimiter:
        """The limiter of requests in flight."""
        # anyio ties a limiter to the event loop it is made in, and the client may be older than the loop.
        if self._slots is None:
            self._slots = anyio.CapacityLimiter(self._concurrency)
        return self._slots

    def throttle(self, method: str) -> Throttle:
        """Return the throttle for requests of an HTTP method: GET reads, all else writes."""
        return self._reads if method == "GET" else self._writes

    def slow_down(self, pause: float) -> None:
        """Heed a 429: all calls wait `pause` seconds and then go on at half the rate, growing back."""
        self._reads.slow_down(pause)
        self._writes.slow_down(pause)


def _throttle(kind: str, rate: float | None, clock: Clock, shared: RateLimiter | None) -> Throttle:
    ask = None if shared is None or rate is None else partial(_granted, shared, kind, rate)
    return Throttle(rate, clock, ask)


async def _granted(shared: RateLimiter, kind: str, rate: float) -> float:
    """Ask a shared limiter; one that fails grants the request, since the client's own limit holds all the same."""
    try:
        with anyio.fail_after(_SHARED_WITHIN):
            return _seconds(await shared.acquire(kind, rate))
    except Exception as error:  # noqa: BLE001 - somebody else's code must not end a call that moves money
        _log.warning("the shared rates failed with %s and were passed over", type(error).__name__)
        return 0.0


def _seconds(answer: object) -> float:
    """Return the wait that a shared limiter asks for, a minute at the most; TypeError for what is none."""
    if not isinstance(answer, int | float) or not answer >= 0:
        raise TypeError
    return min(answer, _LONGEST_PAUSE)
