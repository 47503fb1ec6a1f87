"""Whether a reply is the one to its call: a server may send one too many, or replay the result of another request."""

from __future__ import annotations

from typing import Any, TypeVar

from checkout_async._core.correlation import is_about_another, mismatch
from checkout_async._core.wire import ApiResponse, HttpResponse
from checkout_async.errors import CheckoutError, OutcomeUnknown, ReplyMismatch
from checkout_async.transport.call_state import CallState

__all__ = ["check_reply", "likely_mistake"]

T = TypeVar("T")


def check_reply(call: CallState[T], response: HttpResponse, parsed: ApiResponse[T]) -> None:
    """Raise OutcomeUnknown or ReplyMismatch if a reply contradicts the request of its call.

    Without an idempotency key the call ends, because another attempt would be carried out as well. With a key, either
    the key was used before for another request, and the API replays the result of that one. Or the server sent a reply
    too many on the connection, and each request gets the reply to the one before it: then another attempt with the same
    key, on another connection, gets the right reply. The first reply of a connection, and a result that the API gives
    twice, cannot come from that. A key that this call made cannot have been used before.
    """
    if is_about_another(call.request, parsed):
        response.discard()
        raise OutcomeUnknown("the server sent the reply to another request")
    error = mismatch(call.operation.name, call.http.body, parsed)
    if error is None:
        return
    response.discard()
    if call.idempotency_key is None:
        raise error
    earlier = call.contradictions or []
    is_certain = response.is_first or parsed.value in earlier
    call.contradictions = [*earlier, parsed.value]
    if not is_certain:
        raise OutcomeUnknown("the server sent the reply to another request") from error
    if call.caller_supplied_key:
        raise error


def likely_mistake(call: CallState[Any], failure: CheckoutError) -> CheckoutError:
    """Return the failure to report without another attempt.

    A reply that contradicts the request is then more likely a mistake of the caller's than one of the server's.
    """
    cause = failure.__cause__
    return cause if call.caller_supplied_key and isinstance(cause, ReplyMismatch) else failure
