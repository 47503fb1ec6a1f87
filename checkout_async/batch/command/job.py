"""What the command does: run a batch with a report at its end, or check every record and send nothing.

Exit codes: 0 every record has a final result, even a declined one; 1 some are invalid, failed or unknown, or the input
has no records; 3 the run ended before its input did; 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TextIO

from checkout_async._core.wire import Sender
from checkout_async.batch.backlog import PendingCalls
from checkout_async.batch.command.console import echo
from checkout_async.batch.command.dry_run import DryRunReport, check
from checkout_async.batch.command.interrupt import Interrupt
from checkout_async.batch.command.progress import LineProgress, progress_on
from checkout_async.batch.file_run import FileRun
from checkout_async.batch.files import RunFiles, require_distinct_files
from checkout_async.batch.formats import format_of
from checkout_async.batch.formatting import format_count
from checkout_async.batch.options import BatchOptions
from checkout_async.batch.outcome import Outcome
from checkout_async.batch.report import Report, line_counts
from checkout_async.batch.report.file import check_report_path, write_report
from checkout_async.batch.sources.base import in_thread
from checkout_async.batch.words import what_happened
from checkout_async.errors import BatchFileError, RunIncomplete

__all__ = ["SOME_UNFINISHED", "STOPPED_EARLY", "Job"]

SOME_UNFINISHED: Final = 1
STOPPED_EARLY: Final = 3

_log = logging.getLogger("checkout_async.batch")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """The options of the command. Messages go to `stderr`, tables to `stdout`.

    The `channel_data_file` must not be overwritten, nor the `log`. `pending_calls` is the hook that the client has.
    """

    files: RunFiles
    stderr: TextIO
    stdout: TextIO
    options: BatchOptions = field(default_factory=BatchOptions)
    channel_data_file: Path | None = None
    report: Path | None = None
    log: Path | None = None
    pending_calls: PendingCalls = field(default_factory=PendingCalls)

    async def check(self) -> int:
        """Check every record and send nothing. Returns the exit code: 1 if one is invalid, 3 if some were not read."""
        task = asyncio.current_task()
        assert task is not None
        self.require_distinct_files()
        self.files.check_rejects()
        defaults = await in_thread(self.files.read_defaults)
        found = DryRunReport(self.stderr, format_of(self.files.input, self.files.input_format))
        with self.files.open_input() as source, Interrupt(task.cancel) as interrupt:
            try:
                with self.files.open_rejects(source) as rejects:
                    await check(self.files.records(source, defaults), source, found, self.options, rejects)
            except RunIncomplete as error:
                found.stopped = str(error)
            except asyncio.CancelledError:
                if interrupt.exit_code is None:
                    raise
                return interrupt.exit_code
        if found.hidden() and self.files.rejects is None:
            echo(found.hidden(), self.stderr)
        echo(found.table(), self.stdout)
        if source.lines is not None:
            echo(line_counts(source.lines), self.stdout)
        if found.stopped:
            echo(f"stopped: {found.stopped}", self.stderr)
            return STOPPED_EARLY
        if not found.valid and not found.invalid:
            echo("the input has no records", self.stderr)
            return SOME_UNFINISHED
        return SOME_UNFINISHED if found.invalid else 0

    async def run(self, sender: Sender) -> int:
        """Run to the end and return the exit code. Raises an error of options or files before it sends."""
        self._check_options()
        execution = Execution(self.files, self.options, self.stderr, self.pending_calls)
        with execution.interrupt:
            await execution.run(sender)
            reported = self.write_report(execution.report())
            echo(execution.table(), self.stdout)
            return execution.exit_code if reported else execution.exit_code or SOME_UNFINISHED

    def write_report(self, report: Report) -> bool:
        """Write the report, if one is requested; return whether that succeeded. A failure does not fail the run."""
        if self.report is None:
            return True
        try:
            write_report(report, self.report)
        except BatchFileError as error:
            echo(str(error), self.stderr)
            return False
        return True

    def _check_options(self) -> None:
        if self.report is not None:
            check_report_path(self.report)
        self.require_distinct_files()

    def require_distinct_files(self) -> None:
        """Refuse files that would overwrite each other. Raises BatchFileError."""
        inputs = {"input": self.files.input, "channel data": self.channel_data_file}
        require_distinct_files({**inputs, **self.files.named, "report": self.report, "log": self.log})


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
        self.interrupt: Interrupt = Interrupt(self._announce_stop)
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
            self._note(f"stopped: {what_happened(failure)}")
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
