"""Defects of certainty: what an error or a reply says about what was done, and what is retried because of it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Generator
from contextlib import AbstractContextManager
from typing import Any, Final

import msgspec

from checkout_async import errors
from checkout_async._core import decision
from checkout_async._core.wire import HttpRequest, HttpResponse, Idempotency
from checkout_async._generated.operations import sessions as session_operations
from checkout_async.config import Timeouts
from checkout_async.transport import pipeline
from tests.simulation.defects.plant import Send, changing_api_errors, defect, replaced, sending

_STANDARD: Final = frozenset({408, 500, 502, 503, 504})
"""The statuses of RFC 9110 that leave the outcome open."""

_PAYMENT: Final = b'{"id": "pay_aaaaaaaaaaaaaaaaaaaaaaaaaa"}'

_ACTION: Final = b'{"action_id": "act_aaaaaaaaaaaaaaaaaaaaaaaaaa"}'


@defect()
def unknown_outcome_taken_for_not_sent() -> Generator[None]:
    """A connection that breaks while the reply is awaited counts as if nothing had been sent."""

    def change(genuine: Send) -> Send:
        async def send(self: Any, request: HttpRequest, timeouts: Timeouts) -> HttpResponse:
            try:
                return await genuine(self, request, timeouts)
            except errors.OutcomeUnknown as error:
                raise errors.ConnectFailed(str(error)) from error

        return send

    with sending(change):
        yield


@defect()
def server_error_taken_for_not_done() -> Generator[None]:
    """A 5xx counts as if nothing had been done."""

    def change(error: Any) -> None:
        error.may_have_been_done = error.may_have_been_done and error.status < 500

    with changing_api_errors(change):
        yield


@defect(fix="Mend what a review and an audit of the transport found")
def gateway_status_taken_for_not_done() -> Generator[None]:
    """A status that a gateway made up, such as 520, counts as if nothing had been done."""

    def change(error: Any) -> None:
        error.may_have_been_done = error.may_have_been_done and error.status in _STANDARD

    with changing_api_errors(change):
        yield


@defect()
def request_timeout_taken_for_not_done() -> Generator[None]:
    """A 408 counts as if nothing had been done."""

    def change(error: Any) -> None:
        error.may_have_been_done = error.may_have_been_done and error.status != 408

    with changing_api_errors(change):
        yield


def _final_errors(*, may_have_been_done: bool) -> AbstractContextManager[object]:
    """Have every failed call end as if an earlier attempt had, or had not, perhaps been carried out."""

    def final_error(*args: Any, **named: Any) -> Any:
        return decision.final_error(*args, **{**named, "may_have_been_done": may_have_been_done})

    return replaced(pipeline, "final_error", final_error)


@defect()
def earlier_attempt_forgotten() -> Generator[None]:
    """The last attempt alone decides whether a call may have been carried out."""
    with _final_errors(may_have_been_done=False):
        yield


@defect(fix="Mend what a review of the money path found")
def earlier_attempt_hidden_by_the_token() -> Generator[None]:
    """A call whose next attempt gets no token ends with the error of the token alone."""
    genuine = decision.final_error

    def final_error(operation: Any, failure: Any, *args: Any, may_have_been_done: bool, **named: Any) -> Any:
        lacks_token = getattr(failure, "operation", "") == "request_access_token"
        if lacks_token or isinstance(failure, errors.AuthenticationFailed):
            may_have_been_done = False
        return genuine(operation, failure, *args, may_have_been_done=may_have_been_done, **named)

    with replaced(pipeline, "final_error", final_error):
        yield


@defect()
def operation_without_key_retried() -> Generator[None]:
    """A session is requested again after an attempt whose outcome is unknown."""
    natural = dataclasses.replace(session_operations.REQUEST_SESSION, idempotency=Idempotency.NATURAL)
    with replaced(session_operations, "REQUEST_SESSION", natural):
        yield


@defect()
def unknown_status_taken_for_success() -> Generator[None]:
    """A status that nobody defined is a success."""

    def change(genuine: Send) -> Send:
        async def send(self: Any, request: HttpRequest, timeouts: Timeouts) -> HttpResponse:
            reply = await genuine(self, request, timeouts)
            return msgspec.structs.replace(reply, status=202, body=_PAYMENT) if reply.status == 599 else reply

        return send

    with sending(change):
        yield


@defect()
def broken_reply_taken_for_success() -> Generator[None]:
    """A reply that breaks off is a success without a value, and is returned as one."""

    def change(genuine: Send) -> Send:
        async def send(self: Any, request: HttpRequest, timeouts: Timeouts) -> HttpResponse:
            try:
                return await genuine(self, request, timeouts)
            except errors.OutcomeUnknown:
                return HttpResponse(status=200, headers={}, body=_PAYMENT)

        return send

    with sending(change):
        yield


@defect()
def session_id_in_other_letters() -> Generator[None]:
    """The id of a new session is kept in capitals, as an identifier of a kind in which letter case tells nothing."""

    def change(genuine: Send) -> Send:
        async def send(self: Any, request: HttpRequest, timeouts: Timeouts) -> HttpResponse:
            reply = await genuine(self, request, timeouts)
            if request.method != "POST" or not request.url.endswith("/sessions"):
                return reply
            body = re.sub(rb'"sid_(\w+)"', lambda found: b'"sid_' + found[1].upper() + b'"', reply.body)
            return msgspec.structs.replace(reply, body=body)

        return send

    with sending(change):
        yield


@defect()
def refund_done_when_sent() -> Generator[None]:
    """A refund is a success as soon as it was sent, whatever the reply."""

    def change(genuine: Send) -> Send:
        async def send(self: Any, request: HttpRequest, timeouts: Timeouts) -> HttpResponse:
            if not request.url.endswith("/refunds"):
                return await genuine(self, request, timeouts)
            try:
                reply = await genuine(self, request, timeouts)
            except errors.OutcomeUnknown:
                return HttpResponse(status=202, headers={}, body=_ACTION)
            return msgspec.structs.replace(reply, status=202, body=_ACTION) if reply.status >= 500 else reply

        return send

    with sending(change):
        yield


@defect()
def unsent_request_taken_for_perhaps_done() -> Generator[None]:
    """A call that sent nothing ends as if an earlier attempt of it may have been carried out."""
    with _final_errors(may_have_been_done=True):
        yield
