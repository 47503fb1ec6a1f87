"""One run from an input file to an output file: its options, the files it opens, and in which order.

The journal is next to the output and stays after the run. A resumed run first reconciles the journal with the rows of
the output, then continues where the journal says.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final, TextIO

import anyio.to_thread

from checkout_async._core.wire import Sender
from checkout_async.batch.apart import check_apart
from checkout_async.batch.command.check import check
from checkout_async.batch.command.execution import SOME_UNFINISHED, STOPPED_EARLY, Execution
from checkout_async.batch.command.interrupt import Interrupt
from checkout_async.batch.command.saying import say
from checkout_async.batch.flow import Backoff, SharedChannelData
from checkout_async.batch.formats import Format, format_of
from checkout_async.batch.journal import Journal
from checkout_async.batch.journal.database import OLDER_COPY
from checkout_async.batch.records import InvalidRecord, Record
from checkout_async.batch.report import line_counts
from checkout_async.batch.report.file import check_report_path, write_report
from checkout_async.batch.results import ResultFile
from checkout_async.batch.results.spool import spool_of
from checkout_async.batch.runner import DEFAULT_OUTAGE_BACKOFF
from checkout_async.batch.sources import Source, open_source
from checkout_async.batch.waits import PendingCalls
from checkout_async.config import Validation
from checkout_async.errors import BatchFileError, ConfigurationError, JournalError

__all__ = ["Job"]

_JOURNAL_SUFFIX: Final = ".journal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """The options of a run. An `input` or `output` of None is standard input or output; messages go to `messages`.

    The `journal` is by default `output` with `.journal` appended; a run to standard output has none by default. The
    `channel_data_file` must not be overwritten. `limit` is the number of records of the input to read. `pending_calls`
    is the hook that the client has.
    """

    input: Path | None
    output: Path | None
    messages: TextIO
    tables: TextIO
    input_format: Format | None = None
    output_format: Format | None = None
    journal: Path | None = None
    resume: bool = False
    retry_unknown: bool = False
    force: bool = False
    limit: int | None = None
    concurrency: int = 64
    in_order: bool = False
    channel_data: SharedChannelData | None = None
    channel_data_file: Path | None = None
    outage_backoff: Backoff = DEFAULT_OUTAGE_BACKOFF
    validate: Validation = "shape"
    report: Path | None = None
    pending_calls: PendingCalls = field(default_factory=PendingCalls)

    async def check(self) -> int:
        """Check every record and send nothing. Returns the exit code: 1 if one is invalid, 3 if some were not read."""
        task = asyncio.current_task()
        assert task is not None
        with open_source(self.input, self.input_format) as source, Interrupt(task.cancel) as interrupt:
            try:
                found = await check(self._records(source), self.messages, self.validate, self.channel_data)
            except asyncio.CancelledError:
                if interrupt.exit_code is None:
                    raise
                return interrupt.exit_code
        say(found.table(), self.tables)
        if source.lines is not None:
            say(line_counts(source.lines), self.tables)
        if found.stopped:
            say(f"stopped: {found.stopped}", self.messages)
            return STOPPED_EARLY
        return SOME_UNFINISHED if found.problems else 0

    async def run(self, sender: Sender) -> int:
        """Run to the end and return the exit code. Raises an error of options or files before it sends."""
        self._check_options()
        with open_source(self.input, self.input_format) as source:
            self._keep_apart(source)
            try:
                return await self._execute(sender, source)
            except JournalError as error:
                say(f"stopped: {error}", self.messages)
                return STOPPED_EARLY

    @property
    def journal_path(self) -> Path | None:
        """The path of the journal, if there is one: a device or a pipe has none by default."""
        if self.journal is not None or self.output is None or (self.output.exists() and not self.output.is_file()):
            return self.journal
        return self.output.with_name(self.output.name + _JOURNAL_SUFFIX)

    async def _execute(self, sender: Sender, source: Source) -> int:
        total = await self._total(source)
        async with AsyncExitStack() as opened:
            journal = await self._open_journal(opened)
            results = opened.enter_context(await self._open_results(journal))
            execution = self._execution(sender, results, total, journal)
            execution.summary.lines = source.lines
            with execution.interrupt:
                await execution.go(self._records(source))
                try:
                    await opened.aclose()
                except JournalError as error:
                    execution.end_with(error)
                return self._print_result(execution)

    def _print_result(self, execution: Execution) -> int:
        """Write the report, print the table of the run, and return its exit code."""
        reported = self._report(execution)
        say(execution.summary.table(), self.tables)
        return execution.exit_code if reported else execution.exit_code or SOME_UNFINISHED

    def _report(self, execution: Execution) -> bool:
        """Write the report, if one is requested; return whether that succeeded. A failure does not fail the run."""
        if self.report is None:
            return True
        names = str(self.input or "standard input"), str(self.output or "standard output")
        try:
            write_report(execution.report(*names), self.report)
        except BatchFileError as error:
            say(str(error), self.messages)
            return False
        return True

    def _execution(self, sender: Sender, results: ResultFile, total: int | None, journal: Journal | None) -> Execution:
        return Execution(
            sender,
            results,
            total,
            journal=journal,
            retry_unknown=self.retry_unknown,
            concurrency=self.concurrency,
            in_order=self.in_order,
            channel_data=self.channel_data,
            outage_backoff=self.outage_backoff,
            messages=self.messages,
            pending_calls=self.pending_calls,
        )

    def _check_options(self) -> None:
        if self.output is None:
            format_of(None, self.output_format)
        else:
            ResultFile.check(self.output, self.output_format)
        if self.report is not None:
            check_report_path(self.report)
        if self.resume and self.force:
            raise ConfigurationError("--resume continues an earlier run, --force replaces it: choose one")
        if self.retry_unknown and not self.resume:
            raise ConfigurationError("--retry-unknown needs --resume: only a resumed run has records in doubt")
        if self.resume and self.journal_path is None:
            raise ConfigurationError(
                "--resume needs a journal; with results on standard output, name one with --journal"
            )
        named = {"input": self.input, "channel data": self.channel_data_file, "output": self.output}
        check_apart({**named, "journal": self.journal_path, "report": self.report})
        self._check_leftovers()

    def _check_leftovers(self) -> None:
        """Refuse files of an earlier run, before this run creates a journal that would pass for that run's journal."""
        journal, there = self.journal_path, self._results_there()
        if self.resume and there and journal is not None and not journal.exists():
            raise BatchFileError(
                f"{there} exists but its journal {journal} does not, so nothing says what was sent. Continue with the "
                f"journal that the last run wrote. {OLDER_COPY}; --force, or another output file, sends all of them"
            )
        if self.resume or self.force:
            return
        if journal is not None and journal.exists():
            raise BatchFileError(
                f"the journal {journal} of an earlier run exists; continue that run with --resume, or replace the "
                "journal and what it knows with --force"
            )
        if there:
            raise BatchFileError(f"{there} exists; name another output file, or replace it with --force")

    def _results_there(self) -> Path | None:
        """Return the output of an earlier run; for Parquet it may be the spool only."""
        output = self.output
        if output is None or (output.exists() and not output.is_file()):
            return None
        return next((each for each in (output, spool_of(output)) if each.exists()), None)

    def _keep_apart(self, source: Source) -> None:
        read = os.fstat(source.fileno())
        written = _status_of(1 if self.output is None else self.output)
        if written is not None and stat.S_ISREG(read.st_mode) and os.path.samestat(read, written):
            raise BatchFileError("the output is the input file; name another one")

    async def _total(self, source: Source) -> int | None:
        try:
            total = await anyio.to_thread.run_sync(source.total)
        except OSError as error:
            raise BatchFileError(f"cannot read the input file {self.input}: {error.strerror}") from None
        return total if total is None or self.limit is None else min(total, self.limit)

    async def _open_journal(self, opened: AsyncExitStack) -> Journal | None:
        path = self.journal_path
        if path is None:
            return None
        if path.exists() and self.force:
            # Opening fails if it is not a journal, or if another process uses it.
            async with Journal(path):
                pass
            _remove(path)
        # The output of a run is made after its journal.
        return await opened.enter_async_context(Journal(path, create=self.force or self._results_there() is None))

    async def _open_results(self, journal: Journal | None) -> ResultFile:
        if self.output is None:
            return ResultFile.standard_output(self.output_format or Format.JSONL)
        if not self.resume or journal is None:
            return ResultFile.create(self.output, self.output_format, force=self.force)
        await journal.reconcile(partial(ResultFile.read, self.output, self.output_format))
        results, _ = await anyio.to_thread.run_sync(ResultFile.resume, self.output, self.output_format)
        return results

    async def _records(self, source: Source) -> AsyncGenerator[Record | InvalidRecord]:
        left = count() if self.limit is None else range(self.limit)
        records = source.records()
        for _ in left:
            item = await anext(records, None)
            if item is None:
                return
            yield item


def _remove(journal: Path) -> None:
    journal.unlink()


def _status_of(file: int | Path) -> os.stat_result | None:
    try:
        return os.stat(file)  # noqa: PTH116  # a Path has no such method for descriptors
    except OSError:
        return None
