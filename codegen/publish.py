"""Puts the checked document into the form that other tools read.

Beside an `enum` the field's tools expect lists with one entry for each value, in the order of `enum`. The fragments map
values to their meaning instead, so that a value and its meaning stand on one line.
"""

from __future__ import annotations

from codegen.document import Array, Object
from codegen.passes.walk import schemas, with_schemas


def publish(document: Object) -> Object:
    """Return the document with `x-enum-descriptions` as lists. A value without a meaning has an empty text."""
    named = schemas(document)
    return with_schemas(document, {name: _list_meanings(schema) for name, schema in named.objects()})


def _list_meanings(schema: Object) -> Object:
    if "x-enum-descriptions" not in schema:
        return schema
    values, meanings = schema.texts("enum"), schema.object("x-enum-descriptions")
    listed = Array(map(meanings.text, values), meanings.origin, map(meanings.at, values))
    return schema.derive({**schema, "x-enum-descriptions": listed})
