"""Checks that keywords stand in one order, so that fragments read alike and two people's changes merge."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from codegen.bundle import KINDS
from codegen.diagnostics import Problems
from codegen.document import Array, Object
from codegen.keywords import KEYWORDS
from codegen.load import CURRENCIES, ROOT_FILE

_SCHEMA: Final = (
    "type",
    "$ref",
    "format",
    "description",
    "deprecated",
    "readOnly",
    "writeOnly",
    "minLength",
    "maxLength",
    "pattern",
    "minimum",
    "exclusiveMinimum",
    "maximum",
    "exclusiveMaximum",
    "multipleOf",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "enum",
    "x-enum-varnames",
    "x-enum-descriptions",
    "x-enum-aliases",
    "const",
    "default",
    "x-enforced",
    "x-identifier",
    "x-echoes",
    "x-former-name",
    "x-role",
    "x-sensitive",
    "x-review",
    "examples",
    "required",
    "properties",
    "additionalProperties",
    "items",
    "oneOf",
    "anyOf",
    "discriminator",
    "x-recognised-by",
)
ORDER: Final[dict[str, tuple[str, ...]]] = {
    "schema": _SCHEMA,
    "operation": (
        "operationId",
        "tags",
        "summary",
        "description",
        "deprecated",
        "x-idempotency",
        "x-idempotency-reason",
        "x-reference",
        "x-pagination",
        "x-review",
        "security",
        "parameters",
        "requestBody",
        "responses",
        "callbacks",
    ),
    "parameter": ("name", "in", "required", "description", "deprecated", "style", "explode", "schema", "example"),
    "response": ("description", "headers", "content"),
    "request body": ("required", "description", "content"),
    "media type": ("schema", "example", "examples"),
}
"""The keywords of each kind of object in their order. One that is not listed stands anywhere."""


def check_order(fragments: dict[str, Object], problems: Problems) -> None:
    """Report the objects in fragments whose keywords stand in another order."""
    for value, kind in disordered(fragments):
        first = next(
            key for key, expected in zip(_listed(value, kind), in_order(value, kind), strict=True) if key != expected
        )
        expected = ", ".join(in_order(value, kind))
        problems.add(
            value.at(first), f"the keywords of a {kind} stand in this order: {expected} (`lint --fix` does it)"
        )


def disordered(fragments: dict[str, Object]) -> Iterator[tuple[Object, str]]:
    """Yield the objects whose keywords stand in another order, each with its kind, outermost first."""
    for file, fragment in fragments.items():
        for value, kind in _objects(fragment, _kind_of(file)):
            if kind in ORDER and _listed(value, kind) != in_order(value, kind):
                yield value, kind


def in_order(value: Object, kind: str) -> list[str]:
    """Return the keywords of an object that have a place in the order, in that order."""
    return [key for key in ORDER[kind] if key in value]


def _listed(value: Object, kind: str) -> list[str]:
    return [key for key in value if key in ORDER[kind]]


def _kind_of(file: str) -> str:
    if file in {ROOT_FILE, CURRENCIES}:
        return "root" if file == ROOT_FILE else "currencies"
    folders = file.split("/")
    return "path item" if folders[0] == "paths" else f"{{{KINDS.get(folders[1], '')}}}"


def _objects(value: object, kind: str) -> Iterator[tuple[Object, str]]:
    """Yield the objects in a part of a fragment with their kinds, as the table of keywords says."""
    if isinstance(value, Array) and kind.startswith("["):
        for item in value:
            yield from _objects(item, kind[1:-1])
    elif isinstance(value, Object) and kind.startswith("{"):
        for member in value.values():
            yield from _objects(member, kind[1:-1])
    elif isinstance(value, Object) and kind in KEYWORDS:
        yield value, kind
        known = KEYWORDS[kind]
        for key, member in value.items():
            yield from _objects(member, known.get(key) or known.get("*") or "")
