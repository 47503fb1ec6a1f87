"""Ends exchanges at their deadline, with one timer for all of them.

aiohttp starts a timer for each request, which costs 10 us of the 90 that an exchange takes. Nearly all exchanges end
long before their deadline, so they are only noted here, and the timer runs until the earliest of them could be due.
"""

from __future__ import annotations

import asyncio

__all__ = ["Deadline", "Deadlines"]


class Deadline:
    """When the exchange that a task makes has to end, in the event loop's time."""

    __slots__ = ("_before", "_task", "at", "has_passed", "was_undone")

    def __init__(self, at: float, task: asyncio.Task[object]) -> None:
        self.at: float = at
        self.has_passed: bool = False
        self.was_undone: bool = False
        self._task = task
        self._before = task.cancelling()

    def interrupt(self) -> None:
        """Cancel the exchange. `undo` takes that back."""
        self.has_passed = True
        self._task.cancel()

    def undo(self) -> bool:
        """Take the cancellation back. Return whether there was one, and no other: then the task goes on.

        As `asyncio.timeout` does it, so both may surround one another, and anyio's scopes too.
        """
        if not self.has_passed or self.was_undone:
            return False
        self.was_undone = True
        return self._task.uncancel() <= self._before


class Deadlines:
    """The deadlines of the exchanges in progress on one event loop, `loop`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._running: set[Deadline] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0

    def start(self, seconds: float) -> Deadline:
        """Note that this task begins an exchange, which has to end within `seconds`."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a request can be sent in a task only")
        deadline = Deadline(self.loop.time() + seconds, task)
        self._running.add(deadline)
        if self._timer is None or deadline.at < self._due:
            self._set_timer(deadline.at)
        return deadline

    def stop(self, deadline: Deadline) -> None:
        """Note that an exchange ended."""
        self._running.discard(deadline)
        deadline.undo()

    def close(self) -> None:
        """End the exchanges in progress now, and stop the timer."""
        for each in self._running:
            if not each.has_passed:
                each.interrupt()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set_timer(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._due = self.loop.call_at(at, self._interrupt_due), at

    def _interrupt_due(self) -> None:
        self._timer = None
        waiting = [each for each in self._running if not each.has_passed]
        # Not compared with the present: a timer may come early by the clock's resolution, and would ring again at once.
        for each in waiting:
            if each.at <= self._due:
                each.interrupt()
        later = [each.at for each in waiting if not each.has_passed]
        if later:
            self._set_timer(min(later))
