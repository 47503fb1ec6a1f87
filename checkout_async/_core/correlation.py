"""Whether a reply belongs to the request that it seems to answer.

A client may reuse an idempotency key for another payment by mistake: the API then replays the reply to the first one.
And a server or an intermediary may send a reply twice on one connection, which shifts every later reply by one.
"""

from __future__ import annotations

import re
from typing import Any, Final, cast

import msgspec

from checkout_async._core.model import ResponseModel, fields_of
from checkout_async._core.wire import ApiRequest, ApiResponse, Idempotency, Parameter
from checkout_async.errors import ReplyMismatch

__all__ = ["answers_another_read", "mismatch"]

_NOTHING: Final = (None, "")
_CURRENCY: Final = re.compile("[A-Za-z]{3}")


def mismatch(operation: str, body: bytes | None, response: ApiResponse[Any]) -> ReplyMismatch | None:
    """Return the error to raise if a reply contradicts its request, or None.

    A member that echoes a member of the request (`x-echoes` in the specification) must have its value. A member that
    one of the two leaves out, or leaves empty, contradicts nothing.
    """
    echo = _broken_echo(body, response.value)
    if echo is None:
        return None
    name, echoed = echo
    reason = f"its {name} is not the {echoed} of this request"
    return ReplyMismatch(
        f"{operation}: the reply belongs to another request: {reason}; this request may have been carried out too, so "
        "look it up before you send it with another key",
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
    sent = msgspec.json.decode(body)
    if not isinstance(sent, dict):
        return None
    for name, echoed in value.__echoes__.items():
        received, expected = getattr(value, name), cast("dict[str, object]", sent).get(echoed)
        if received in _NOTHING or expected in _NOTHING:
            continue
        if _text(received) != _text(expected) and not _is_same_currency(received, expected):
            return name, echoed
    return None


def _text(value: object) -> str:
    """Return a value as text: the API reads a number that is written as text, and text that is written as a number."""
    return str(value).strip()


def _is_same_currency(received: object, expected: object) -> bool:
    """Return whether two values are one ISO 4217 code but for letter case. In a reference, letter case tells."""
    codes = [value for value in (received, expected) if isinstance(value, str) and _CURRENCY.fullmatch(value)]
    return len(codes) == 2 and codes[0].upper() == codes[1].upper()


def answers_another_read(request: ApiRequest[Any], response: ApiResponse[Any]) -> bool:
    """Return whether the reply to a GET by id is about another resource.

    An id of another kind is no sign of that if the operation takes ids of that kind, too: `get_payment` takes the id of
    a session and returns its payment.
    """
    value = response.value
    by_id = request.operation.idempotency is Idempotency.SAFE and len(request.path) == 1
    if not by_id or not isinstance(value, ResponseModel):
        return False
    identifiers = [getattr(value, each.name) for each in fields_of(type(value)) if each.required]
    return any(isinstance(found, str) and _is_of_another(request.path[0], found) for found in identifiers)


def _is_of_another(asked: Parameter, found: str) -> bool:
    if found == asked.value:
        return False
    if _kind(found) == _kind(asked.value):
        return True
    pattern = asked.pattern
    return pattern is not None and bool(re.match(pattern, asked.value)) and not re.match(pattern, found)


def _kind(identifier: str) -> str:
    return identifier.partition("_")[0]
