"""Alternatives: a request body of several types that no discriminator tells apart, but members that it has."""

from __future__ import annotations

from codegen.document import Object
from codegen.passes.walk import referred_name


def is_alternatives(schema: Object) -> bool:
    """Tell whether a schema is a choice of types without a discriminator."""
    return "anyOf" in schema


def alternatives(schema: Object) -> dict[str, list[str]]:
    """Return the names of the alternatives in their order, each with the members it is recognised by."""
    recognised_by = schema.object("x-recognised-by")
    names = (referred_name(part) for part in schema.array("anyOf").objects())
    return {name: recognised_by.texts(name) for name in names}
