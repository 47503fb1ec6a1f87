"""Passes that complete a schema's annotations: defaults move into descriptions, enum values get Python names.

A default belongs to the server and is never sent, so it is only documented. Enums are open, which their base class
implements; a schema lists the values known so far.
"""

from __future__ import annotations

import json

from codegen.document import Array, Object
from codegen.names import constant_name
from codegen.passes.walk import rewrite_schema, schemas, with_schemas


def describe(described: Object) -> str:
    """Return the description of an object, with a warning if it is deprecated."""
    text = described.text("description")
    return f"Deprecated. {text}" if described.get("deprecated") is True else text


def describe_default(description: str, schema: Object) -> str:
    """Return a description with the default of a schema added, if it has one."""
    if "default" not in schema:
        return description
    value = schema["default"]
    shown = value if isinstance(value, str) else json.dumps(value)
    return f"{description} Default on the server: `{shown}`.".strip()


def document_defaults(document: Object) -> Object:
    """Return the document with each `default` moved into the description; in received schemas it is dropped."""
    return with_schemas(document, {name: _document_defaults(schema) for name, schema in schemas(document).objects()})


def _document_defaults(schema: Object) -> Object:
    sent = schema.get("x-direction") == "sent"
    return rewrite_schema(schema, lambda part: _move_default(part, describe=sent))


def _move_default(part: Object, *, describe: bool) -> Object:
    text = describe_default(part.text("description"), part) if describe else part.text("description")
    return part.derive({**part, "description": text}).without("default") if "default" in part else part


def name_table(document: Object) -> dict[str, str]:
    """Return `x-python-names`: API names and their Python names."""
    return {name: str(python) for name, python in document.object("x-python-names").items()}


def member_names(schema: Object, table: dict[str, str]) -> list[str | None]:
    """Return the Python name of each value of an enum, or None where `x-enum-varnames` must give one but does not."""
    if "x-enum-varnames" in schema:
        return [*schema.texts("x-enum-varnames")]
    return [constant_name(value, table) for value in schema.texts("enum")]


def name_members(document: Object) -> Object:
    """Return the document with `x-enum-varnames` on every enum, so that the model generator invents no names."""
    table = name_table(document)
    members: dict[str, object] = {}
    for name, schema in schemas(document).objects():
        members[name] = _name_values(schema, table) if "enum" in schema else schema
    return with_schemas(document, members)


def _name_values(schema: Object, table: dict[str, str]) -> Object:
    names = member_names(schema, table)
    array = schema.array("enum")
    return schema.derive({**schema, "x-enum-varnames": Array(names, array.origin, array.origins)})
