"""One run from a file of requests to a file of results: reading, writing, progress, signals, summary, exit code.

Exit codes: 0 every line has a session's result, even a declined one; 1 lines with errors, or a run that could not go
on; 130 after Ctrl-C and 143 after SIGTERM. What cannot work from the start is a ConfigurationError.
"""

from __future__ import annotations

import asyncio
import io
import os
import stat
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import msgspec

from checkout_async._core.codec import encode_body
from checkout_async._core.wire import Sender
from checkout_async.batch.flow import DEFAULT_CHANNEL_DATA, SharedChannelData
from checkout_async.batch.interrupt import Interrupt
from checkout_async.batch.outcome import Outcome
from checkout_async.batch.progress import progress_on
from checkout_async.batch.records import BadLine, Readable, Record, count_records, read_records
from checkout_async.batch.report import Summary
from checkout_async.batch.runner import authenticate
from checkout_async.batch.sink import ResultFile
from checkout_async.errors import CheckoutError, ConfigurationError, InvalidRequest

__all__ = ["Job", "read_channel_data"]

_channel_data: msgspec.json.Decoder[SharedChannelData] = msgspec.json.Decoder(SharedChannelData)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to run. A `source` or `target` of None is standard input or output; messages go to `messages`."""

    source: Path | None
    target: Path | None
    messages: TextIO
    tables: TextIO
    force: bool = False
    concurrency: int = 64
    channel_data: SharedChannelData = DEFAULT_CHANNEL_DATA

    async def run(self, sender: Sender) -> int:
        """Run to the end and return the exit code. Raises ConfigurationError before anything is sent."""
        source = self._open_source()
        with source, self._open_target(source) as results:
            run = _Run(self, sender, results, self._total())
            code = await run.go(source)
        print(run.summary.table(), file=self.tables, flush=True)
        return code

    def _open_source(self) -> io.FileIO:
        if self.source is None:
            return io.FileIO(0, closefd=False)
        try:
            return io.FileIO(self.source)
        except OSError as error:
            raise ConfigurationError(f"cannot read the input file {self.source}: {error.strerror}") from None

    def _open_target(self, source: io.FileIO) -> ResultFile:
        read = os.fstat(source.fileno())
        written = _status_of(1 if self.target is None else self.target)
        if written is not None and stat.S_ISREG(read.st_mode) and os.path.samestat(read, written):
            raise ConfigurationError("the output is the input file; name another one")
        if self.target is None:
            return ResultFile.standard_output()
        return ResultFile.create(self.target, force=self.force)

    def _total(self) -> int | None:
        if self.source is None or not stat.S_ISREG(self.source.stat().st_mode):
            return None
        return count_records(self.source)


def _status_of(file: int | Path) -> os.stat_result | None:
    try:
        return os.stat(file)  # noqa: PTH116  # a Path has no such method for descriptors
    except OSError:
        return None


class _Run:
    """A job while it runs: which lines were read and have no result yet, and why it is to end early."""

    def __init__(self, job: Job, sender: Sender, results: ResultFile, total: int | None) -> None:
        self._job = job
        self._sender = sender
        self._results = results
        self._total = total
        self._progress = progress_on(job.messages, total)
        self._interrupt = Interrupt(self._announce_stop)
        self._open: set[int] = set()
        self._last_line = 0
        self._written = 0
        self._failed = False
        self.summary = Summary()

    async def go(self, source: Readable) -> int:
        """Authenticate every line, whatever happens say how far it came, and return the exit code."""
        with self._progress, self._interrupt:
            try:
                await self._authenticate(source)
            except asyncio.CancelledError:
                if self._interrupt.received is None:
                    raise
                self._say_what_is_open()
            except CheckoutError as error:
                self._failed = True
                self._progress.note(f"stopped: {error}")
            except OSError as error:
                self._failed = True
                self._progress.note(f"stopped: cannot read the input: {error.strerror}")
            if self._failed or self._interrupt.received:
                self._say_how_far()
        return self._interrupt.exit_code or int(self._failed or bool(self.summary.by_error))

    async def _authenticate(self, source: Readable) -> None:
        job = self._job
        outcomes = authenticate(
            self._sender,
            self._noted(source),
            concurrency=job.concurrency,
            channel_data=job.channel_data,
            stop=self._interrupt.stop,
        )
        async with aclosing(outcomes):
            async for outcome in outcomes:
                self._take(outcome)

    async def _noted(self, source: Readable) -> AsyncGenerator[Record | BadLine]:
        async for item in read_records(source):
            self._open.add(item.line)
            self._last_line = item.line
            yield item

    def _take(self, outcome: Outcome) -> None:
        self._open.discard(outcome.line)
        self.summary.add(outcome)
        self._progress.advance()
        try:
            self._results.write(outcome)
        except OSError as error:
            self._stop_unwritten(outcome, error)
        else:
            self._written += 1

    def _stop_unwritten(self, outcome: Outcome, error: OSError) -> None:
        if not self._failed:
            self._progress.note(f"cannot write results, stopping: {error.strerror}")
        self._failed = True
        self._interrupt.stop.set()
        what = f"session {outcome.session_id} {outcome.status}" if outcome.session_id else "no session"
        self._progress.note(f"not written: line {outcome.line}, {what}")

    def _announce_stop(self) -> None:
        self._progress.note(f"stopping: {len(self._open)} in flight will be finished; once more stops at once")

    def _say_how_far(self) -> None:
        of = "" if self._total is None else f" of {self._total}"
        self._progress.note(f"{self._written}{of} lines have a result; the last line read was {self._last_line}")

    def _say_what_is_open(self) -> None:
        lines = ", ".join(str(line) for line in sorted(self._open))
        self._progress.note(f"stopped at once: read but without a result, a session may exist: lines {lines}")


def read_channel_data(path: Path) -> SharedChannelData:
    """Read channel data of a browser, or for merchant-initiated sessions, from a JSON file.

    Raises ConfigurationError that names the JSON path of what does not fit.
    """
    try:
        content = msgspec.json.decode(path.read_bytes(), type=dict[str, object])
        checked = encode_body(f"channel data in {path}", content, SharedChannelData)
    except OSError as error:
        raise ConfigurationError(f"cannot read the channel data {path}: {error.strerror}") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ConfigurationError(f"the channel data in {path} are not a JSON object") from None
    except InvalidRequest as error:
        raise ConfigurationError(str(error)) from None
    return _channel_data.decode(checked)
