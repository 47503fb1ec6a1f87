"""The pass that translates patterns from ECMA-262, the dialect of OpenAPI, to Python's `re`.

Only sent schemas keep their patterns and limits. Received values are not validated.
"""

from __future__ import annotations

import re
import warnings
from functools import cache
from typing import Final

from codegen.document import Object
from codegen.passes.backtracking import is_catastrophic
from codegen.passes.walk import rewrite_schema, schemas, with_schemas

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
# The listed letters mean the same after a backslash in both dialects. The others are not escapes in ECMA-262, or mean
# something else in Python.
_OTHER_ESCAPE: Final = re.compile(r"\\(?![BDWbdfnrtuvwx])[A-Za-z]")
_ASCII: Final = frozenset({r"\d", r"\D", r"\w", r"\W", r"\b", r"\B"})
_LINE_ENDS: Final = r"[^\n\r\u2028\u2029]"


class UnsupportedPattern(ValueError):
    """A pattern that cannot be translated from ECMA-262 to Python."""


@cache
def python_pattern(pattern: str) -> str:
    r"""Translate a pattern from ECMA-262 to Python's `re`. Raises UnsupportedPattern.

    In Python `$` also matches before a final line feed, `\d` and `\w` match digits and letters of every script, and
    `.` matches every character except a line feed.
    """
    output: list[str] = []
    in_class = opened = ascii_only = False
    for part in _TOKEN.findall(pattern):
        if _OTHER_ESCAPE.fullmatch(part) or part == "{," or (opened and part == "]"):
            raise UnsupportedPattern(f"'{part}' has a different meaning in Python than in ECMA-262; write it out")
        ascii_only |= part in _ASCII
        output.append(_inside_class(part) if in_class else _outside_class(part))
        opened = not in_class and part.startswith("[")
        in_class = opened or (in_class and part != "]")
    translated = ("(?a)" if ascii_only else "") + "".join(output)
    _require_valid(translated)
    if is_catastrophic(translated):
        raise UnsupportedPattern(
            "it can take exponential time: a repeated part can match one text in several ways, such as (a+)+"
        )
    return translated


def _require_valid(pattern: str) -> None:
    try:
        with warnings.catch_warnings():
            # Python warns about characters that a later version may read as a set operation.
            warnings.simplefilter("error", FutureWarning)
            re.compile(pattern)
    except (re.error, FutureWarning) as error:
        raise UnsupportedPattern(f"not a regular expression: {error}") from None


def translate_patterns(document: Object) -> Object:
    """Return the document with Python patterns in sent schemas and without limits in received ones."""
    return with_schemas(document, {name: _translate_schema(schema) for name, schema in schemas(document).objects()})


def _translate_schema(schema: Object) -> Object:
    if schema.get("x-direction") == "received":
        return rewrite_schema(schema, lambda part: part.without(*LIMITS))
    return rewrite_schema(schema, _translate)


def _translate(part: Object) -> Object:
    return part.derive({**part, "pattern": python_pattern(part.text("pattern"))}) if "pattern" in part else part


def _inside_class(part: str) -> str:
    return rf"\{part}" if part.startswith("[") else part


def _outside_class(part: str) -> str:
    return {"$": r"\Z", ".": _LINE_ENDS, "(?<": "(?P<"}.get(part, part)
