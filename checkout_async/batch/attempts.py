"""Authenticates one record of a run: attempt after attempt, as long as that cannot create a second session.

A request that was not sent because the API failed is tried again when the API is back, and its claim is given back
until then. From each failure follows what happens to the run: it goes on, pauses (breaker.py), or ends.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Final, TypeGuard

from checkout_async._core.wire import Sender
from checkout_async.batch.breaker import CircuitBreaker, RunStopped
from checkout_async.batch.flow import RecordFlow
from checkout_async.batch.options import BatchOptions
from checkout_async.batch.outcome import UNUSABLE_CLIENT, BatchResult, Outcome, result_without_session
from checkout_async.batch.records import Record
from checkout_async.batch.sending import NotToBeSent, SessionCall, SessionCalls, calls_before_send
from checkout_async.errors import (
    ApiError,
    AuthenticationFailed,
    CheckoutError,
    Conflict,
    ConnectFailed,
    Forbidden,
    InvalidRequest,
    RateLimited,
    TransportError,
    Unauthorized,
    UnexpectedResponse,
)
from checkout_async.operations import sessions as operations

__all__ = ["Attempts", "is_outage", "is_refused_access", "may_concern_every_record"]

_REFUSALS: Final = 3
"""After this many refusals or incomprehensible replies in a row, the cause is taken to concern every record."""

_TRIES: Final = 3
"""How often a step is tried that reached the API and failed there. A step that never reached it is not counted."""


class Attempts:
    """The attempts of a run. `abort` ends the run; `is_cancelled` is whether the run itself is cancelled."""

    def __init__(
        self,
        sender: Sender,
        options: BatchOptions,
        breaker: CircuitBreaker,
        calls: SessionCalls,
        abort: Callable[[Exception], None],
        is_cancelled: Callable[[], bool],
    ) -> None:
        self._sender = sender
        self._options = options
        self._breaker = breaker
        self._calls = calls
        self._abort = abort
        self._is_cancelled = is_cancelled
        self._refusals = 0
        # Any other sender may not say when it sends: a record then counts as sent when its attempt begins.
        self._claims_at_sending = calls_before_send(sender)

    async def authenticate(self, record: Record, call: SessionCall, session_id: str | None = None) -> Outcome:
        """Return the outcome of a record. With a `session_id` the session exists, and is read.

        Raises NotToBeSent if the journal has another answer when the record is to be sent.
        """
        flow = RecordFlow(self._sender, self._options, session_id, on_session=call.note_session)
        if self._claims_at_sending:
            flow.before_send, flow.on_unsent = call.before_send, call.on_unsent
        started = time.monotonic()
        error = await self._run(flow, record, call)
        # The time of a record that never reached the API would only say how long the run paused.
        was_sent = flow.session is not None or error is None or not _is_certainly_unsent(error)
        seconds = round(time.monotonic() - started, 4) if was_sent else None
        return Outcome.of(record, flow.session, error, session_id=flow.session_id, seconds=seconds)

    async def _run(self, flow: RecordFlow, record: Record, call: SessionCall) -> Exception | None:
        """Run a flow, and run it again after an outage if that cannot create a second session."""
        tries, failure = 0, None
        while True:
            try:
                failure = await self._attempt(flow, record, call)
            except RunStopped:
                again = " again; no session was created" if call.was_sent else "; nothing was sent"
                return failure or ConnectFailed(f"the run ended before this record was sent{again}")
            if failure is None:
                return None
            tries += not isinstance(failure, AuthenticationFailed | ConnectFailed)
            # Repeated only if the request was not sent, or if the flow continues with a session that exists: a request
            # that may have arrived could create a second session.
            may_repeat = is_outage(failure) and (_is_unsent(failure) or flow.session_id is not None)
            if not may_repeat or tries >= _TRIES:
                return failure
            if flow.session_id is None:
                # It may wait for hours. A process that is killed meanwhile has not sent it.
                call.withdraw()

    async def _attempt(self, flow: RecordFlow, record: Record, call: SessionCall) -> Exception | None:
        if self._breaker.is_closed:
            return await self._guarded_attempt(flow, record, call, None)
        async with self._breaker.permit() as epoch:
            return await self._guarded_attempt(flow, record, call, epoch)

    async def _guarded_attempt(
        self, flow: RecordFlow, record: Record, call: SessionCall, epoch: int | None
    ) -> Exception | None:
        flow.on_first_reply = partial(self._on_first_reply, epoch)
        try:
            if flow.session_id is not None:
                self._calls.in_flight.add(record.line)
                await flow.run(record)
            elif self._claims_at_sending:
                await call.wait_and_send(partial(flow.run, record))
            else:
                await call.before_send()
                await flow.run(record)
        except (NotToBeSent, RunStopped):
            raise
        except Exception as error:  # noqa: BLE001  # a defect here must not lose the results of other records
            self._classify_failure(error, epoch)
            return error
        except asyncio.CancelledError:
            if self._is_cancelled():
                raise
            return CheckoutError("the call was cancelled from outside this run; the request may have arrived")
        return None

    def _on_first_reply(self, epoch: int | None, operation: str) -> None:
        """Note the first reply of a flow: the API answers, and it accepts the credentials."""
        self._refusals = 0
        self._breaker.succeeded(operation, epoch)

    def _classify_failure(self, failure: Exception, epoch: int | None) -> None:
        """Decide from a failure whether the whole run pauses or ends."""
        if is_refused_access(failure) or _is_unusable_client(failure):
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


def _is_unsent(error: Exception) -> bool:
    """Whether the request never reached the API, or the API refused it unexamined."""
    return isinstance(error, AuthenticationFailed | ConnectFailed | RateLimited)


def _is_certainly_unsent(error: Exception) -> bool:
    """Whether no request was made at all, so that none took any time."""
    return isinstance(error, InvalidRequest | AuthenticationFailed | ConnectFailed) or _is_unusable_client(error)


def _is_unusable_client(error: Exception) -> bool:
    """Whether the client itself refused the call, so that it will refuse every other one."""
    return isinstance(error, UNUSABLE_CLIENT)


def is_refused_access(error: Exception) -> bool:
    """Whether the credentials were refused, so that every other record would fail in the same way."""
    return isinstance(error, Unauthorized | AuthenticationFailed)


def may_concern_every_record(error: Exception) -> bool:
    """Whether other records may fail in the same way, though it may be a rule for this one.

    That is a missing scope, a wrong address, or a page of a gateway in place of a reply.
    """
    if isinstance(error, UnexpectedResponse):
        return error.operation in {operations.REQUEST_SESSION.name, operations.GET_SESSION.name}
    if not isinstance(error, ApiError) or isinstance(error, Conflict) or error.status >= 500:
        return False
    if error.operation == operations.GET_SESSION.name:
        return isinstance(error, Forbidden)
    return error.operation == operations.REQUEST_SESSION.name and result_without_session(error) is BatchResult.FAILED


def is_outage(error: Exception) -> TypeGuard[CheckoutError]:
    """Whether the failure is one of the API or the network, and not of the record."""
    if isinstance(error, ApiError):
        return isinstance(error, RateLimited) or error.status in {408, 425} or error.status >= 500
    return isinstance(error, TransportError)
