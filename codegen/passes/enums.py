"""Open enums: every member gets its Python name here, so that the model generator has none to invent.

Their openness is in the base class; a schema lists the values known so far.
"""

from __future__ import annotations

from codegen.document import Array, Object
from codegen.names import constant
from codegen.passes.walk import schemas, with_schemas


def member_names(schema: Object, table: dict[str, str]) -> list[str | None]:
    """Return the Python name of each value of an enum; None where one must be given and is not."""
    if "x-enum-varnames" in schema:
        return [*schema.texts("x-enum-varnames")]
    return [constant(value, table) for value in schema.texts("enum")]


def name_table(document: Object) -> dict[str, str]:
    """Return the table of API names and their Python names."""
    return {name: str(python) for name, python in document.object("x-python-names").items()}


def name_members(document: Object) -> Object:
    """Return the document with `x-enum-varnames` on every enum."""
    table = name_table(document)
    members: dict[str, object] = {}
    for name, schema in schemas(document).objects():
        members[name] = _named(schema, table) if "enum" in schema else schema
    return with_schemas(document, members)


def _named(schema: Object, table: dict[str, str]) -> Object:
    names = member_names(schema, table)
    array = schema.array("enum")
    return schema.derive({**schema, "x-enum-varnames": Array(names, array.origin, array.origins)})
