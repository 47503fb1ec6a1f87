"""Plain JSON as the sandbox handles it: the object type, typed readers of optional members, and base64url.

The readers are for bodies that passed the schema, so they treat a member of an unexpected type as absent. Base64url is
written without padding, as in EMV 3DS 2.2 and RFC 7515.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TypeGuard, cast

import msgspec

JsonObject = dict[str, object]


def is_object(value: object) -> TypeGuard[JsonObject]:
    """Return whether a decoded JSON value is an object (its keys are then strings)."""
    return isinstance(value, dict)


def text(body: Mapping[str, object], name: str) -> str | None:
    """Return the string member `name`, or None."""
    value = body.get(name)
    return value if isinstance(value, str) else None


def integer(body: Mapping[str, object], name: str) -> int | None:
    """Return the integer member `name`, or None; as in JSON Schema, 100.0 is an integer and a boolean is not."""
    value = body.get(name)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def member(body: Mapping[str, object], name: str) -> JsonObject:
    """Return the object member `name`, or an empty object."""
    value = body.get(name)
    return value if is_object(value) else {}


def array(body: Mapping[str, object], name: str) -> list[object]:
    """Return the array member `name`, or an empty list."""
    value = body.get(name)
    return cast("list[object]", value) if isinstance(value, list) else []


def texts(body: Mapping[str, object], name: str) -> tuple[str, ...]:
    """Return the strings of the array member `name`, in order."""
    return tuple(item for item in array(body, name) if isinstance(item, str))


def drop_none(body: Mapping[str, object | None]) -> JsonObject:
    """Return the members that are not None: the API leaves out what it does not know."""
    return {name: value for name, value in body.items() if value is not None}


def base64url(raw: bytes) -> str:
    """Encode bytes as base64url."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def base64url_json(message: Mapping[str, object]) -> str:
    """Encode a message as JSON, and that as base64url."""
    return base64url(msgspec.json.encode(message))
