"""Whether a reply belongs to the request that it seems to answer.

A client may reuse an idempotency key for another payment by mistake: the API then replays the reply to the first one.
And a server or an intermediary may send a reply twice on one connection, which shifts every later reply by one.
"""

from __future__ import annotations

from typing import Any

import msgspec

from checkout_async._core.model import ResponseModel
from checkout_async._core.wire import ApiRequest, ApiResponse, Idempotency
from checkout_async.errors import ReplyMismatch

__all__ = ["answers_another_read", "require_echo"]


def require_echo(operation: str, body: bytes | None, response: ApiResponse[Any]) -> None:
    """Raise ReplyMismatch if a reply contradicts its request.

    A member that echoes a member of the request (`x-echoes` in the specification) must have its value. Letter case does
    not matter, and neither does a member that one of the two leaves out.
    """
    echo = _broken_echo(body, response.value)
    del body  # a traceback may show the locals
    if echo is None:
        return
    name, echoed = echo
    reason = f"its {name} is not the {echoed} of this request"
    raise ReplyMismatch(
        f"{operation}: the reply belongs to another request: {reason}; use a new key for each request",
        operation=operation,
        status=response.status,
        headers=response.headers,
        request_id=response.request_id,
        body=response.body,
        reason=reason,
        value=response.value,
    )


def _broken_echo(body: bytes | None, value: object) -> tuple[str, str] | None:
    """Return the member of a reply that contradicts the request, with the member that it should repeat, or None."""
    if not body or not isinstance(value, ResponseModel) or not value.__echoes__:
        return None
    sent: dict[str, object] = msgspec.json.decode(body)
    for name, echoed in value.__echoes__.items():
        received, expected = getattr(value, name), sent.get(echoed)
        if received is not None and expected is not None and _fold(received) != _fold(expected):
            return name, echoed
    return None


def answers_another_read(request: ApiRequest[Any], response: ApiResponse[Any]) -> bool:
    """Return whether the reply to a GET by id is about another resource of the same kind.

    Ids of different kinds are not compared: `get_payment` takes the id of a session and returns its payment.
    """
    value = response.value
    by_id = request.operation.idempotency is Idempotency.SAFE and len(request.path) == 1
    if not by_id or not isinstance(value, ResponseModel):
        return False
    fields = msgspec.structs.fields(type(value))
    identifiers = [getattr(value, each.name) for each in fields if each.required]
    asked = request.path[0].value
    return any(isinstance(found, str) and found != asked and _kind(found) == _kind(asked) for found in identifiers)


def _kind(identifier: str) -> str:
    return identifier.partition("_")[0]


def _fold(value: object) -> object:
    return value.casefold() if isinstance(value, str) else value
