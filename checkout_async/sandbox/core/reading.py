"""Reads a request body by its schema, as the API reads it: in the listed spelling, and by default leniently.

Enum values and union tags match without letter case, blanks, `_` and `-`. A lenient reader also forgives what the API
was observed to take: null for an optional member, digits in a text as a number, `"true"` and `"false"` as a boolean,
other spellings of a date, and members that no schema names. It records the JSON path of each. An exact reader forgives
nothing. Neither decides what is valid: validation.py checks what was read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from typing import cast

from checkout_async.sandbox.core.payload import JsonObject, array, is_object, member, text, texts
from checkout_async.sandbox.core.spec import ApiSpec

MEMBER_NAME = re.compile(r"[A-Za-z_]\w{0,63}", re.ASCII)
"""What may be repeated as the name of a member: another text could be a card number in the wrong place."""

_SEPARATORS = dict.fromkeys(map(ord, " _-"))
_INTEGER = re.compile(r"-?\d{1,18}", re.ASCII)
_NUMBER = re.compile(r"-?\d{1,18}(\.\d{1,18})?", re.ASCII)
_BOOLEANS = {"true": True, "false": False}
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DATE_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)


class BodyReader:
    """Reads one body; `forgiven` lists the JSON paths of what was forgiven."""

    def __init__(self, spec: ApiSpec, *, exact: bool) -> None:
        self._spec = spec
        self._exact = exact
        self.forgiven: list[str] = []

    def read(self, schema: object, value: object, path: str = "$") -> object:
        """Return the value as the API reads it by a schema. What does not fit is returned as it came."""
        node = self._spec.resolve(schema)
        if "discriminator" in node:
            return self._read_tagged(member(node, "discriminator"), value, path)
        if "x-recognised-by" in node:
            return self._read_recognised(array(node, "anyOf"), member(node, "x-recognised-by"), value, path)
        if is_object(value):
            return self._read_object(node, value, path) if node.get("type") == "object" else value
        if isinstance(value, list):
            items = cast("list[object]", value)
            return [self.read(member(node, "items"), item, f"{path}[{index}]") for index, item in enumerate(items)]
        return self._read_text(node, value, path) if isinstance(value, str) else value

    def _read_tagged(self, discriminator: JsonObject, value: object, path: str) -> object:
        """Read a value of a union by the variant that its tag names."""
        tag, mapping = str(discriminator["propertyName"]), member(discriminator, "mapping")
        if not is_object(value) or not isinstance(value.get(tag), str):
            return value
        name = _listed(str(value[tag]), mapping)
        return value if name is None else self.read({"$ref": mapping[name]}, value, path)

    def _read_recognised(self, variants: list[object], members: JsonObject, value: object, path: str) -> object:
        """Read a value by the first variant whose identifying members it has; a forgiven null is not there."""
        if not is_object(value):
            return value
        present = {name for name, item in value.items() if self._exact or item is not None}
        for variant in variants:
            name = str(cast("JsonObject", variant)["$ref"]).rpartition("/")[2]
            if present.issuperset(texts(members, name)):
                return self.read(variant, value, path)
        return value

    def _read_object(self, node: JsonObject, value: JsonObject, path: str) -> JsonObject:
        properties, others = member(node, "properties"), node.get("additionalProperties")
        is_closed = others is False or (others is None and "properties" in node)
        read: JsonObject = {}
        for name, item in value.items():
            here = f"{path}.{name if MEMBER_NAME.fullmatch(name) else '?'}"
            is_unknown = is_closed and name not in properties
            if not self._exact and (item is None or is_unknown):
                self.forgiven.append(here)
            else:
                read[name] = item if is_unknown else self.read(properties.get(name, others), item, here)
        return read

    def _read_text(self, node: JsonObject, value: str, path: str) -> object:
        listed = [str(node["const"])] if "const" in node else texts(node, "enum")
        if listed:
            return _listed(value, listed) or value
        read = value if self._exact else _convert(value, text(node, "type"), text(node, "format"))
        if read is not value:
            self.forgiven.append(path)
        return read


def _convert(value: str, kind: str | None, format_: str | None) -> object:
    """Return the number, boolean or date that a text stands for where the schema wants one; else the text itself."""
    if kind == "integer" and _INTEGER.fullmatch(value):
        return int(value)
    if kind == "number" and _NUMBER.fullmatch(value):
        return float(value)
    if kind == "boolean":
        return _BOOLEANS.get(value.lower(), value)
    if format_ == "date" and not _DATE.fullmatch(value):
        return value if (instant := _instant(value)) is None else instant.date().isoformat()
    if format_ == "date-time" and not _DATE_TIME.fullmatch(value):
        return value if (instant := _instant(value)) is None else instant.isoformat()
    return value


def _instant(value: str) -> datetime | None:
    """Return the time that a text in any form of ISO 8601 states; without a zone it is UTC."""
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _listed(value: str, listed: Iterable[str]) -> str | None:
    """Return the listed spelling of a value, or None for a value that is not listed."""
    return _by_folded_value(tuple(listed)).get(_fold(value))


@cache
def _by_folded_value(listed: tuple[str, ...]) -> dict[str, str]:
    return {_fold(value): value for value in listed}


def _fold(value: str) -> str:
    return value.casefold().translate(_SEPARATORS)
