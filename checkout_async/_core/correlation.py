"""Whether a reply belongs to the request that it seems to answer.

A client may reuse an idempotency key for another payment by mistake: the API then replays the reply to the first one.
And a server or an intermediary may send a reply twice on one connection, which shifts every later reply by one.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Final

import msgspec

from checkout_async._core.model import ResponseModel, fields_of
from checkout_async._core.parameters import Parameter
from checkout_async._core.wire import ApiRequest, ApiResponse, Idempotency
from checkout_async.errors import ReplyMismatch

__all__ = ["identifiers_of", "is_about_another", "mismatch"]

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
        "look it up before you send it again",
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
    try:
        sent = _members_decoder(tuple(value.__echoes__.values())).decode(body)
    except msgspec.ValidationError:  # it is not an object
        return None
    for (name, echoed), expected in zip(value.__echoes__.items(), msgspec.structs.astuple(sent), strict=True):
        received = getattr(value, name)
        if received == expected or received in _NOTHING or expected in _NOTHING:
            continue
        if _text(received) != _text(expected) and not _is_same_currency(received, expected):
            return name, echoed
    return None


@cache
def _members_decoder(names: tuple[str, ...]) -> msgspec.json.Decoder[msgspec.Struct]:
    """Return a decoder of the named members of an object. It skips the others, which most of the time goes into."""
    members = {f"member_{number}": name for number, name in enumerate(names)}
    return msgspec.json.Decoder(
        msgspec.defstruct("SentMembers", [(each, Any, None) for each in members], rename=members)
    )


def _text(value: object) -> str:
    """Return a value as text: the API reads a number that is written as text, and text that is written as a number."""
    return str(value).strip()


def _is_same_currency(received: object, expected: object) -> bool:
    """Return whether two values are one ISO 4217 code but for letter case. In a reference, letter case tells."""
    codes = [value for value in (received, expected) if isinstance(value, str) and _CURRENCY.fullmatch(value)]
    return len(codes) == 2 and codes[0].upper() == codes[1].upper()


def is_about_another(request: ApiRequest[Any], response: ApiResponse[Any]) -> bool:
    """Return whether the reply to a call that reads or changes a resource is about another resource.

    What a call with a key creates has an id of its own. An id of another kind is no sign of another resource if the
    operation takes ids of that kind, too: `get_payment` takes the id of a session and returns its payment.
    """
    value = response.value
    creates = request.operation.idempotency is Idempotency.KEY
    if creates or len(request.path) != 1 or not isinstance(value, ResponseModel):
        return False
    asked = request.path[0]
    for name in identifiers_of(type(value)):
        found: object = getattr(value, name)
        if isinstance(found, str) and _is_of_another(asked, found):
            return True
    return False


def _is_of_another(asked: Parameter, found: str) -> bool:
    if found == asked.value:
        return False
    if _kind(found) == _kind(asked.value):
        return True
    pattern = asked.pattern
    return pattern is not None and bool(re.match(pattern, asked.value)) and not re.match(pattern, found)


@cache
def identifiers_of(model: type[ResponseModel]) -> tuple[str, ...]:
    """Return the names of the members that every reply of a type must have, because they identify what it is about."""
    return tuple(each.name for each in fields_of(model) if each.required)


def _kind(identifier: str) -> str:
    return identifier.partition("_")[0]
