"""Defects of a batch and its journal."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Generator
from typing import Any

import msgspec

from checkout_async import errors
from checkout_async.batch import BatchResult, Outcome
from checkout_async.batch.delivery import Delivery
from checkout_async.batch.journal.claim import JournalOperation, Reported, Settling
from checkout_async.batch.journal.journal import Claim, Journal, Step
from checkout_async.batch.journal.writer import JournalWriter
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
        if not isinstance(operation, Settling):
            return genuine(self, operation)
        kept.append(operation)
        return _confirmed()

    async def close(self: JournalWriter) -> None:
        while kept:
            self.add_to_next(kept.popleft())
        await genuine_close(self)

    kept = deque[Settling]()
    genuine_close = JournalWriter.close
    with replaced(JournalWriter, "write", write), replaced(JournalWriter, "close", close):
        yield


@defect()
def outcome_never_written() -> Generator[None]:
    """An outcome is delivered, and the journal does not have it."""
    genuine = JournalWriter.write

    def write(self: JournalWriter, operation: JournalOperation) -> asyncio.Future[None]:
        return _confirmed() if isinstance(operation, Settling) else genuine(self, operation)

    with replaced(JournalWriter, "write", write):
        yield


@defect()
def record_in_doubt_sent_again() -> Generator[None]:
    """A resumed batch sends records again that an earlier run may have sent."""
    genuine = Journal.claim

    async def claim(self: Journal, record: Record, **_named: bool) -> Claim:
        return await genuine(self, record, retry_unknown=True)

    with replaced(Journal, "claim", claim):
        yield


@defect()
def record_of_an_earlier_run_left_out() -> Generator[None]:
    """A resumed batch yields nothing for records whose outcome the journal has, delivered or not."""
    genuine: Any = vars(Delivery)["put"]

    def put(self: Any, number: int, result: Any) -> None:
        _, claim = result
        if claim is None or claim.step not in {Step.REPORT, Step.REPLAY}:
            genuine(self, number, result)

    with replaced(Delivery, "put", put):
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
def outcome_never_marked_as_reported() -> Generator[None]:
    """The journal does not learn that an outcome was delivered."""
    genuine = JournalWriter.add_to_next

    def add_to_next(self: JournalWriter, operation: JournalOperation) -> None:
        if not isinstance(operation, Reported):
            genuine(self, operation)

    with replaced(JournalWriter, "add_to_next", add_to_next):
        yield


@defect()
def batch_that_never_ends() -> Generator[None]:
    """The end of the records does not end the wait for the next outcome."""

    def end(_self: Any) -> None:
        pass

    with replaced(Delivery, "end", end):
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
