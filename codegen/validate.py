"""Checks that a document uses only known keywords, each with a value of the right type.

The result lacks the invalid members, so that later checks can rely on the types of the others.
"""

from __future__ import annotations

import difflib

from codegen.diagnostics import Origin, Problems
from codegen.document import Array, Object
from codegen.keywords import KEYWORDS, REFUSED, REFUSED_VALUES, ValueType

_INVALID = object()
_MOST_UNKNOWN = 3
_TYPE_NAMES = {
    "text": "a string",
    "bool": "true or false",
    "int": "an integer",
    "number": "a number",
    "texts": "a list of strings",
}


def validate_keywords(document: Object, problems: Problems) -> Object:
    """Report unknown keywords and values of the wrong type; return the document without them."""
    return _Validator(problems).members(document, "root")


class _Validator:
    def __init__(self, problems: Problems) -> None:
        self._problems = problems

    def members(self, value: Object, kind: str) -> Object:
        known = KEYWORDS[kind]
        kept: dict[str, object] = {}
        unknown: list[str] = []
        for key, member in value.items():
            type_ = known.get(key) or known.get("*")
            if type_ is None:
                unknown.append(key)
                continue
            validated = self._validate(member, type_, f"'{key}'", value.at(key))
            if validated is not _INVALID:
                kept[key] = validated
        self._report_unknown(value, unknown, kind)
        return value.derive(kept)

    def _report_unknown(self, value: Object, unknown: list[str], kind: str) -> None:
        """Report the first few: many in one object come of one cause, such as a line that is missing above them."""
        left = len(unknown) - _MOST_UNKNOWN
        for number, key in enumerate(unknown[:_MOST_UNKNOWN], 1):
            more = f"; so are {left} more here" if number == _MOST_UNKNOWN and left > 0 else ""
            self._problems.add(value.at(key), _describe_unknown(key, kind) + more)

    def _validate(self, value: object, type_: ValueType, what: str, origin: Origin) -> object:
        if type_ == "data":
            return value
        if type_.startswith("{"):
            return self._mapping(value, type_[1:-1], what, origin)
        if type_.startswith("["):
            return self._list(value, type_[1:-1], what, origin)
        if type_ == "values":
            value, type_ = (Object({}, origin, {}) if value is True else value), "schema"
        if type_ in KEYWORDS:
            return (
                self.members(value, type_)
                if isinstance(value, Object)
                else self._reject(value, what, "a mapping", origin)
            )
        if type_ == "type":
            type_ = "texts" if isinstance(value, Array) else "text"
        return value if _is_valid(value, type_) else self._reject(value, what, _TYPE_NAMES[type_], origin)

    def _mapping(self, value: object, type_: ValueType, what: str, origin: Origin) -> object:
        if not isinstance(value, Object):
            return self._reject(value, what, "a mapping", origin)
        validated = {key: self._validate(item, type_, f"'{key}'", value.at(key)) for key, item in value.items()}
        return value.derive({key: item for key, item in validated.items() if item is not _INVALID})

    def _list(self, value: object, type_: ValueType, what: str, origin: Origin) -> object:
        if not isinstance(value, Array):
            return self._reject(value, what, "a list", origin)
        pairs = list(zip(value, value.origins, strict=True))
        validated = [(self._validate(item, type_, f"an item of {what}", where), where) for item, where in pairs]
        kept = [(item, where) for item, where in validated if item is not _INVALID]
        return Array([item for item, _ in kept], value.origin, [where for _, where in kept])

    def _reject(self, value: object, what: str, expected: str, origin: Origin) -> object:
        rule = REFUSED_VALUES.get((what.strip("'"), type(value).__name__), "")
        self._problems.add(origin, f"{what} must be {expected}{rule and f': {rule}'}")
        return _INVALID


def _is_valid(value: object, type_: ValueType) -> bool:
    if type_ == "texts":
        return isinstance(value, Array) and all(isinstance(item, str) for item in value)
    if type_ == "bool" or isinstance(value, bool):
        return type_ == "bool" and isinstance(value, bool)
    if type_ == "text":
        return isinstance(value, str)
    return isinstance(value, int) or (type_ == "number" and isinstance(value, float))


def _describe_unknown(key: str, kind: str) -> str:
    if rule := REFUSED.get(kind, {}).get(key):
        return f"'{key}' is not supported: {rule}"
    article = "the" if kind == "root" else "an" if kind[0] in "aeio" else "a"
    return f"unknown keyword '{key}' in {article} {kind}{_suggestion(key, KEYWORDS[kind])}"


def _suggestion(key: str, known: dict[str, ValueType]) -> str:
    lowered = {name.lower(): name for name in known}
    close = difflib.get_close_matches(key.lower(), lowered, n=1, cutoff=0.75)
    return f"; did you mean '{lowered[close[0]]}'?" if close else ""
