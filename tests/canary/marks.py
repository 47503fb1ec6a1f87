"""Canaries: unique values put where the specification says `x-sensitive`, and every form in which one could get out."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from typing import cast
from urllib.parse import quote, quote_plus

import msgspec

from checkout_async._core.model import RequestModel, ResponseModel

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
        if len(value) >= 8 or (value.isdigit() and len(value) == 4):
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

    def pattern(self) -> re.Pattern[str]:
        """Return a pattern that finds any of the values in any form."""
        return _pattern(frozenset(self.values))

    def named(self, hit: str) -> str:
        """Return the name of the value that got out."""
        return next((name for value, name in self.values.items() if re.search("|".join(forms(value)), hit)), hit)


@cache
def _pattern(values: frozenset[str]) -> re.Pattern[str]:
    found = {form for value in values for form in forms(value)}
    return re.compile("|".join(sorted(found, key=len, reverse=True)) or r"(?!)")


def forms(value: str) -> set[str]:
    """Return the patterns of a value as such, in JSON, in a URL, in hexadecimal and in Base64 at any offset."""
    if len(value) < 8:
        return {rf"(?<![\w.:-]){value}(?![\w.])"}
    raw = value.encode()
    found = {value, repr(value)[1:-1], json.dumps(value)[1:-1], quote(value, safe=""), quote_plus(value), raw.hex()}
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + raw).decode()
        # Only the characters that depend on no neighbouring byte.
        inner = encoded[4 if offset else 0 : len(encoded) // 4 * 4 - 4]
        found |= {inner, inner.replace("+", "-").replace("/", "_")}
    return {re.escape(form) for form in found if len(form) >= 8}
