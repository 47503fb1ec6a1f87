"""The progress of a run: a bar on a terminal (rich, from the `cli` extra), a plain line every few seconds elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Final, Self, TextIO, cast

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn
from rich.text import Text

from checkout_async.batch.command.console import BestEffortStream, echo, printable
from checkout_async.batch.formatting import format_count, format_rate, format_result, format_time_left
from checkout_async.batch.outcome import BatchResult, Outcome

__all__ = ["BarProgress", "LineProgress", "ProgressStats", "progress_on"]

_WINDOW: Final = 30
"""The rate shown is that of the last seconds, this many."""


def progress_on(stream: TextIO, total: int | None, pending_calls: object | None = None) -> LineProgress:
    """Return the progress display for a stream; `total` is the number of records, None if unknown.

    The current text of `pending_calls`, such as a `PendingCalls`, is part of the display.
    """
    console = Console(file=cast("TextIO", BestEffortStream(stream)))
    stats = ProgressStats(total, pending_calls)
    if console.is_terminal and not console.is_dumb_terminal:
        return BarProgress(console, stats)
    return LineProgress(stream, stats)


class ProgressStats:
    """The figures to show: counts, the rate of the last half minute, the time left, why the run is slow or paused.

    A display may read them from another thread, so no container in here changes its size while it is being read.
    """

    def __init__(
        self, total: int | None, pending_calls: object | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.total = total
        self.done: int = 0
        self.replayed: int = 0
        self.clock = clock
        self._pending_calls = pending_calls
        self._began = clock()
        self._by_result = dict.fromkeys(BatchResult, 0)
        self._recent = [(0, 0)] * _WINDOW
        """By second modulo the window: the second, from the start, and the records done in it."""
        self._pause: tuple[str, float] | None = None

    def add(self, outcome: Outcome) -> None:
        """Count one outcome. A replayed one is done, but does not count for the rate."""
        self.done += 1
        self._by_result[outcome.result] += 1
        if outcome.replayed:
            self.replayed += 1
            return
        second = int(self.clock() - self._began)
        last, count = self._recent[second % _WINDOW]
        self._recent[second % _WINDOW] = (second, count + 1 if last == second else 1)

    def pause(self, reason: str, seconds: float | None) -> None:
        """Begin, extend or end a pause."""
        self._pause = None if seconds is None else (reason, self.clock() + seconds)

    @property
    def rate(self) -> float:
        """Records a second in the window."""
        elapsed = self.clock() - self._began
        second = int(elapsed)
        span = min(elapsed, elapsed - second + _WINDOW - 1)
        done = sum(count for last, count in self._recent if second - last < _WINDOW)
        return done / span if span > 0 else 0.0

    def count(self) -> str:
        """Return the count, as in `12,000 of 30,000`."""
        return (
            format_count(self.done)
            if self.total is None
            else f"{format_count(self.done)} of {format_count(self.total)}"
        )

    def rate_text(self) -> str:
        """Return the rate, as in `240/s, 1 min 15 s left`; without the time left if it is unknown."""
        now, parts = self.rate, [f"{format_rate(self.rate)}/s"]
        if self.total is not None and self.total > self.done and now > 0 and self._pause is None:
            parts.append(f"{format_time_left((self.total - self.done) / now)} left")
        return ", ".join(parts)

    def results(self) -> str:
        """Return the counts by result, as in `11,800 authenticated, 200 declined`, and how many are replayed."""
        parts = [f"{format_count(count)} {format_result(result)}" for result, count in self._by_result.items() if count]
        known = f" ({format_count(self.replayed)} known from an earlier run)" if self.replayed else ""
        return ", ".join(parts) + known

    def blocked_reason(self) -> str:
        """Return what pauses or slows the run; empty if nothing does."""
        if self._pause is not None:
            reason, until = self._pause
            left = until - self.clock()
            return f"paused: {reason}, {f'next try in {format_time_left(left)}' if left > 0 else 'trying again'}"
        return "" if self._pending_calls is None else str(self._pending_calls)


class LineProgress:
    """Shows the progress of a run while it is entered: a line every `every` seconds, and one at the end.

    It reads `1,200 of 3,000: 240/s, 8 s left; 1,100 authenticated, 100 declined; 61 wait for the rate limit`.
    """

    def __init__(self, stream: TextIO, stats: ProgressStats, *, every: float = 5.0) -> None:
        self._stream = stream
        self._stats = stats
        self._every = every
        self._shown = stats.clock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stats.pause("", None)
        self._show()

    def advance(self, outcome: Outcome) -> None:
        """Count one outcome."""
        self._stats.add(outcome)
        if self._stats.clock() - self._shown >= self._every:
            self._show()

    def note(self, text: str) -> None:
        """Print a message on its own line, or above the bar."""
        echo(text, self._stream)

    def pause(self, reason: str, seconds: float | None) -> None:
        """Print that a pause begins or goes on, why, and the seconds until the next try; None: it is over."""
        self._stats.pause(reason, seconds)
        self.note("continuing: the pause is over" if seconds is None else self._stats.blocked_reason())

    def _show(self) -> None:
        self._shown = self._stats.clock()
        stats = self._stats
        parts = [f"{stats.count()}: {stats.rate_text()}", stats.results(), stats.blocked_reason()]
        self.note("; ".join(filter(None, parts)))


class BarProgress(LineProgress):
    """A progress bar with count, rate and time left; below it the results, and what the run waits for."""

    def __init__(self, console: Console, stats: ProgressStats) -> None:
        super().__init__(cast("TextIO", console.file), stats)
        self._console = console
        self._bar = _RichProgress(stats, console)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def advance(self, outcome: Outcome) -> None:
        """Count one outcome; the bar reads the count when it is drawn next."""
        self._stats.add(outcome)

    def note(self, text: str) -> None:
        """Print a message above the bar."""
        self._console.print(printable(text), markup=False, highlight=False, soft_wrap=True)

    def pause(self, reason: str, seconds: float | None) -> None:
        """Show the pause below the bar, with the seconds running down."""
        self._stats.pause(reason, seconds)


class _RichProgress(Progress):
    """Draws the figures, ten times a second."""

    def __init__(self, stats: ProgressStats, console: Console) -> None:
        self._stats = stats
        columns = (SpinnerColumn(), BarColumn(), TextColumn("{task.fields[count]}  {task.fields[pace]}"))
        # The constructor draws once before there is a task.
        self._task: TaskID | None = None
        super().__init__(*columns, console=console)
        self._task = self.add_task("authenticating", total=stats.total, count="", pace="")

    def get_renderables(self) -> Iterable[RenderableType]:
        """Yield the bar and the lines below it."""
        stats = self._stats
        if self._task is not None:
            self.update(self._task, completed=stats.done, count=stats.count(), pace=stats.rate_text())
        yield from super().get_renderables()
        lines = (stats.results(), stats.blocked_reason())
        yield from (Padding(Text(line, style="dim"), (0, 0, 0, 2)) for line in lines if line)
