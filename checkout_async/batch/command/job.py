"""What the command does: run a batch with a report at its end, or check every record and send nothing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from checkout_async._core.wire import Sender
from checkout_async.batch.backlog import PendingCalls
from checkout_async.batch.command.console import echo
from checkout_async.batch.command.dry_run import DryRunReport, check
from checkout_async.batch.command.execution import SOME_UNFINISHED, STOPPED_EARLY, Execution
from checkout_async.batch.command.interrupt import Interrupt
from checkout_async.batch.files import RunFiles
from checkout_async.batch.formats import format_of
from checkout_async.batch.options import BatchOptions
from checkout_async.batch.paths import require_distinct_files
from checkout_async.batch.report import line_counts
from checkout_async.batch.report.file import check_report_path, write_report
from checkout_async.errors import BatchFileError, ConfigurationError, RunIncomplete

__all__ = ["Job"]


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
        defaults = self.files.read_defaults()
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
        return SOME_UNFINISHED if found.invalid else 0

    async def run(self, sender: Sender) -> int:
        """Run to the end and return the exit code. Raises an error of options or files before it sends."""
        self._check_options()
        execution = Execution(self.files, self.options, self.stderr, self.pending_calls)
        with execution.interrupt:
            await execution.run(sender)
            reported = self._report(execution)
            echo(execution.table(), self.stdout)
            return execution.exit_code if reported else execution.exit_code or SOME_UNFINISHED

    def _report(self, execution: Execution) -> bool:
        """Write the report, if one is requested; return whether that succeeded. A failure does not fail the run."""
        if self.report is None:
            return True
        try:
            write_report(execution.report(), self.report)
        except BatchFileError as error:
            echo(str(error), self.stderr)
            return False
        return True

    def _check_options(self) -> None:
        files = self.files
        if self.report is not None:
            check_report_path(self.report)
        if self.options.retry_unknown and not files.resume:
            raise ConfigurationError("--retry-unknown needs --resume: only a resumed run has records in doubt")
        self.require_distinct_files()

    def require_distinct_files(self) -> None:
        """Refuse files that would overwrite each other. Raises BatchFileError."""
        inputs = {"input": self.files.input, "channel data": self.channel_data_file}
        require_distinct_files({**inputs, **self.files.named, "report": self.report, "log": self.log})
