"""A batch from an input file to an output file: `run_file` does from Python what the command does.

`FileRun` is the same with what a command shows on the way.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Generator
from contextlib import AsyncExitStack, aclosing, contextmanager
from pathlib import Path
from typing import Final

import anyio
from msgspec.structs import replace

from checkout_async._core.wire import Sender
from checkout_async.batch.breaker import OnPause
from checkout_async.batch.faults import faults_of
from checkout_async.batch.files import RunFiles
from checkout_async.batch.formats import Format
from checkout_async.batch.journal import Journal
from checkout_async.batch.options import BatchOptions
from checkout_async.batch.outcome import BatchResult, ErrorInfo, Outcome
from checkout_async.batch.pool import RunConfig
from checkout_async.batch.records import InvalidRecord, Record
from checkout_async.batch.rejects import Rejects
from checkout_async.batch.report import Report, Summary
from checkout_async.batch.results import OutputFile
from checkout_async.batch.runner import run_tracked
from checkout_async.batch.sources import Source
from checkout_async.batch.sources.base import in_thread
from checkout_async.batch.words import what_happened
from checkout_async.config import require_callback, require_type
from checkout_async.errors import CheckoutError, ConfigurationError, JournalError, RunIncomplete
from checkout_async.redaction import clears_frames, sanitize

__all__ = ["FileRun", "run_file"]

_DEFAULTS: Final = BatchOptions()
_MOST_NAMED: Final = 10


@clears_frames
async def run_file(
    sender: Sender,
    input: Path | str,  # noqa: A002  # the command's own word
    output: Path | str,
    *,
    resume: bool = False,
    force: bool = False,
    options: BatchOptions = _DEFAULTS,
    journal: Path | str | None = None,
    input_format: Format | None = None,
    output_format: Format | None = None,
    limit: int | None = None,
    rejects: Path | str | None = None,
    defaults: Path | str | None = None,
    stop: anyio.Event | None = None,
    on_outcome: Callable[[Outcome], object] | None = None,
    on_pause: OnPause | None = None,
) -> Report:
    """Authenticate the records of a file, write their outcomes to another one, and return the report.

    The formats follow from the suffixes of the names, unless they are given. The `journal` is by default `output` with
    `.journal` appended: it is the truth about the run, and the output is an export of it. With `resume`, the run
    continues an earlier one, or begins if there was none, and sends nothing twice; `force` replaces output and journal.
    `rejects` gets a copy of each invalid record with the reason, to correct and to read again. `defaults` is a JSON
    file with members that all records share; a record's own win. `on_outcome` is called with each outcome. `run`
    describes `options`, `stop` and `on_pause`.

    Raises BatchFileError, ConfigurationError or MissingExtra before anything is sent. A run that ends early raises its
    reason, such as AuthenticationFailed, JournalError or RunIncomplete, after the output is written.
    """
    given = {"journal": journal, "rejects": rejects, "defaults": defaults}
    optional = {name: path for name, path in given.items() if path is not None}
    for name, path in {"input": input, "output": output, **optional}.items():
        require_type(name, path, str, Path)
    require_callback("on_outcome", on_outcome)
    require_callback("on_pause", on_pause)
    files = RunFiles(
        input=Path(input),
        output=Path(output),
        journal=None if journal is None else Path(journal),
        input_format=_format("input_format", input_format),
        output_format=_format("output_format", output_format),
        resume=resume,
        force=force,
        limit=limit,
        rejects=None if rejects is None else Path(rejects),
        defaults=None if defaults is None else Path(defaults),
    )
    file_run = FileRun(files, options, stop=stop, on_outcome=on_outcome, on_pause=on_pause)
    await file_run.run(sender)
    if file_run.failure is not None:
        raise file_run.failure
    return file_run.report()


class FileRun:
    """A run from an input to an output. `failure` is the reason if it ends before its input does.

    `in_flight` are the lines of the records that may have been sent and have no outcome yet. `rejected` is the number
    of records copied to the rejects file, `recorded` that of new outcomes that are in the journal or, without one, in
    the output. `on_start` is called with the number of records, None if it is unknown; `on_problem` with a text about
    an outcome that could not be written.
    """

    def __init__(
        self,
        files: RunFiles,
        options: BatchOptions,
        *,
        stop: anyio.Event | None = None,
        on_start: Callable[[int | None], object] | None = None,
        on_outcome: Callable[[Outcome], object] | None = None,
        on_pause: OnPause | None = None,
        on_problem: Callable[[str], object] | None = None,
    ) -> None:
        self._files = files
        self._options = options
        self._caller_stop = stop
        # Of its own: the caller may stop several runs by one event, and this run stops if it cannot write.
        self._stop = anyio.Event()
        self._on_start = on_start
        self._on_outcome = on_outcome
        self._on_pause = on_pause
        self._on_problem = on_problem
        self.summary: Summary = Summary()
        self.failure: CheckoutError | None = None
        self.in_flight: set[int] = set()
        self._unfinished: dict[int, Record | InvalidRecord] = {}
        self.last_line: int = 0
        self.recorded: int = 0
        self.rejected: int = 0
        self.has_journal: bool = False
        self._rejects: Rejects | None = None

    async def run(self, sender: Sender) -> None:
        """Run to the end. Raises errors of options and files before anything is sent; a later one is the `failure`."""
        files = self._files
        if self._options.retry_unknown and not files.resume:
            raise ConfigurationError("--retry-unknown needs --resume: only a resumed run has records in doubt")
        files.check()
        defaults = await in_thread(files.read_defaults)
        with files.open_input() as source, self._following_caller():
            total = await files.count(source)
            self.summary.lines = source.lines
            try:
                async with AsyncExitStack() as opened:
                    if not await opened.enter_async_context(files.reader_of_output(self._stop)):
                        return
                    journal = await files.open_journal(opened, defaults)
                    self.has_journal = journal is not None
                    output = opened.enter_context(await files.open_output(journal, source.dialect))
                    opened.enter_context(self._copying_rejects(source))
                    if self._on_start is not None:
                        self._on_start(total)
                    records = self._noted(files.records(source, defaults))
                    await self._run(sender, records, output, journal)
            except JournalError as error:
                self._fail(error)

    def report(self, stopped: str = "") -> Report:
        """Return the report of the run so far."""
        files = self._files
        names = str(files.input or "standard input"), str(files.output or "standard output")
        return self.summary.report(
            *names, stopped=stopped or ("" if self.failure is None else what_happened(self.failure))
        )

    @contextmanager
    def _copying_rejects(self, source: Source) -> Generator[None]:
        """While entered, copy the rejected records of a source, if there is a file for them. Raises BatchFileError."""
        try:
            with self._files.open_rejects(source) as rejects:
                self._rejects = rejects
                yield
        except RunIncomplete as error:
            self._fail(error)

    async def _run(
        self,
        sender: Sender,
        records: AsyncIterable[Record | InvalidRecord],
        output: OutputFile,
        journal: Journal | None,
    ) -> None:
        outcomes = run_tracked(
            RunConfig(sender=sender, options=self._options, journal=journal),
            records,
            stop=self._stop,
            on_pause=self._on_pause,
            in_flight=self.in_flight,
        )
        try:
            async with aclosing(outcomes):
                async for outcome in outcomes:
                    self._take(outcome, output, journal)
        except CheckoutError as error:
            self._fail(error)
        is_complete = not (self._stop.is_set() or self.failure is not None or self._files.limit is not None)
        try:
            await output.finish(journal, is_complete=is_complete)
        except (OSError, CheckoutError) as error:
            self._fail(RunIncomplete(f"cannot write results: {_reason(error)}"))
        if journal is not None and is_complete:
            await self._count_removed(journal)

    async def _count_removed(self, journal: Journal) -> None:
        """Count the records in doubt that are no longer in the input: their sessions may exist all the same."""
        doubtful = list[Outcome]()
        await journal.export_unread(lambda outcome: None if outcome.result.is_final else doubtful.append(outcome))
        for outcome in doubtful:
            self.summary.add(outcome)
        if doubtful and self._on_problem is not None:
            named = [each.session_id or sanitize(each.reference or f"line {each.line}") for each in doubtful]
            self._on_problem(
                f"{len(doubtful)} records in doubt are no longer in the input: {', '.join(named[:_MOST_NAMED])}"
                f"{' and others' if len(named) > _MOST_NAMED else ''}; put them back, or look them up"
            )

    @contextmanager
    def _following_caller(self) -> Generator[None]:
        """While entered, stop when the caller says so."""
        following = asyncio.create_task(self._follow(self._caller_stop)) if self._caller_stop is not None else None
        try:
            yield
        finally:
            if following is not None:
                following.cancel()

    async def _follow(self, stop: anyio.Event) -> None:
        await stop.wait()
        self._stop.set()

    async def _noted(self, records: AsyncIterable[Record | InvalidRecord]) -> AsyncGenerator[Record | InvalidRecord]:
        try:
            async for item in records:
                self._unfinished[item.line] = item
                self.last_line = item.line
                yield item
        except OSError as error:
            # Here, where only reading raises it: a callback of the caller may raise one, too.
            raise RunIncomplete(f"cannot read the input: {error.strerror}") from None

    def _take(self, outcome: Outcome, output: OutputFile, journal: Journal | None) -> None:
        self._copy_if_rejected(self._unfinished.pop(outcome.line), outcome)
        self.summary.add(outcome)
        if self._on_outcome is not None:
            self._on_outcome(outcome)
        row = outcome
        if outcome.replayed and outcome.result.is_final:
            if not output.is_stream:
                return  # it is in the output since the run began
            row = replace(outcome, replayed=False)  # as in a file
        if journal is not None and outcome.entry is None:
            # The output is an export of the journal, which could not be written.
            self._tell_unwritten(outcome)
            return
        self.recorded += journal is not None and not outcome.replayed
        try:
            output.write(row)
        except Exception as error:  # noqa: BLE001  # calls in flight must finish all the same
            self._fail(RunIncomplete(f"cannot write results: {_reason(error)}"))
            self._stop.set()
            if journal is None:
                self._tell_unwritten(outcome)
        else:
            self.recorded += journal is None

    def _copy_if_rejected(self, item: Record | InvalidRecord, outcome: Outcome) -> None:
        if self._rejects is None:
            return
        row = self._rejects.take(item)
        if outcome.result is BatchResult.INVALID:
            self.rejected += 1
            try:
                self._rejects.add(row, faults_of(item, self._options, outcome.error))
            except RunIncomplete as error:
                self._fail(error)
                self._stop.set()

    def _tell_unwritten(self, outcome: Outcome) -> None:
        if self._on_problem is not None:
            what = f"session {outcome.session_id} {outcome.status}" if outcome.session_id else outcome.result
            self._on_problem(f"not written: line {outcome.line}, {what}")

    def _fail(self, error: CheckoutError) -> None:
        # The first reason is the cause of those that follow.
        self.failure = self.failure or error


def _format(name: str, given: str | None) -> Format | None:
    """Return a format that may be given as text. Raises ConfigurationError."""
    try:
        return None if given is None else Format(given)
    except ValueError:
        raise ConfigurationError(f"{name} must be one of {', '.join(Format)}") from None


def _reason(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else ErrorInfo.of(error).message
