"""One run of the command: it writes results, shows progress, handles signals, and prints how far it came.

Exit codes: 0 every record has a final result, even a declined one; 1 some are invalid, failed or unknown; 3 the run
ended before its input did; 130 after Ctrl-C and 143 after SIGTERM.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing
from typing import Final, TextIO

from checkout_async._core.wire import Sender
from checkout_async.batch.command.interrupt import Interrupt
from checkout_async.batch.command.progress import progress_on
from checkout_async.batch.flow import Backoff, SharedChannelData
from checkout_async.batch.journal import Journal
from checkout_async.batch.outcome import ErrorInfo, Outcome
from checkout_async.batch.records import InvalidRecord, Record
from checkout_async.batch.report import Report, Summary
from checkout_async.batch.results import ResultFile
from checkout_async.batch.runner import run
from checkout_async.batch.waits import PendingCalls
from checkout_async.batch.wording import number
from checkout_async.errors import CheckoutError, JournalError

__all__ = ["SOME_UNFINISHED", "STOPPED_EARLY", "Execution"]

SOME_UNFINISHED: Final = 1
STOPPED_EARLY: Final = 3


class Execution:
    """A run: the records that were read and have no outcome yet, and the reason if it ends early.

    Enter its `interrupt` for as long as it is to handle signals.
    """

    def __init__(
        self,
        sender: Sender,
        results: ResultFile,
        total: int | None,
        *,
        journal: Journal | None,
        retry_unknown: bool,
        concurrency: int,
        in_order: bool,
        channel_data: SharedChannelData | None,
        outage_backoff: Backoff,
        messages: TextIO,
        pending_calls: PendingCalls,
    ) -> None:
        self._sender = sender
        self._results = results
        self._total = total
        self._journal = journal
        self._retry_unknown = retry_unknown
        self._concurrency = concurrency
        self._in_order = in_order
        self._channel_data = channel_data
        self._outage_backoff = outage_backoff
        self._progress = progress_on(messages, total, pending_calls)
        self.interrupt = Interrupt(self._announce_stop)
        self._open: set[int] = set()
        self._last_line = 0
        self._written = 0
        self._unwritten: list[int] = []
        self._stopped = ""
        self.summary = Summary()

    async def go(self, records: AsyncIterable[Record | InvalidRecord]) -> None:
        """Authenticate every record, and print how far it came if it ends early."""
        with self._progress:
            try:
                with self.interrupt.cancelling():
                    await self._authenticate(records)
            except asyncio.CancelledError:
                if self.interrupt.received is None:
                    raise
                self._print_in_flight()
            except CheckoutError as error:
                self._stop(str(error))
            except OSError as error:
                self._stop(f"cannot read the input: {error.strerror}")
            self._finish()
            await self._mark_unreported()
            if self._stopped or self.interrupt.received:
                self._print_summary()

    def end_with(self, error: CheckoutError) -> None:
        """Note an error after the last record; often it is the one that has ended the run already."""
        if not self._stopped:
            self._stop(str(error))

    @property
    def exit_code(self) -> int:
        """The exit code of the process."""
        if (ended_by_signal := self.interrupt.exit_code) is not None:
            return ended_by_signal
        if self._stopped:
            return STOPPED_EARLY
        unfinished = any(count for result, count in self.summary.by_result.items() if not result.is_final)
        return SOME_UNFINISHED if unfinished else 0

    def report(self, input_name: str, output_name: str) -> Report:
        """Return the report of the run."""
        received = self.interrupt.received
        stopped = self._stopped or ("" if received is None else f"ended by {received.name}")
        return self.summary.report(input_name, output_name, stopped=stopped)

    async def _authenticate(self, records: AsyncIterable[Record | InvalidRecord]) -> None:
        outcomes = run(
            self._sender,
            self._noted(records),
            concurrency=self._concurrency,
            channel_data=self._channel_data,
            outage_backoff=self._outage_backoff,
            journal=self._journal,
            retry_unknown=self._retry_unknown,
            in_order=self._in_order,
            stop=self.interrupt.stop,
            # The first signal, and any other end of the run, lets calls in flight finish before the generator is
            # closed. A second signal cancels, and then nothing is waited for.
            drain=0,
            on_pause=self._progress.pause,
        )
        async with aclosing(outcomes):
            async for outcome in outcomes:
                self._take(outcome)

    async def _noted(self, records: AsyncIterable[Record | InvalidRecord]) -> AsyncGenerator[Record | InvalidRecord]:
        async for item in records:
            self._open.add(item.line)
            self._last_line = item.line
            yield item

    def _take(self, outcome: Outcome) -> None:
        self._open.discard(outcome.line)
        self.summary.add(outcome)
        self._progress.advance(outcome)
        if outcome.replayed:
            return
        try:
            self._results.write(outcome)
        except Exception as error:  # noqa: BLE001  # calls in flight must finish all the same
            self._stop_unwritten(outcome, error)
        else:
            self._written += 1

    def _stop_unwritten(self, outcome: Outcome, error: Exception) -> None:
        if not self._stopped:
            self._stop(f"cannot write results: {_reason(error)}")
        self._unwritten.append(outcome.line)
        self.interrupt.stop.set()
        what = f"session {outcome.session_id} {outcome.status}" if outcome.session_id else outcome.result
        self._progress.note(f"not written: line {outcome.line}, {what}")

    def _finish(self) -> None:
        try:
            self._results.finish()
        except (OSError, CheckoutError) as error:
            self._stop(f"cannot write results: {_reason(error)}")

    async def _mark_unreported(self) -> None:
        """Mark the outcomes that could not be written as not reported, so that the next run reports them."""
        if self._journal is None or not self._unwritten:
            return
        try:
            await self._journal.mark_unreported(self._unwritten)
        except JournalError as error:
            self.end_with(error)

    def _stop(self, reason: str) -> None:
        self._stopped = self._stopped or reason
        self._progress.note(f"stopped: {reason}")

    def _announce_stop(self) -> None:
        self._progress.note(f"stopping: {len(self._open)} in flight will be finished; a second signal stops at once")

    def _print_summary(self) -> None:
        of = "" if self._total is None else f" of {number(self._total)}"
        known = f", {number(self.summary.replayed)} were known" if self.summary.replayed else ""
        self._progress.note(
            f"{number(self._written)}{of} records have a new result{known}; the last line read was {self._last_line}"
        )
        if self._journal is not None:
            self._progress.note("to continue, run the same command with --resume")

    def _print_in_flight(self) -> None:
        lines = ", ".join(str(line) for line in sorted(self._open))
        self._progress.note(f"stopped at once: these lines have no result, but a session may exist: {lines}")


def _reason(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else ErrorInfo.of(error).message
