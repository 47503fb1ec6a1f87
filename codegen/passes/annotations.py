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


def document_limits(document: Object) -> Object:
    """Return the document with the limits of each member of a sent schema in its description.

    The default types check only those that the API enforces, so their annotations do not show the others.
    """
    members: dict[str, object] = {}
    for name, schema in schemas(document).objects():
        sent = schema.get("x-direction") == "sent" and "properties" in schema
        members[name] = _describe_members(schema) if sent else schema
    return with_schemas(document, members)


def _describe_members(schema: Object) -> Object:
    properties = schema.object("properties")
    described = {name: _with_limits(member) for name, member in properties.objects()}
    return schema.derive({**schema, "properties": properties.derive(described)})


def _with_limits(member: Object) -> Object:
    if not (limits := describe_limits(member)):
        return member
    return member.derive({**member, "description": f"{member.text('description')} Documented: {limits}."})


def describe_limits(schema: Object) -> str:
    """Return the limits of a schema in words, such as `2 to 35 characters`; empty if it has none."""
    found = [
        _range(schema, "minLength", "maxLength", " characters"),
        _range(schema, "minItems", "maxItems", " items"),
        _range(schema, "minProperties", "maxProperties", " members"),
        _range(schema, "minimum", "maximum", ""),
        f"above {schema['exclusiveMinimum']}" if "exclusiveMinimum" in schema else "",
        f"below {schema['exclusiveMaximum']}" if "exclusiveMaximum" in schema else "",
        f"a multiple of {schema['multipleOf']}" if "multipleOf" in schema else "",
        f"pattern `{schema.text('pattern')}`" if "pattern" in schema else "",
    ]
    return ", ".join(each for each in found if each)


def _range(schema: Object, low: str, high: str, unit: str) -> str:
    least, most = schema.get(low), schema.get(high)
    if least is None:
        return "" if most is None else f"at most {most}{unit}"
    if most is None:
        return f"{least}{unit} or more"
    return f"{least}{unit}" if least == most else f"{least} to {most}{unit}"


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
