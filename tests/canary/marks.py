"""Canaries: unique values put where the specification says `x-sensitive`, and every form in which one could get out."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from typing import cast
from urllib.parse import quote, quote_plus

import msgspec

from checkout_async._core.model import RequestModel, ResponseModel

SHORTEST = 8
"""The length of the shortest value that is searched for inside of words."""

_numbers = count(1)


def luhn(stem: str) -> str:
    """Return a number with its check digit (ISO/IEC 7812)."""
    digits = [int(digit) for digit in stem]
    doubled = sum(sum(divmod(2 * digit, 10)) for digit in digits[::-2]) + sum(digits[-2::-2])
    return f"{stem}{-doubled % 10}"


def candidates(kind: str, value: str) -> Iterator[str]:
    """Yield values never used before for a member of a kind: the first that its limits allow becomes the canary."""
    number = next(_numbers)
    if kind == "pan":
        yield luhn(f"4{number:014d}"[:1] + f"97531{number:09d}")
    if kind == "cvv":
        yield f"{9000 + number % 999:04d}"
    yield f"canary{number:05d}{value}"[: max(len(value), 11)]
    yield f"canary{number:05d}"
    yield f"canary{number:05d}@example.com"
    yield f"88{number:05d}31"
    yield f"2001:db8::c:{number:x}fa"
    yield value


@dataclass
class Canaries:
    """The values that must not get out, with the name of each."""

    values: dict[str, str] = field(default_factory=dict[str, str])

    def add(self, name: str, value: str) -> str:
        """Watch for a value. A short value cannot be distinguished from other text in an output."""
        if len(value) >= SHORTEST or (value.isdigit() and len(value) == 4):
            self.values[value] = name
        return value

    def mark(self, model: object) -> None:
        """Replace every sensitive text of a model, at any depth, by a canary that its limits allow."""
        if isinstance(model, list):
            for item in cast("list[object]", model):
                self.mark(item)
        if not isinstance(model, RequestModel | ResponseModel):
            return
        for name in model.__struct_fields__:
            value = getattr(model, name)
            kind = type(model).__sensitive__.get(name)
            if kind is not None and isinstance(value, str):
                self._replace(model, name, kind, value)
            else:
                self.mark(value)

    def _replace(self, model: RequestModel | ResponseModel, name: str, kind: str, value: str) -> None:
        for candidate in candidates(kind, value):
            msgspec.structs.force_setattr(model, name, candidate)
            try:
                msgspec.json.decode(msgspec.json.encode(model), type=type(model))
            except msgspec.ValidationError:
                continue
            self.add(f"{type(model).__name__}.{name} ({kind})", candidate)
            return

    def __or__(self, other: Canaries) -> Canaries:
        return Canaries({**self.values, **other.values})

    def search(self) -> Search:
        """Return a search for the values that are watched for now."""
        return Search(self.values)


class Search:
    """A search for the forms of many values.

    Forms begin alike, since canaries do. A pattern finds the beginnings; it is compiled once for all canaries that
    begin so. What follows is compared form by form.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self._long: dict[str, list[tuple[str, str]]] = {}
        self._short = [(_short_pattern(value), name) for value, name in values.items() if len(value) < SHORTEST]
        for value, name in values.items():
            for form in forms(value) if len(value) >= SHORTEST else ():
                self._long.setdefault(form[:SHORTEST], []).append((form, name))
        self._beginnings = _any_of(frozenset(self._long))

    def hits(self, text: str) -> Iterator[tuple[str, int, int]]:
        """Yield the name of each value that the text contains, and where it begins and ends."""
        beginning = self._beginnings.search(text)
        while beginning:
            start = beginning.start()
            for form, name in self._long[beginning.group()]:
                if text.startswith(form, start):
                    yield name, start, start + len(form)
            beginning = self._beginnings.search(text, start + 1)
        for pattern, name in self._short:
            yield from ((name, hit.start(), hit.end()) for hit in pattern.finditer(text))


@cache
def _any_of(texts: frozenset[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, sorted(texts))) or r"(?!)")


@cache
def _short_pattern(value: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w.:-]){value}(?![\w.])")


@cache
def forms(value: str) -> set[str]:
    """Return a value as such, in JSON, in a URL, in hexadecimal and in Base64 at any offset."""
    raw = value.encode()
    found = {value, repr(value)[1:-1], json.dumps(value)[1:-1], quote(value, safe=""), quote_plus(value), raw.hex()}
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + raw).decode()
        # Only the characters that depend on no neighbouring byte.
        inner = encoded[4 if offset else 0 : len(encoded) // 4 * 4 - 4]
        found |= {inner, inner.replace("+", "-").replace("/", "_")}
    return {form for form in found if len(form) >= SHORTEST}
