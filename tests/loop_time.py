"""The time of an event loop as a test sets it: a deadline comes when the test says so, however busy the machine is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

__all__ = ["LoopTime", "StallThatEndsTheAttempt"]


class LoopTime:
    """The time of a loop's timers. A test lets it pass. Between that it goes on, unless it `is_stopped`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *, is_stopped: bool = False) -> None:
        now = loop.time()
        self._time: Callable[[], float] = (lambda: now) if is_stopped else loop.time
        self._skipped = 0.0
        setattr(loop, "time", self.time)  # noqa: B010 - type checkers refuse to replace a method

    def time(self) -> float:
        return self._time() + self._skipped

    def passes(self, seconds: float) -> None:
        self._skipped += seconds


class StallThatEndsTheAttempt(asyncio.Event):
    """What a server waits for that never answers. Once it waits, the time passes that an attempt may take."""

    def __init__(self, time: LoopTime, seconds: float) -> None:
        super().__init__()
        self._loop_time = time
        self._seconds = seconds

    async def wait(self) -> bool:  # type: ignore[override]  # the standard library's stub says that it returns True
        if not self.is_set():
            self._loop_time.passes(self._seconds)
        return await super().wait()
