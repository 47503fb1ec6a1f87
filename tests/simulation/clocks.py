"""The clocks of the processes: each has a wall clock that may be wrong and may be set, and a monotonic clock.

The wall clock jumps in both directions, as when somebody or NTP sets it. The monotonic clock never goes back; it jumps
forward, as on systems where it goes on while the machine is suspended. Timers of the event loop are not affected, so
after such a jump a timer is late, as those of a machine that was suspended. Both clocks may run too fast or too slow.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from unittest import mock

from simloom._context import current_host

DRIFT = 0.001
"""How much a clock may run too fast or too slow: ten times as much as the crystals of usual machines."""

SETTLES = 15.0
"""Seconds after which a process shares the rates again: docs/limits.md, and the time-outs of Redis."""


@dataclass
class ProcessClock:
    """The clocks of one process, in seconds relative to the true time."""

    true: Callable[[], float]
    wrong_by: float = 0.0
    """What the wall clock shows too much."""
    slept: float = 0.0
    """What the monotonic clock shows too much."""
    drift: float = 0.0
    """How many seconds both clocks gain in a second."""
    _since: float = 0.0

    def set(self, wrong_by: float) -> None:
        """Set the wall clock."""
        self._since, self.wrong_by = self.true(), wrong_by

    @property
    def ahead(self) -> float:
        """What the wall clock shows too much now."""
        return self.wrong_by + self.drift * (self.true() - self._since)


def running_process() -> str:
    """Return the name of the process whose code is running; an empty text outside of all hosts."""
    host = current_host.get()
    # A process that starts again gets a new host, such as shop0.1.
    return "" if host is None else host.name.partition(".")[0]


@dataclass
class Clocks:
    """The clock of every process, by its name. `monotonic` and `wall` are true; both are in seconds."""

    monotonic: Callable[[], float]
    wall: Callable[[], float]
    _of: dict[str, ProcessClock] = field(default_factory=dict[str, ProcessClock])

    def of(self, process: str) -> ProcessClock:
        """Return the clock of a process, which outlives its restarts: it is that of the machine."""
        return self._of.setdefault(process, ProcessClock(self.monotonic))

    def time(self) -> float:
        """Return what the wall clock of the running process shows."""
        return self.wall() + self._here().ahead

    def since_start(self) -> float:
        """Return what the monotonic clock of the running process shows."""
        true, clock = self.monotonic(), self._here()
        return true + clock.slept + clock.drift * true

    def _here(self) -> ProcessClock:
        return self.of(running_process())

    @contextmanager
    def installed(self) -> Generator[None]:
        """Replace the functions of `time`, so that each process reads its own clocks."""
        with ExitStack() as stack:
            for name, function in (
                ("time", self.time),
                ("time_ns", lambda: int(self.time() * 1e9)),
                ("monotonic", self.since_start),
                ("monotonic_ns", lambda: int(self.since_start() * 1e9)),
            ):
                stack.enter_context(mock.patch.object(time, name, function))
            yield
