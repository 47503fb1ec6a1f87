"""The workers of a run: each takes a record, looks it up in the journal, authenticates it, and delivers the outcome.

The order for each record: the claim is on disk before anything is sent, and the outcome is on disk before it is
delivered. A request that was not sent because the API failed is tried again when the API is back.

A failure between two of these steps is safe. After the claim and before the reply, the journal says that the request
may have been sent, so a later run does not send it by itself. After the reply and before the outcome is on disk, the
journal still says so, and a later run reads the session if its id was noted.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from functools import partial
from typing import Final

import anyio
from anyio.abc import TaskGroup

from checkout_async._core.wire import Sender
from checkout_async.batch.delivery import Delivery
from checkout_async.batch.flow import Backoff, RecordFlow, SharedChannelData
from checkout_async.batch.gate import CircuitBreaker, RunStopped
from checkout_async.batch.journal import Claim, Journal, Step
from checkout_async.batch.outcome import (
    Outcome,
    is_outage,
    is_refused_access,
    is_unsent,
    is_unusable_client,
    may_be_refused_access,
)
from checkout_async.batch.reader import RecordFeed
from checkout_async.batch.records import InvalidRecord, Record
from checkout_async.config import Validation
from checkout_async.errors import (
    ApiError,
    AuthenticationFailed,
    CheckoutError,
    ConnectFailed,
    InvalidRequest,
    UnexpectedResponse,
)

__all__ = ["Crew", "Delivered", "Terms"]

_REFUSALS: Final = 3
"""After this many refusals in a row the cause is taken to concern every record."""

_TRIES: Final = 3
"""How often a step is tried that reached the API and failed there. A step that never reached it is not counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The settings for every record of a run."""

    sender: Sender
    channel_data: SharedChannelData | None
    poll: Backoff
    validate: Validation | None
    journal: Journal | None
    retry_unknown: bool


Delivered = tuple[Outcome, Claim | None]


class Crew:
    """All workers of a run. `failure` is the error that ended it early."""

    def __init__(self, terms: Terms, reader: RecordFeed, gate: CircuitBreaker, delivery: Delivery[Delivered]) -> None:
        self._terms = terms
        self._reader = reader
        self._gate = gate
        self._delivery = delivery
        self._failure: Exception | None = None
        self._refusals = 0
        self._group: TaskGroup | None = None
        self._unsettled = 0
        self._all_settled = anyio.Event()

    @property
    def failure(self) -> Exception | None:
        """The error that ended the run early."""
        return self._failure or self._reader.failure

    async def work(self, size: int, stop: anyio.Event | None) -> None:
        """Process all records, at most `size` at once, then end the delivery."""
        try:
            async with anyio.create_task_group() as watch:
                if stop is not None:
                    watch.start_soon(self._leave_off, stop)
                async with anyio.create_task_group() as group:
                    self._group = group
                    for _ in range(size):
                        group.start_soon(self._carry_out_all)
                while self._unsettled:
                    self._all_settled = anyio.Event()
                    await self._all_settled.wait()
                watch.cancel_scope.cancel()
        finally:
            self._delivery.end()

    def stop(self) -> None:
        """Read no further record. Records that wait for the end of an outage have not been sent and will not be."""
        self._reader.stop()
        self._gate.cancel_waiters()

    async def _leave_off(self, stop: anyio.Event) -> None:
        await stop.wait()
        self.stop()

    async def _carry_out_all(self) -> None:
        while True:
            await self._delivery.wait_for_room(self._reader.position)
            if (taken := await self._reader.take()) is None:
                return
            await self._carry_out(*taken)

    async def _carry_out(self, number: int, item: Record | InvalidRecord) -> None:
        journal = self._terms.journal
        if isinstance(item, InvalidRecord):
            self._delivery.put(number, (Outcome.invalid_record(item), None))
        elif journal is None:
            self._delivery.put(number, (await self._authenticated(item, None), None))
        else:
            await self._carry_out_noted(number, item, journal)

    async def _carry_out_noted(self, number: int, record: Record, journal: Journal) -> None:
        try:
            claim = await journal.claim(record, retry_unknown=self._terms.retry_unknown)
        except InvalidRequest as error:
            self._delivery.put(number, (Outcome.of(record, None, error), None))
            return
        except Exception as error:  # noqa: BLE001  # nothing may be sent before its claim is on disk
            self._end_with(error)
            self._delivery.put(number, (Outcome.not_sent(record, error), None))
            return
        outcome = self._known(record, claim)
        if outcome is not None:
            self._delivery.put(number, (outcome, claim))
            return
        outcome = await self._authenticated(record, claim)
        if outcome.error is not None and claim.outcome is not None:
            # The journal has the outcome of the session already, and it stays unreported: the next run reads the
            # session again for its cryptogram.
            self._delivery.put(number, (outcome, None))
        else:
            self._settle(number, journal, claim, outcome)

    def _known(self, record: Record, claim: Claim) -> Outcome | None:
        """Return the outcome if the journal has the answer, so that nothing is sent."""
        if claim.step is Step.REFUSE:
            return Outcome.refused(record, claim.reason)
        return claim.outcome if claim.step in {Step.REPORT, Step.REPLAY} else None

    def _settle(self, number: int, journal: Journal, claim: Claim, outcome: Outcome) -> None:
        """Deliver the outcome once it is on disk. The worker takes the next record meanwhile."""
        try:
            settling = journal.settle_nowait(claim, outcome)
        except Exception as error:  # noqa: BLE001  # as below
            self._end_with(error)
            self._delivery.put(number, (outcome, None))
            return
        self._unsettled += 1
        settling.add_done_callback(partial(self._settled, number, (outcome, claim)))

    def _settled(self, number: int, delivered: Delivered, settling: asyncio.Future[None]) -> None:
        self._unsettled -= 1
        error = settling.exception()
        if isinstance(error, Exception):
            # The outcome is known and must be delivered all the same. The journal does not have it, so the next run
            # treats the record as one that may have been sent.
            self._end_with(error)
        self._delivery.put(number, delivered)
        if not self._unsettled:
            self._all_settled.set()

    async def _authenticated(self, record: Record, claim: Claim | None) -> Outcome:
        terms, journal = self._terms, self._terms.journal
        session_id = None if claim is None else claim.session_id
        note = None if journal is None or claim is None else partial(journal.note_session, claim)
        flow = RecordFlow(terms.sender, terms.channel_data, terms.poll, session_id, note, terms.validate)
        started = time.monotonic()
        error = await self._run(flow, record)
        if error is not None and claim is not None and claim.outcome is not None:
            return Outcome.unread(claim.outcome, error)
        seconds = round(time.monotonic() - started, 4)
        return Outcome.of(record, flow.session, error, session_id=flow.session_id, seconds=seconds)

    async def _run(self, flow: RecordFlow, record: Record) -> Exception | None:
        """Run a flow, and run it again after an outage if that cannot create a second session."""
        tries, failure = 0, None
        while True:
            try:
                failure = await self._attempt(flow, record)
            except RunStopped:
                return failure or ConnectFailed("the run ended before this record was sent; nothing was sent")
            if failure is None:
                return None
            tries += not isinstance(failure, AuthenticationFailed | ConnectFailed)
            # Repeated only if the request was not sent, or if the flow continues with a session that exists: a request
            # that may have arrived could create a second session.
            may_repeat = is_outage(failure) and (is_unsent(failure) or flow.session_id is not None)
            if not may_repeat or tries >= _TRIES:
                return failure

    async def _attempt(self, flow: RecordFlow, record: Record) -> Exception | None:
        if self._gate.is_closed:
            return await self._judged(flow, record, None)
        async with self._gate.permit() as epoch:
            return await self._judged(flow, record, epoch)

    async def _judged(self, flow: RecordFlow, record: Record, epoch: int | None) -> Exception | None:
        flow.begun = partial(self._begun, epoch)
        try:
            await flow.run(record)
        except Exception as error:  # noqa: BLE001  # a defect here must not lose the results of other records
            self._judge(error, epoch)
            return error
        except asyncio.CancelledError:
            if self._group is None or self._group.cancel_scope.cancel_called:
                raise
            return CheckoutError("the call was cancelled from outside this run; the request may have arrived")
        return None

    def _begun(self, epoch: int | None, operation: str) -> None:
        """Note the first reply of a flow: the API answers, and it accepts the credentials."""
        self._refusals = 0
        self._gate.succeeded(operation, epoch)

    def _judge(self, failure: Exception, epoch: int | None) -> None:
        """Decide from a failure whether the whole run pauses or ends."""
        if is_refused_access(failure) or is_unusable_client(failure):
            self._end_with(failure)
        elif is_outage(failure):
            self._gate.failed(failure, epoch)
            if self._gate.failure is not None:
                self._end_with(self._gate.failure)
        elif may_be_refused_access(failure):
            self._refusals += 1
            if self._refusals >= _REFUSALS:
                self._end_with(failure)
        elif isinstance(failure, ApiError | UnexpectedResponse):
            self._begun(epoch, failure.operation)

    def _end_with(self, failure: Exception) -> None:
        self._failure = self._failure or failure
        self.stop()
