"""One run of the command: it shows progress, handles signals, and prints how far the run came.

Exit codes: 0 every record has a final result, even a declined one; 1 some are invalid, failed or unknown, or the input
has no records; 3 the run ended before its input did; 130 after Ctrl-C, 143 after SIGTERM and 129 after SIGHUP.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Final, TextIO

from checkout_async._core.wire import Sender
from checkout_async.batch.backlog import PendingCalls
from checkout_async.batch.command.console import echo
from checkout_async.batch.command.interrupt import Interrupt
from checkout_async.batch.command.progress import LineProgress, progress_on
from checkout_async.batch.file_run import FileRun
from checkout_async.batch.files import RunFiles
from checkout_async.batch.formatting import format_count
from checkout_async.batch.options import BatchOptions
from checkout_async.batch.outcome import Outcome
from checkout_async.batch.report import Report

__all__ = ["SOME_UNFINISHED", "STOPPED_EARLY", "Execution"]

SOME_UNFINISHED: Final = 1
STOPPED_EARLY: Final = 3

_log = logging.getLogger("checkout_async.batch")


class Execution:
    """A run with progress on `messages`. Enter its `interrupt` for as long as it is to handle signals."""

    def __init__(
        self, files: RunFiles, options: BatchOptions, messages: TextIO, pending_calls: PendingCalls | None = None
    ) -> None:
        self._files = files
        self._messages = messages
        self._pending_calls = pending_calls
        self._progress: LineProgress | None = None
        self._total: int | None = None
        self.interrupt = Interrupt(self._announce_stop)
        self._file_run = FileRun(
            files,
            # The first signal, and any other end of the run, lets calls in flight finish. A second signal cancels, and
            # then nothing is waited for.
            replace(options, drain=0),
            stop=self.interrupt.stop,
            on_start=self._start,
            on_outcome=self._count,
            on_pause=self._pause,
            on_problem=self._note,
        )

    async def run(self, sender: Sender) -> None:
        """Authenticate every record, and print how far it came if it ends early."""
        try:
            with self.interrupt.cancelling():
                await self._file_run.run(sender)
        except asyncio.CancelledError:
            if self.interrupt.received is None:
                raise
            self._print_in_flight()
        finally:
            if self._progress is not None:
                self._end_progress(self._progress)

    @property
    def exit_code(self) -> int:
        """The exit code of the process."""
        if (ended_by_signal := self.interrupt.exit_code) is not None:
            return ended_by_signal
        if self._file_run.failure is not None:
            return STOPPED_EARLY
        if not self._file_run.summary.done:
            return SOME_UNFINISHED
        by_result = self._file_run.summary.by_result
        return SOME_UNFINISHED if any(count for result, count in by_result.items() if not result.is_final) else 0

    def report(self) -> Report:
        """Return the report of the run."""
        received = self.interrupt.received
        return self._file_run.report("" if received is None or self._file_run.failure else f"ended by {received.name}")

    def table(self) -> str:
        """Return the counts of the run as text."""
        return self._file_run.summary.table()

    def _start(self, total: int | None) -> None:
        self._total = total
        self._progress = progress_on(self._messages, total, self._pending_calls)
        self._progress.__enter__()

    def _end_progress(self, progress: LineProgress) -> None:
        failure = self._file_run.failure
        if failure is not None:
            self._note(f"stopped: {failure}")
        elif not self._file_run.summary.done and self.interrupt.received is None:
            self._note("the input has no records")
        if rejected := self._file_run.rejected:
            self._note(f"{format_count(rejected)} rejected records are in {self._files.rejects}, to be corrected")
        if failure is not None or self.interrupt.received is not None:
            self._print_summary()
        progress.__exit__(None, None, None)

    def _count(self, outcome: Outcome) -> None:
        if self._progress is not None:
            self._progress.advance(outcome)

    def _pause(self, reason: str, seconds: float | None) -> None:
        _log.warning("the pause is over" if seconds is None else f"paused for {seconds:.0f} s: {reason}")
        if self._progress is not None:
            self._progress.pause(reason, seconds)

    def _note(self, text: str) -> None:
        _log.info(text)
        if self._progress is not None:
            self._progress.note(text)
        else:
            echo(text, self._messages)

    def _announce_stop(self) -> None:
        in_flight = len(self._file_run.in_flight)
        self._note(f"stopping: {in_flight} in flight will be finished; a second signal stops at once")

    def _print_summary(self) -> None:
        of = "" if self._total is None else f" of {format_count(self._total)}"
        replayed = self._file_run.summary.replayed
        known = f", {format_count(replayed)} were known" if replayed else ""
        recorded, last = format_count(self._file_run.recorded), self._file_run.last_line
        self._note(f"{recorded}{of} records have a new result{known}; the last line read was {last}")
        if self._file_run.has_journal:
            self._note("to continue, run the same command with --resume")

    def _print_in_flight(self) -> None:
        if not self._file_run.in_flight:
            self._note("stopped at once: no request was in flight")
            return
        lines = ", ".join(str(line) for line in sorted(self._file_run.in_flight))
        self._note(f"stopped at once: these lines have no result, but a session may exist: {lines}")
