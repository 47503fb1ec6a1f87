"""Plain JSON as the sandbox handles it: the object type and typed readers of optional members.

The readers are for bodies that passed the schema, so a member of another type than asked for counts as absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeGuard, cast

JsonObject = dict[str, object]


def is_object(value: object) -> TypeGuard[JsonObject]:
    """Tell whether a decoded JSON value is an object (its keys are then strings)."""
    return isinstance(value, dict)


def text(body: Mapping[str, object], name: str) -> str | None:
    """Read the string member `name`, or None."""
    value = body.get(name)
    return value if isinstance(value, str) else None


def integer(body: Mapping[str, object], name: str) -> int | None:
    """Read the integer member `name`, or None; as in JSON Schema, 100.0 is an integer and a boolean is not."""
    value = body.get(name)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def member(body: Mapping[str, object], name: str) -> JsonObject:
    """Read the object member `name`, or an empty object."""
    value = body.get(name)
    return value if is_object(value) else {}


def array(body: Mapping[str, object], name: str) -> list[object]:
    """Read the array member `name`, or an empty list."""
    value = body.get(name)
    return cast("list[object]", value) if isinstance(value, list) else []


def texts(body: Mapping[str, object], name: str) -> tuple[str, ...]:
    """Read the strings of the array member `name`, in order."""
    return tuple(item for item in array(body, name) if isinstance(item, str))


def present(body: Mapping[str, object | None]) -> JsonObject:
    """Keep the members that have a value: the API leaves out what it does not know."""
    return {name: value for name, value in body.items() if value is not None}
