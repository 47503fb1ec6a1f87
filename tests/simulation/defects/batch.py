"""Defects of a batch and its journal."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Generator
from typing import Any

import msgspec

from checkout_async import errors
from checkout_async.batch import BatchResult, Outcome
from checkout_async.batch.journal import Claim, Journal
from checkout_async.batch.journal.operations import JournalOperation, SettleOp
from checkout_async.batch.journal.writer import JournalWriter
from checkout_async.batch.queues import OutcomeQueue
from checkout_async.batch.records import Record
from tests.simulation.defects.plant import defect, replaced


def _confirmed() -> asyncio.Future[None]:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    future.set_result(None)
    return future


@defect()
def claim_not_on_disk_before_the_request() -> Generator[None]:
    """The journal confirms that a record is about to be sent before this is on the disk."""

    def write(self: JournalWriter, operation: JournalOperation) -> asyncio.Future[None]:
        self.add(operation)
        return _confirmed()

    with replaced(JournalWriter, "write", write):
        yield


@defect()
def outcome_delivered_before_it_is_written() -> Generator[None]:
    """Outcomes are delivered at once, and written when the journal is closed. A crash loses them."""
    genuine = JournalWriter.write

    def write(self: JournalWriter, operation: JournalOperation) -> asyncio.Future[None]:
        if not isinstance(operation, SettleOp):
            return genuine(self, operation)
        kept.append(operation)
        return _confirmed()

    async def close(self: JournalWriter) -> None:
        while kept:
            self.add(kept.popleft())
        await genuine_close(self)

    kept = deque[SettleOp]()
    genuine_close = JournalWriter.close
    with replaced(JournalWriter, "write", write), replaced(JournalWriter, "close", close):
        yield


@defect()
def outcome_never_written() -> Generator[None]:
    """An outcome is delivered, and the journal does not have it."""
    genuine = JournalWriter.write

    def write(self: JournalWriter, operation: JournalOperation) -> asyncio.Future[None]:
        return _confirmed() if isinstance(operation, SettleOp) else genuine(self, operation)

    with replaced(JournalWriter, "write", write):
        yield


@defect()
def record_in_doubt_sent_again() -> Generator[None]:
    """A resumed batch sends records again that an earlier run may have sent."""
    genuine, genuine_known = Journal.claim, Journal.claim_known

    async def claim(self: Journal, record: Record, **_named: bool) -> Claim:
        return await genuine(self, record, retry_unknown=True)

    async def claim_known(self: Journal, record: Record, **_named: bool) -> Claim | None:
        return await genuine_known(self, record, retry_unknown=True)

    with replaced(Journal, "claim", claim), replaced(Journal, "claim_known", claim_known):
        yield


@defect()
def record_of_an_earlier_run_left_out() -> Generator[None]:
    """A resumed batch yields nothing for records whose outcome the journal has, delivered or not."""
    genuine = OutcomeQueue.put

    def put(self: OutcomeQueue, number: int, outcome: Outcome) -> None:
        if not outcome.replayed:
            genuine(self, number, outcome)

    with replaced(OutcomeQueue, "put", put):
        yield


@defect()
def final_outcome_forgotten_by_the_next_run() -> Generator[None]:
    """A resumed batch reports the records as unknown whose final outcome the journal has."""
    genuine = OutcomeQueue.put

    def put(self: OutcomeQueue, number: int, outcome: Outcome) -> None:
        is_known = outcome.replayed and outcome.result.is_final
        genuine(self, number, msgspec.structs.replace(outcome, result=BatchResult.UNKNOWN) if is_known else outcome)

    with replaced(OutcomeQueue, "put", put):
        yield


def _replacing_results(result: BatchResult, kinds: tuple[type[Exception], ...]) -> Any:
    genuine = Outcome.of

    def of(record: Record, session: Any, error: Exception | None = None, **named: Any) -> Outcome:
        outcome = genuine(record, session, error, **named)
        return msgspec.structs.replace(outcome, result=result) if isinstance(error, kinds) else outcome

    return replaced(Outcome, "of", of)


@defect()
def unknown_outcome_taken_for_invalid() -> Generator[None]:
    """A record whose request ended with an error status counts as one that the API refused as invalid."""
    with _replacing_results(BatchResult.INVALID, (errors.ApiError,)):
        yield


@defect()
def outage_taken_for_an_answer() -> Generator[None]:
    """A record whose request failed counts as one whose issuer is unavailable, which is final."""
    with _replacing_results(BatchResult.UNAVAILABLE, (errors.CheckoutError,)):
        yield


@defect()
def batch_that_never_ends() -> Generator[None]:
    """The end of the records does not end the wait for the next outcome."""

    def end(_self: Any) -> None:
        pass

    with replaced(OutcomeQueue, "end", end):
        yield


@defect()
def journal_that_fails_when_it_is_closed() -> Generator[None]:
    """Closing the journal reports an error though everything was written."""
    genuine = JournalWriter.close

    async def close(self: JournalWriter) -> None:
        await genuine(self)
        message = "the journal could not be closed"
        raise errors.JournalError(message)

    with replaced(JournalWriter, "close", close):
        yield
