"""How far a run is: a bar on a terminal (rich, from the `cli` extra), a plain line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Protocol, Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

__all__ = ["BarProgress", "LineProgress", "RunProgress", "progress_on"]


class RunProgress(AbstractContextManager["RunProgress"], Protocol):
    """Shows the progress of a run while it is entered."""

    def advance(self) -> None:
        """Count one finished line."""
        ...

    def note(self, text: str) -> None:
        """Say something beside the count."""
        ...


def progress_on(stream: TextIO, total: int | None) -> RunProgress:
    """Return the progress display for a stream; `total` is the number of lines to come, None if nobody knows."""
    console = Console(file=stream)
    if console.is_terminal and not console.is_dumb_terminal:
        return BarProgress(console, total)
    return LineProgress(stream, total)


class BarProgress:
    """A progress bar with count, rate and time left."""

    def __init__(self, console: Console, total: int | None) -> None:
        columns = (SpinnerColumn(), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"))
        self._progress = Progress(*columns, TimeRemainingColumn(), console=console)
        self._task = self._progress.add_task("authenticating", total=total, rate="")
        self._started = time.monotonic()
        self._done = 0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._progress.stop()

    def advance(self) -> None:
        """Count one finished line."""
        self._done += 1
        rate = f"{_per_second(self._done, time.monotonic() - self._started)}/s"
        self._progress.update(self._task, advance=1, rate=rate)

    def note(self, text: str) -> None:
        """Say something above the bar."""
        self._progress.console.print(text, markup=False, highlight=False, soft_wrap=True)


class LineProgress:
    """A line such as `1200 of 3000 lines, 240/s` whenever `every` seconds have passed, and one at the end."""

    def __init__(
        self, stream: TextIO, total: int | None, *, every: float = 5.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream = stream
        self._of = "" if total is None else f" of {total}"
        self._every = every
        self._clock = clock
        self._started = self._shown = clock()
        self._done = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._show(self._clock())

    def advance(self) -> None:
        """Count one finished line."""
        self._done += 1
        now = self._clock()
        if now - self._shown >= self._every:
            self._show(now)

    def note(self, text: str) -> None:
        """Say something on a line of its own."""
        print(text, file=self._stream, flush=True)

    def _show(self, now: float) -> None:
        self._shown = now
        self.note(f"{self._done}{self._of} lines, {_per_second(self._done, now - self._started)}/s")


def _per_second(done: int, seconds: float) -> str:
    return f"{done / seconds:.0f}" if seconds > 0 else "0"
