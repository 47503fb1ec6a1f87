"""The parameters of a call, in its path, its query and its headers: their limits, and how they are quoted."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, cast
from urllib.parse import quote

from msgspec import Struct
from msgspec.structs import force_setattr

from checkout_async.errors import InvalidRequest

__all__ = [
    "ListParameter",
    "Parameter",
    "list_parameter",
    "optional_parameter",
    "parameter_text",
    "quote_part",
    "quote_segment",
]

# RFC 3986 section 2.3: characters that need no quoting.
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]*")


class Parameter(Struct, frozen=True, kw_only=True):
    """A path, query or header parameter of one call: its API name, its value, and the limits of the value."""

    name: str
    value: str
    argument: str = ""
    """The name of the Python argument, if it is another one."""
    pattern: str | None = None
    min_length: int | None = None
    max_length: int | None = None
    minimum: float | None = None
    maximum: float | None = None
    enforced: tuple[str, ...] = ()
    """The limits, by the names above, that the API enforces; the others are checked at the level `strict` only."""

    def __post_init__(self) -> None:
        if type(self.value) is not str and isinstance(cast("object", self.value), str):
            # A member of an enum that is a str, too: formatting would write its name, and a body has its value.
            force_setattr(self, "value", str.__str__(self.value))

    @property
    def label(self) -> str:
        """The name that the caller knows."""
        return self.argument or self.name


class ListParameter(Parameter, frozen=True, kw_only=True):
    """A query parameter with a list of values. The limits are those of each value.

    The name is repeated for each value (`a=1&a=2`), or the values are `joined` by commas (`a=1,2`; a comma in a value
    is quoted). That is how RFC 6570 expands `{?a*}` and `{?a}`.
    """

    value: str = ""
    values: object = ()
    joined: bool = False
    min_items: int | None = None
    max_items: int | None = None

    def texts(self) -> tuple[str, ...] | None:
        """Return the values as texts, or None if it is no list of texts, numbers, booleans, dates and times."""
        if (values := _listed(self.values)) is None:
            return None
        found = tuple(map(_text_of, values))
        return None if None in found else cast("tuple[str, ...]", found)


def _listed(values: object) -> tuple[object, ...] | None:
    """Return the items of a list of any kind, or None if it is none. A text and a mapping are iterable, too."""
    if isinstance(values, Iterable) and not isinstance(values, str | bytes | Mapping):
        return tuple(cast("Iterable[object]", values))
    return None


def _text_of(value: object) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        return str.__str__(value)
    return str(value) if isinstance(value, int | float) else None


def quote_segment(operation: str, name: str, value: str) -> str:
    """Quote a value as exactly one path segment (RFC 3986 section 3.3).

    Raises InvalidRequest for an empty or dot segment.
    """
    if value in {"", ".", ".."}:
        reason = "is empty or a dot segment, not an identifier"
        raise InvalidRequest(f"{operation}: {name} {reason}", operation=operation, path=name, reason=reason)
    return quote_part(operation, name, value)


def quote_part(operation: str, name: str, value: str) -> str:
    """Quote a value for a path or query. Raises InvalidRequest, without the value, if it cannot be encoded."""
    if _UNRESERVED.fullmatch(value):
        return value
    try:
        return quote(value, safe="")
    except UnicodeEncodeError:
        reason = "contains a lone surrogate and cannot be encoded as UTF-8"
    raise InvalidRequest(f"{operation}: {name} {reason}", operation=operation, path=name, reason=reason)


def list_parameter(
    name: str,
    values: Iterable[object] | None,
    *,
    required: bool = False,
    **described: Any,
) -> tuple[Parameter, ...]:
    """Return a 1-tuple of the parameter with its values, or () if there are none and it is not `required`."""
    listed = _listed(values)
    if (values is None or listed == ()) and not required:
        return ()
    return (ListParameter(name=name, values=values if listed is None else listed, **described),)


def parameter_text(value: object) -> str:
    """Return the value of a parameter as text.

    None and a number that is not finite stay as they are: `prepare` refuses them, and knows the name of the operation.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    is_odd = value is None or (isinstance(value, float) and not math.isfinite(value))
    return cast("str", value) if is_odd else str(value)


def optional_parameter(
    name: str,
    value: str | float | bool | None,
    *,
    argument: str = "",
    pattern: str | None = None,
    min_length: int | None = None,
    max_length: int | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
    enforced: tuple[str, ...] = (),
) -> tuple[Parameter, ...]:
    """Return a 1-tuple of the parameter with its value as text, or () if the value is None."""
    if value is None:
        return ()
    return (
        Parameter(
            name=name,
            value=parameter_text(value),
            argument=argument,
            pattern=pattern,
            min_length=min_length,
            max_length=max_length,
            minimum=minimum,
            maximum=maximum,
            enforced=enforced,
        ),
    )
