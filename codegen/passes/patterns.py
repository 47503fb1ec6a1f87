"""Patterns as Python reads them: the specification writes them in the dialect of ECMA-262.

Only what is sent keeps its patterns and limits; what is received is taken as it comes.
"""

from __future__ import annotations

import re
import warnings
from typing import Final

from codegen.document import Object
from codegen.passes.walk import schema_rewritten, schemas, with_schemas

LIMITS: Final = frozenset(
    {
        "pattern",
        "minLength",
        "maxLength",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minItems",
        "maxItems",
        "minProperties",
        "maxProperties",
    }
)

_TOKEN: Final = re.compile(r"\\.|\[\^?|\]|\$|\.|\(\?<(?![=!])|\(|\{,|\{|[^\\\[\]$.({]+", re.DOTALL)
# The letters that mean the same after a backslash; the others are no escapes in ECMA-262, or other ones in Python.
_OTHER_ESCAPE: Final = re.compile(r"\\(?![BDWbdfnrtuvwx])[A-Za-z]")
_ASCII: Final = frozenset({r"\d", r"\D", r"\w", r"\W", r"\b", r"\B"})
_LINE_ENDS: Final = r"[^\n\r\u2028\u2029]"


class UnsupportedPattern(ValueError):
    """A pattern that Python cannot be made to read as ECMA-262 does."""


def python_pattern(pattern: str) -> str:
    r"""Translate a pattern from ECMA-262 to Python's `re`. Raises UnsupportedPattern.

    In Python `$` also matches before a last line feed, `\d` and `\w` match letters and digits of every script, and
    `.` matches all but a line feed.
    """
    output: list[str] = []
    in_class = opened = ascii_only = False
    for part in _TOKEN.findall(pattern):
        if _OTHER_ESCAPE.fullmatch(part) or part == "{," or (opened and part == "]"):
            raise UnsupportedPattern(f"'{part}' does not mean in Python what it means in ECMA-262; write it out")
        ascii_only |= part in _ASCII
        output.append(_inside_class(part) if in_class else _outside_class(part))
        opened = not in_class and part.startswith("[")
        in_class = opened or (in_class and part != "]")
    translated = ("(?a)" if ascii_only else "") + "".join(output)
    _require_valid(translated)
    return translated


def _require_valid(pattern: str) -> None:
    try:
        with warnings.catch_warnings():
            # Python warns of what a later version may read as an operation on sets.
            warnings.simplefilter("error", FutureWarning)
            re.compile(pattern)
    except (re.error, FutureWarning) as error:
        raise UnsupportedPattern(f"not a regular expression: {error}") from None


def translate_patterns(document: Object) -> Object:
    """Return the document with Python patterns in what is sent, and without limits in what is received."""
    return with_schemas(document, {name: _schema(schema) for name, schema in schemas(document).objects()})


def _schema(schema: Object) -> Object:
    if schema.get("x-direction") == "received":
        return schema_rewritten(schema, lambda part: part.without(*LIMITS))
    return schema_rewritten(schema, _translated)


def _translated(part: Object) -> Object:
    return part.derive({**part, "pattern": python_pattern(part.text("pattern"))}) if "pattern" in part else part


def _inside_class(part: str) -> str:
    return rf"\{part}" if part.startswith("[") else part


def _outside_class(part: str) -> str:
    return {"$": r"\Z", ".": _LINE_ENDS, "(?<": "(?P<"}.get(part, part)
