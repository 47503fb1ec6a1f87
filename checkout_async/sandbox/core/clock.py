"""The sandbox's clock: it runs with real time or stands still, and jumps ahead when a test advances it.

Every lifetime in the sandbox (tokens, pending sessions, challenges, cryptograms) is measured by it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import UTC, datetime


class SandboxClock:
    """Wall-clock time that a test can advance.

    `start` is the time at which it starts (default: now; a naive datetime is taken as UTC). A `frozen` clock moves only
    by `advance`, so that dates in replies repeat from run to run.
    """

    __slots__ = ("_ahead", "_frozen", "_listeners", "_origin", "_start")

    def __init__(self, start: datetime | None = None, *, frozen: bool = False) -> None:
        if start is not None and start.tzinfo is None:
            start = start.replace(tzinfo=UTC)
        self._start = time.time() if start is None else start.timestamp()
        self._origin = time.monotonic()
        self._frozen = frozen
        self._ahead = 0.0
        self._listeners: list[Callable[[], object]] = []

    def now(self) -> float:
        """Return seconds since the epoch, on this clock."""
        running = 0.0 if self._frozen else time.monotonic() - self._origin
        return self._start + running + self._ahead

    def advance(self, seconds: float) -> None:
        """Jump ahead by `seconds`; ValueError if `seconds` is negative or not finite."""
        if not math.isfinite(seconds) or seconds < 0:
            raise ValueError(f"a clock moves forward by a finite number of seconds, not by {seconds}")
        self._ahead += seconds
        for listener in self._listeners:
            listener()

    def until(self, instant: float) -> float | None:
        """Return the seconds of real time until an instant; None if only `advance` reaches it, or nothing does."""
        return None if self._frozen or math.isinf(instant) else max(0.0, instant - self.now())

    def subscribe(self, listener: Callable[[], object]) -> None:
        """Have a function called after each `advance`."""
        self._listeners.append(listener)

    def unsubscribe(self, listener: Callable[[], object]) -> None:
        """Stop calling a function."""
        self._listeners.remove(listener)


def timestamp(instant: float) -> str:
    """Write an instant as the API does: RFC 3339, UTC, whole seconds."""
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
