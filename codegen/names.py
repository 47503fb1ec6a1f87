"""Python names derived from names in the specification.

Names are never invented: a name that cannot be derived must be given in the specification (`x-python-names`,
`x-enum-varnames`).
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Mapping

_WORD_BREAK = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^0-9A-Za-z]+")
_SNAKE = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*_?")
_CONSTANT = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*")
_CLASS = re.compile(r"[A-Z][A-Za-z0-9]*")

# Names that generated modules import, or that the model generator imports while it runs. A class of the specification
# with one of these names would hide the import.
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
        "FormerNames",
        "Idempotency",
        "Literal",
        "Mapping",
        "Meta",
        "NotRequired",
        "OpenEnum",
        "Operation",
        "Page",
        "Parameter",
        "RequestModel",
        "Resource",
        "ResponseModel",
        "RetryPolicy",
        "Sender",
        "Sequence",
        "StrEnum",
        "Struct",
        "Timeouts",
        "TypeAlias",
        "TypedDict",
        "UnsetType",
        "Upload",
    }
)


def snake_name(name: str, table: Mapping[str, str]) -> str | None:
    """Return the Python name of a field, parameter or module, or None if the table must give one."""
    if name in table:
        return table[name]
    words = _WORD_BREAK.sub("_", name).lower()
    return words if name.isascii() and is_snake(words) else None


def constant_name(value: str, table: Mapping[str, str]) -> str | None:
    """Return the name of an enum member, or None if `x-enum-varnames` must give one."""
    name = table.get(value) or re.sub(r"[^0-9A-Za-z]+", "_", value).strip("_")
    return name.upper() if name[:1].isalpha() and name.isascii() else None


def is_snake(name: str) -> bool:
    """Return whether a name is valid for a field, parameter or function: lower snake case and not a keyword."""
    return _SNAKE.fullmatch(name) is not None and not keyword.iskeyword(name)


def is_constant(name: str) -> bool:
    """Return whether a name is valid for an enum member: upper snake case."""
    return _CONSTANT.fullmatch(name) is not None


def is_class(name: str) -> bool:
    """Return whether a name is valid for a class: capitalised words, not a builtin, not imported by our modules."""
    return _CLASS.fullmatch(name) is not None and name not in _IMPORTED and not hasattr(builtins, name)
