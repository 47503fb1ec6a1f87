"""The circuit breaker of a run: while the API fails, few records are tried, so that an outage does not fail the file.

It is closed while the API is healthy, and all records pass. A success cancels a tenth of a failure; five net failures
trip the breaker. Then one record at a time is tried, after waits that double. Each success raises the number tried at a
time by one, until the breaker is closed again; each failure trips it again for longer. When the backoff gives up, all
waiters are cancelled.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

import anyio

from checkout_async._core.backoff import Backoff
from checkout_async.batch.words import what_happened
from checkout_async.errors import CheckoutError
from checkout_async.operations import sessions as operations

__all__ = ["CircuitBreaker", "OnPause", "RunStopped"]

OnPause = Callable[[str, float | None], None]
"""Called with the reason of a pause and the seconds until the next try; None: it is over. Its errors are ignored."""

_FAILURE_THRESHOLD: Final = 5.0
_SUCCESS_CREDIT: Final = 0.1
"""Five failures in a row trip the breaker, and so does more than one in ten in the long run."""

_FULLY_CLOSED_AT: Final = 32
"""A breaker that permits this many records at a time is closed again."""


class RunStopped(Exception):
    """The run ended before this record could be sent."""


class CircuitBreaker:
    """Pauses a run while the API fails. `failure` is the last failure of an outage that outlasted the backoff."""

    def __init__(
        self, backoff: Backoff, on_pause: OnPause | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._backoff = backoff
        self._on_pause = on_pause
        self._clock = clock
        self._failures = 0.0
        self._waits = backoff.waits()
        self._width = 0
        self._inside = 0
        self._not_before = 0.0
        self._epoch = 0
        self._failing = ""
        self._is_pausing = False
        self._changed = anyio.Event()
        self._over = False
        self.failure: Exception | None = None

    @property
    def is_closed(self) -> bool:
        """Whether the API is healthy, so that every record passes without a permit."""
        return self._width == 0

    @asynccontextmanager
    async def permit(self) -> AsyncGenerator[int]:
        """Wait for a permit while the breaker is not closed. Report the result with the epoch that is yielded.

        Raises RunStopped when the run has ended.
        """
        while not self.is_closed:
            if self._over:
                raise RunStopped
            wait = self._wait()
            if wait is None:
                break
            with anyio.move_on_after(wait):
                await self._changed.wait()
        self._inside += 1
        try:
            yield self._epoch
        finally:
            self._inside -= 1
            self._note_change()

    def _wait(self) -> float | None:
        """Return the seconds to wait before the next look; None if a permit is free now."""
        if self._inside >= self._width:
            return float("inf")
        left = self._not_before - self._clock()
        return left if left > 0 else None

    def succeeded(self, operation: str, epoch: int | None = None) -> None:
        """Note that the API answered a call as it should; `epoch` is the number from the permit, None without one.

        A success counts only if its call began after the breaker last tripped. While creating sessions fails, the
        success of another operation does not count either: reading may well work while writing does not.
        """
        if self._failing == operations.REQUEST_SESSION.name != operation:
            return
        if self.is_closed:
            self._failures = max(0.0, self._failures - _SUCCESS_CREDIT)
        elif epoch == self._epoch:
            self._ramp_up()

    def failed(self, error: CheckoutError, epoch: int | None = None) -> None:
        """Note a failure of the API or the network."""
        self._failing = getattr(error, "operation", "")
        if self.is_closed:
            self._failures += 1
            if self._failures >= _FAILURE_THRESHOLD:
                self._trip(error)
        elif epoch == self._epoch:
            self._trip(error)

    def cancel_waiters(self) -> None:
        """Raise RunStopped in all that wait for a permit, now and later."""
        self._over = True
        self._note_change()

    def _ramp_up(self) -> None:
        self._width += 1
        if self._is_pausing:
            self._is_pausing = False
            self._report_pause("", None)
        if self._width >= _FULLY_CLOSED_AT:
            self._width = 0
            self._failures = 0.0
            self._waits = self._backoff.waits()
        self._note_change()

    def _trip(self, error: CheckoutError) -> None:
        self._width = 1
        self._epoch += 1
        wait = next(self._waits, None)
        if wait is None:
            self.failure = error
            self.cancel_waiters()
            return
        self._not_before = self._clock() + wait
        self._is_pausing = True
        self._report_pause(what_happened(error), wait)
        self._note_change()

    def _note_change(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    def _report_pause(self, reason: str, seconds: float | None) -> None:
        if self._on_pause is not None:
            with suppress(Exception):
                self._on_pause(reason, seconds)
