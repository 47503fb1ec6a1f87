"""References that may be null: `anyOf` of the reference and null in OpenAPI, a marked reference in the compiler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from codegen.document import Array, Object
from codegen.passes.walk import rewrite, schemas, type_names

MARK: Final = "x-null"
"""On a reference inside the compiler: null is a value, too. No fragment has it."""


def mark_nullable(document: Object) -> Object:
    """Return the document with a marked reference for each choice of a reference and null."""
    return _rewritten(document, _mark)


def restore_nullable(document: Object) -> Object:
    """Return the document as OpenAPI writes it."""
    return _rewritten(document, _restore)


def may_be_null(schema: Object) -> bool:
    """Return whether null is a value of a schema."""
    return schema.get(MARK) is True or "null" in type_names(schema)


def _rewritten(document: Object, change: Callable[[Object], Object]) -> Object:
    named = schemas(document)
    changed = {name: rewrite(schema, change) for name, schema in named.objects()}
    components = document.object("components")
    whole = components.derive({**components, "schemas": named.derive(changed)})
    return document.derive({**document, "components": whole})


def _mark(part: Object) -> Object:
    choices = part.get("anyOf")
    if not isinstance(choices, Array) or len(choices) != 2:
        return part
    references = [each for each in choices.objects() if set(each) == {"$ref"}]
    nulls = [each for each in choices.objects() if each == {"type": "null"}]
    if len(references) != 1 or len(nulls) != 1 or "properties" in part:
        return part
    kept = part.without("anyOf")
    origins = {**part.origins, **references[0].origins}
    return Object({"$ref": references[0]["$ref"], **kept, MARK: True}, part.origin, origins)


def _restore(part: Object) -> Object:
    if part.get(MARK) is not True or "$ref" not in part:
        return part
    reference = part.derive({"$ref": part["$ref"]})
    choices = Array([reference, part.derive({"type": "null"})], part.origin, [part.origin] * 2)
    return part.derive({**part.without("$ref", MARK), "anyOf": choices})
