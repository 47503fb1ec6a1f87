"""Events of made-up calls, to feed hooks with."""

from __future__ import annotations

from checkout_async._core.wire import Idempotency
from checkout_async.observability import AttemptEnded, AttemptStarted, CallEnded, CallInfo, CallStarted, Event

REQUEST_ID = "0e1f3a52"


def call(idempotency: Idempotency = Idempotency.KEY) -> CallInfo:
    return CallInfo(
        operation="capture_payment",
        method="POST",
        path="/payments/{id}/captures",
        idempotency=idempotency,
        server="api.example",
        port=443,
    )


def one_exchange(info: CallInfo, status: int = 202) -> list[Event]:
    """Return the events of a call that needs one exchange and waits for nothing."""
    return [
        CallStarted(call=info),
        AttemptStarted(call=info, attempt=1),
        AttemptEnded(call=info, attempt=1, seconds=0.2, status=status, request_id=REQUEST_ID),
        CallEnded(call=info, seconds=0.25, attempts=1, status=status, request_id=REQUEST_ID),
    ]
