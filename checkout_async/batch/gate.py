"""The gate of a run: while the API fails, few records go through, so that an outage does not burn through the file.

It is open at first. Failures that speak of the API narrow it, unless ten times as many successes come between them: one
record at a time then goes through, after waits that double. Each success lets one more through at a time, until the
gate is open again; each failure shuts it anew for longer. When the backoff gives up, all waiters are turned away.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

import anyio

from checkout_async._core.backoff import Backoff
from checkout_async.operations import sessions as operations

__all__ = ["CircuitBreaker", "OnPause", "RunStopped"]

OnPause = Callable[[str, float | None], None]
"""Told why a run pauses and in how many seconds it tries again; None: it goes on. What it raises changes nothing."""

_FAILURE_THRESHOLD: Final = 5.0
_SUCCESS_CREDIT: Final = 0.1
"""Five failures in a row narrow the gate, and so does one in ten in the long run."""

_FULLY_CLOSED_AT: Final = 32
"""A gate that lets so many through at a time is open."""


class RunStopped(Exception):
    """The run is over before this record could be sent."""


class CircuitBreaker:
    """`failure` is the last of an outage that outlasted the backoff."""

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
        """Whether everybody goes through without being counted."""
        return self._width == 0

    @asynccontextmanager
    async def permit(self) -> AsyncGenerator[int]:
        """Wait for one's turn to go through a narrow gate; what becomes of it is to be noted with the number given.

        Raises RunStopped when the run is over.
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
        """Return how long to wait before looking again; None if one may go through now."""
        if self._inside >= self._width:
            return float("inf")
        left = self._not_before - self._clock()
        return left if left > 0 else None

    def succeeded(self, operation: str, epoch: int | None = None) -> None:
        """Note that the API answered a call as it should; `epoch` is the number from the permit, None without one.

        What went in before the gate was shut last does not widen it, nor does an operation other than the failing one
        where that is the one that makes sessions: reading may well work while writing does not.
        """
        if self._failing == operations.REQUEST_SESSION.name != operation:
            return
        if self.is_closed:
            self._failures = max(0.0, self._failures - _SUCCESS_CREDIT)
        elif epoch == self._epoch:
            self._ramp_up()

    def failed(self, error: Exception, epoch: int | None = None) -> None:
        """Note a failure that speaks of the API."""
        self._failing = getattr(error, "operation", "")
        if self.is_closed:
            self._failures += 1
            if self._failures >= _FAILURE_THRESHOLD:
                self._trip(error)
        elif epoch == self._epoch:
            self._trip(error)

    def cancel_waiters(self) -> None:
        """Turn away all who wait, and all who will have to."""
        self._over = True
        self._note_change()

    def _ramp_up(self) -> None:
        self._width += 1
        if self._is_pausing:
            self._is_pausing = False
            self._tell("", None)
        if self._width >= _FULLY_CLOSED_AT:
            self._width = 0
            self._failures = 0.0
            self._waits = self._backoff.waits()
        self._note_change()

    def _trip(self, error: Exception) -> None:
        self._width = 1
        self._epoch += 1
        wait = next(self._waits, None)
        if wait is None:
            self.failure = error
            self.cancel_waiters()
            return
        self._not_before = self._clock() + wait
        self._is_pausing = True
        self._tell(f"{type(error).__name__}: {error}", wait)
        self._note_change()

    def _note_change(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    def _tell(self, reason: str, seconds: float | None) -> None:
        if self._on_pause is not None:
            with suppress(Exception):
                self._on_pause(reason, seconds)
