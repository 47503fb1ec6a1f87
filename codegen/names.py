"""Python names from names of the specification. A name that would have to be invented is no name: the table decides."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Mapping

_WORD_BREAK = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^0-9A-Za-z]+")
_SNAKE = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*_?")
_CONSTANT = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*")
_CLASS = re.compile(r"[A-Z][A-Za-z0-9]*")

# Names that generated modules import, here or on the way here; a class of the specification would hide them.
_IMPORTED = frozenset(
    {
        "Alternative",
        "Annotated",
        "Any",
        "ApiRequest",
        "AsyncIterator",
        "BodyFormat",
        "CallOptions",
        "ClassVar",
        "Enum",
        "Final",
        "Idempotency",
        "Literal",
        "Mapping",
        "Meta",
        "OpenEnum",
        "Operation",
        "Page",
        "Parameter",
        "RequestModel",
        "ResponseModel",
        "RetryPolicy",
        "Sender",
        "StrEnum",
        "Struct",
        "Timeouts",
        "TypeAlias",
        "UnsetType",
    }
)


def snake(name: str, table: Mapping[str, str]) -> str | None:
    """Return the Python name of a field, parameter or module, or None if the table has to give one."""
    if name in table:
        return table[name]
    words = _WORD_BREAK.sub("_", name).lower()
    return words if name.isascii() and is_snake(words) else None


def constant(value: str, table: Mapping[str, str]) -> str | None:
    """Return the name of an enum member, or None if `x-enum-varnames` has to give one."""
    name = table.get(value) or re.sub(r"[^0-9A-Za-z]+", "_", value).strip("_")
    return name.upper() if name[:1].isalpha() and name.isascii() else None


def is_snake(name: str) -> bool:
    """Tell whether a name is fit for a field, parameter or function: lower snake case and no keyword."""
    return _SNAKE.fullmatch(name) is not None and not keyword.iskeyword(name)


def is_constant(name: str) -> bool:
    """Tell whether a name is fit for an enum member."""
    return _CONSTANT.fullmatch(name) is not None


def is_class(name: str) -> bool:
    """Tell whether a name is fit for a class: capitalised words, nothing that Python or our modules use already."""
    return _CLASS.fullmatch(name) is not None and name not in _IMPORTED and not hasattr(builtins, name)
