"""The workers of a run: each takes a record, looks it up in the journal, authenticates it, and reports the outcome.

The order for each record: the claim is on disk immediately before the request is sent, not while it waits for a slot
or a rate, and the outcome is on disk before it is reported. A request that was not sent because the API failed is tried
again when the API is back, and its claim is given back until then.

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
from msgspec.structs import replace

from checkout_async._core.wire import Sender
from checkout_async.batch.breaker import CircuitBreaker, RunStopped
from checkout_async.batch.claiming import Claiming, NotToBeSent, calls_before_send
from checkout_async.batch.flow import RecordFlow
from checkout_async.batch.journal import Claim, Journal, Step
from checkout_async.batch.options import BatchOptions
from checkout_async.batch.outcome import (
    BatchResult,
    Outcome,
    is_outage,
    is_refused_access,
    is_unsent,
    is_unusable_client,
    may_concern_every_record,
)
from checkout_async.batch.queues import OutcomeQueue, RecordFeed
from checkout_async.batch.records import InvalidRecord, Record
from checkout_async.batch.unsent import SessionCall, SessionCalls
from checkout_async.errors import (
    ApiError,
    AuthenticationFailed,
    CheckoutError,
    ConnectFailed,
    InvalidRequest,
    UnexpectedResponse,
)

__all__ = ["RunConfig", "WorkerPool"]

_REFUSALS: Final = 3
"""After this many refusals or incomprehensible replies in a row, the cause is taken to concern every record."""

_TRIES: Final = 3
"""How often a step is tried that reached the API and failed there. A step that never reached it is not counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """What all workers of a run share: the client, the options and the journal."""

    sender: Sender
    options: BatchOptions
    journal: Journal | None


class WorkerPool:
    """All workers of a run. `failure` is the error that ended it early.

    `in_flight` is kept up to date: the lines of the records that may have been sent and have no outcome yet.
    """

    def __init__(
        self,
        config: RunConfig,
        feed: RecordFeed,
        breaker: CircuitBreaker,
        outcomes: OutcomeQueue,
        in_flight: set[int] | None = None,
    ) -> None:
        self._config = config
        self._calls = SessionCalls(set() if in_flight is None else in_flight)
        self._feed = feed
        self._breaker = breaker
        self._outcomes = outcomes
        self._failure: Exception | None = None
        self._refusals = 0
        self._group: TaskGroup | None = None
        # Any other sender may not say when it sends: a record then counts as sent when its attempt begins.
        self._claims_at_sending = calls_before_send(config.sender)
        self._unsettled = 0
        self._all_settled = anyio.Event()

    @property
    def failure(self) -> Exception | None:
        """The error that ended the run early."""
        return self._failure or self._feed.failure

    async def work(self, size: int, stop: anyio.Event | None) -> None:
        """Process all records, at most `size` at once, then end the queue."""
        try:
            async with anyio.create_task_group() as watch:
                if stop is not None:
                    watch.start_soon(self._stop_on_event, stop)
                async with anyio.create_task_group() as group:
                    self._group = group
                    for _ in range(size):
                        group.start_soon(self._worker_loop)
                while self._unsettled:
                    self._all_settled = anyio.Event()
                    await self._all_settled.wait()
                watch.cancel_scope.cancel()
        finally:
            self._outcomes.end()

    def stop(self) -> None:
        """Read no further record. Records that wait to be sent, for whatever reason, will not be."""
        self._feed.stop()
        self._breaker.cancel_waiters()
        self._calls.stop()

    async def _stop_on_event(self, stop: anyio.Event) -> None:
        await stop.wait()
        self.stop()

    async def _worker_loop(self) -> None:
        while True:
            await self._outcomes.wait_for_room(self._feed.position)
            if (taken := await self._feed.take()) is None:
                return
            await self._process(*taken)

    async def _process(self, number: int, item: Record | InvalidRecord) -> None:
        journal = self._config.journal
        if journal is not None:
            await self._process_journaled(number, item, journal)
        elif isinstance(item, InvalidRecord):
            self._put(number, Outcome.invalid_record(item))
        else:
            self._put(number, await self._authenticated(item))

    async def _process_journaled(self, number: int, item: Record | InvalidRecord, journal: Journal) -> None:
        if isinstance(item, InvalidRecord):
            self._settle(number, journal, None, Outcome.invalid_record(item))
            return
        with Claiming(journal, item, retry_unknown=self._config.options.retry_unknown) as claiming:
            try:
                claim = await claiming.begin()
            except InvalidRequest as error:
                self._settle(number, journal, None, Outcome.of(item, None, error))
            except Exception as error:  # noqa: BLE001  # nothing may be sent before its claim is on disk
                self._abort(error)
                self._put(number, Outcome.not_sent(item, error))
            else:
                if claim is None:
                    await self._send(number, item, journal, claiming)
                else:
                    await self._follow(number, item, journal, claim)

    async def _send(self, number: int, record: Record, journal: Journal, claiming: Claiming) -> None:
        """Authenticate a record that is claimed when its request is sent."""
        try:
            outcome = await self._authenticated(record, claiming=claiming)
        except NotToBeSent as refused:
            await self._follow(number, record, journal, refused.claim)
            return
        try:
            claim = await claiming.afterwards()
        except Exception as error:  # noqa: BLE001  # as above
            self._abort(error)
            self._put(number, Outcome.not_sent(record, error))
            return
        if claim.step is Step.SEND:
            self._settle(number, journal, claim, outcome)
        else:
            await self._follow(number, record, journal, claim)

    async def _follow(self, number: int, record: Record, journal: Journal, claim: Claim) -> None:
        """Do what the journal has answered, which is not to send the record."""
        if claim.outcome is None:
            outcome = await self._authenticated(record, session_id=claim.session_id)
            self._settle(number, journal, claim, outcome)
        elif claim.step is Step.REPLAY:
            self._put(number, claim.outcome)
        else:
            self._settle(number, journal, claim, claim.outcome)

    def _settle(self, number: int, journal: Journal, claim: Claim | None, outcome: Outcome) -> None:
        """Put the outcome into the queue once it is on disk. The worker takes the next record meanwhile."""
        if claim is not None and claim.replaces_doubt and outcome.result is BatchResult.FAILED:
            # That this request was not sent says nothing about the earlier one.
            outcome = replace(outcome, result=BatchResult.UNKNOWN)
        try:
            outcome, writing = journal.settle_nowait(claim, outcome)
        except Exception as error:  # noqa: BLE001  # as below
            self._abort(error)
            self._put(number, outcome)
            return
        self._unsettled += 1
        writing.add_done_callback(partial(self._settled, number, outcome))

    def _put(self, number: int, outcome: Outcome) -> None:
        self._calls.in_flight.discard(outcome.line)
        self._outcomes.put(number, outcome)

    def _settled(self, number: int, outcome: Outcome, writing: asyncio.Future[None]) -> None:
        self._unsettled -= 1
        error = writing.exception()
        if isinstance(error, Exception):
            # The outcome is known and must be reported all the same. It has no entry, because the journal does not
            # have it: the next run treats the record as one that may have been sent.
            self._abort(error)
            outcome = replace(outcome, entry=None)
        self._put(number, outcome)
        if not self._unsettled:
            self._all_settled.set()

    async def _authenticated(
        self, record: Record, *, session_id: str | None = None, claiming: Claiming | None = None
    ) -> Outcome:
        call = SessionCall(self._calls, record.line, claiming)
        flow = self._flow(session_id, claiming, call)
        started = time.monotonic()
        error = await self._run(flow, record, claiming, call)
        # The time of a record that never reached the API would only say how long the run paused.
        was_sent = flow.session is not None or error is None or not _is_certainly_unsent(error)
        seconds = round(time.monotonic() - started, 4) if was_sent else None
        return Outcome.of(record, flow.session, error, session_id=flow.session_id, seconds=seconds)

    def _flow(self, session_id: str | None, claiming: Claiming | None, call: SessionCall) -> RecordFlow:
        return RecordFlow(
            self._config.sender,
            self._config.options,
            session_id,
            on_session=None if claiming is None else claiming.record_session,
            before_send=call.before_send if self._claims_at_sending else claiming,
            # Another sender may pass on this one alone.
            on_unsent=call.on_unsent if self._claims_at_sending else None,
        )

    async def _run(
        self, flow: RecordFlow, record: Record, claiming: Claiming | None, call: SessionCall
    ) -> Exception | None:
        """Run a flow, and run it again after an outage if that cannot create a second session."""
        tries, failure = 0, None
        while True:
            try:
                failure = await self._attempt(flow, record, claiming, call)
            except RunStopped:
                again = " again; no session was created" if call.was_sent else "; nothing was sent"
                return failure or ConnectFailed(f"the run ended before this record was sent{again}")
            if failure is None:
                return None
            tries += not isinstance(failure, AuthenticationFailed | ConnectFailed)
            # Repeated only if the request was not sent, or if the flow continues with a session that exists: a request
            # that may have arrived could create a second session.
            may_repeat = is_outage(failure) and (is_unsent(failure) or flow.session_id is not None)
            if not may_repeat or tries >= _TRIES:
                return failure
            if flow.session_id is None:
                # It may wait for hours. A process that is killed meanwhile has not sent it.
                call.withdraw()

    async def _attempt(
        self, flow: RecordFlow, record: Record, claiming: Claiming | None, call: SessionCall
    ) -> Exception | None:
        if self._breaker.is_closed:
            return await self._guarded_attempt(flow, record, claiming, call, None)
        async with self._breaker.permit() as epoch:
            return await self._guarded_attempt(flow, record, claiming, call, epoch)

    async def _guarded_attempt(
        self, flow: RecordFlow, record: Record, claiming: Claiming | None, call: SessionCall, epoch: int | None
    ) -> Exception | None:
        flow.on_first_reply = partial(self._on_first_reply, epoch)
        try:
            if flow.session_id is None and self._claims_at_sending:
                with call.waiting():
                    await flow.run(record)
            else:
                self._calls.begin(call)
                if claiming is not None and flow.session_id is None:
                    await claiming()
                await flow.run(record)
        except (NotToBeSent, RunStopped):
            raise
        except Exception as error:  # noqa: BLE001  # a defect here must not lose the results of other records
            self._classify_failure(error, epoch)
            return error
        except asyncio.CancelledError:
            if self._group is None or self._group.cancel_scope.cancel_called:
                raise
            return CheckoutError("the call was cancelled from outside this run; the request may have arrived")
        return None

    def _on_first_reply(self, epoch: int | None, operation: str) -> None:
        """Note the first reply of a flow: the API answers, and it accepts the credentials."""
        self._refusals = 0
        self._breaker.succeeded(operation, epoch)

    def _classify_failure(self, failure: Exception, epoch: int | None) -> None:
        """Decide from a failure whether the whole run pauses or ends."""
        if is_refused_access(failure) or is_unusable_client(failure):
            self._abort(failure)
        elif is_outage(failure):
            self._breaker.failed(failure, epoch)
            if self._breaker.failure is not None:
                self._abort(self._breaker.failure)
        elif may_concern_every_record(failure):
            self._refusals += 1
            if self._refusals >= _REFUSALS:
                self._abort(failure)
        elif isinstance(
            failure, ApiError | UnexpectedResponse
        ):  # the API answers, and what it says is about this record
            self._on_first_reply(epoch, failure.operation)

    def _abort(self, failure: Exception) -> None:
        self._failure = self._failure or failure
        self.stop()


def _is_certainly_unsent(error: Exception) -> bool:
    return (
        isinstance(error, InvalidRequest)
        or is_unusable_client(error)
        or (isinstance(error, AuthenticationFailed | ConnectFailed))
    )
