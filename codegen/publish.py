"""Puts the checked document into the form that other tools read, and reads that form.

Beside an `enum` the field's tools expect lists with one entry for each value, in the order of `enum`. The fragments map
values to their meaning instead, so that a value and its meaning stand on one line. A schema of the bundle says in
`x-module` which module its class is in, as the folders of the fragments do.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from codegen.document import Array, Object
from codegen.keywords import NOT_SENSITIVE
from codegen.passes.walk import module_of, schemas, with_schemas

MODULE: Final = "x-module"


def publish(document: Object) -> Object:
    """Return the document with `x-enum-descriptions` as lists. A value without a meaning has an empty text.

    A member that is not sensitive has no mask, whether or not its fragment says so.
    """
    named = schemas(document)
    return with_schemas(document, {name: _without_marks(_list_meanings(each)) for name, each in named.objects()})


def with_modules(document: Object) -> Object:
    """Return the document with the module of each schema in it, for those who read it without the folders."""
    named = schemas(document)
    return with_schemas(document, {name: _with_module(schema) for name, schema in named.objects()})


def unpublish(document: Object) -> Object:
    """Return a bundle as the fragments give it: meanings by value, and the module of each schema in its origin."""
    named = schemas(document)
    members = {name: _unpublish(schema) for name, schema in named.objects()}
    origins = {name: replace(named.at(name), module=schema.origin.module) for name, schema in members.items()}
    components = document.object("components")
    changed = components.derive({**components, "schemas": Object(members, named.origin, origins)})
    return document.derive({**document, "components": changed})


def _without_marks(schema: Object) -> Object:
    """Return a schema without what only a reviewer of the fragments reads."""
    properties = schema.object("properties")
    if not any(_is_marked(member) for _, member in properties.objects()):
        return schema
    kept = {
        name: member.without("x-sensitive") if _is_marked(member) else member for name, member in properties.objects()
    }
    return schema.derive({**schema, "properties": properties.derive(kept)})


def _is_marked(member: Object) -> bool:
    return member.get("x-sensitive") == NOT_SENSITIVE


def _with_module(schema: Object) -> Object:
    return schema.derive({**schema, MODULE: module_of(schema)})


def _list_meanings(schema: Object) -> Object:
    if "x-enum-descriptions" not in schema:
        return schema
    values, meanings = schema.texts("enum"), schema.object("x-enum-descriptions")
    listed = Array(map(meanings.text, values), meanings.origin, map(meanings.at, values))
    return schema.derive({**schema, "x-enum-descriptions": listed})


def _unpublish(schema: Object) -> Object:
    members: dict[str, object] = {**schema.without(MODULE)}
    meanings = schema.get("x-enum-descriptions")
    if isinstance(meanings, Array):
        pairs = {value: text for value, text in zip(schema.texts("enum"), meanings, strict=False) if text}
        members["x-enum-descriptions"] = Object(pairs, meanings.origin, {})
    return Object(members, replace(schema.origin, module=schema.text(MODULE)), schema.origins)
