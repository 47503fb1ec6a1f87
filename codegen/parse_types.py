"""Parses the named schemas of a document, after all passes, into the types of the intermediate representation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, cast

from codegen.document import Array, Object
from codegen.ir import Member, MemberType, ObjectType, UnionType
from codegen.keywords import APPLIES_TO, BINARY, FORMER_NAME
from codegen.names import snake_name
from codegen.parse import SCALARS, identifiers
from codegen.passes.annotations import describe, name_table
from codegen.passes.nullable import may_be_null
from codegen.passes.patterns import LIMITS
from codegen.passes.unions import alternatives, is_alternatives, is_union, variants
from codegen.passes.walk import calls, is_any, module_of, parameters, reference_name, references, schemas, type_names

# The limits of a schema under the names of `msgspec.Meta`.
_META: Final = {
    "pattern": "pattern",
    "minLength": "min_length",
    "maxLength": "max_length",
    "minItems": "min_length",
    "maxItems": "max_length",
    "minProperties": "min_length",
    "maxProperties": "max_length",
    "minimum": "ge",
    "maximum": "le",
    "exclusiveMinimum": "gt",
    "exclusiveMaximum": "lt",
    "multipleOf": "multiple_of",
}
# A value that the API sends either as such or as a text is received as such.
_WRITTEN_AS_TEXT: Final = (["integer", "string"], ["number", "string"], ["boolean", "string"])


def parse_types(document: Object) -> Iterator[ObjectType | UnionType]:
    """Yield the objects and unions of a document in its order. Enums are left out."""
    table, named = name_table(document), schemas(document)
    for name, schema in named.objects():
        if is_union(schema) or is_alternatives(schema):
            choices = variants(schema).values() if is_union(schema) else alternatives(schema)
            text = schema.text("description")
            yield UnionType(
                name=name, module=module_of(schema), description=text, choices=tuple(dict.fromkeys(choices))
            )
        elif "enum" not in schema:
            yield _object(name, schema, named, table)


def enums_sent(document: Object) -> frozenset[str]:
    """Return the names of the enums that requests refer to: in their bodies and in their parameters."""
    named = schemas(document)
    values = (each for call in calls(document.object("paths")) for each in parameters(document, call))
    holders = [each.object("schema") for each in values]
    holders += [schema for _, schema in named.objects() if schema.get("x-direction") == "sent"]
    found = {name for holder in holders for name in references(holder)}
    return frozenset(name for name in found if "enum" in named.object(name))


def _object(name: str, schema: Object, named: Object, table: dict[str, str]) -> ObjectType:
    direction = cast("Literal['sent', 'received']", schema.text("x-direction"))
    required = identifiers(schema) if direction == "received" else schema.texts("required")
    return ObjectType(
        name=name,
        module=module_of(schema),
        direction=direction,
        description=schema.text("description"),
        deprecated=schema.get("deprecated") is True,
        members=tuple(
            Member(
                name=each,
                python_name=snake_name(each, table) or each,
                types=tuple(_types(member, named, received=direction == "received")),
                nullable=direction == "sent" and may_be_null(member),
                required=each in required,
                deprecated=member.get("deprecated") is True,
                description=describe(member),
                former_name=member.text(FORMER_NAME),
            )
            for each, member in schema.object("properties").objects()
        ),
    )


def _types(schema: Object, named: Object, *, received: bool) -> Iterator[MemberType]:
    """Yield the types that a schema allows, except null."""
    if name := reference_name(schema):
        yield MemberType(name=name, kind=_kind(named.object(name)))
    elif "anyOf" in schema:
        for arm in schema.array("anyOf").objects():
            yield from _types(arm, named, received=received)
    elif is_any(schema):
        yield MemberType(name="Any", kind="any")
    elif "const" in schema:
        yield MemberType(name="Literal", kind="literal", value=schema.text("const"))
    else:
        kinds = [kind for kind in type_names(schema) if kind != "null"]
        if received and isinstance(schema.get("type"), Array) and kinds in _WRITTEN_AS_TEXT:
            kinds = kinds[:1]
        for kind in kinds:
            yield _plain(kind, schema, named, received=received)


def _plain(kind: str, schema: Object, named: Object, *, received: bool) -> MemberType:
    limits = tuple(
        (_META[keyword], cast("str | int | float", schema[keyword]))
        for keyword in schema
        if keyword in LIMITS and kind in APPLIES_TO[keyword]
    )
    if kind == "array":
        items = _inside(schema.object("items"), named, received=received)
        return MemberType(name="list", kind="list", items=items, limits=limits)
    if kind == "object":
        items = _inside(schema.object("additionalProperties"), named, received=received)
        return MemberType(name="dict", kind="dict", items=items, limits=limits)
    if schema.text("format") == BINARY:
        return MemberType(name="Upload", kind="scalar")
    return MemberType(name=SCALARS[kind, schema.text("format")], kind="scalar", limits=limits)


def _inside(schema: Object, named: Object, *, received: bool) -> tuple[MemberType, ...]:
    """Return the types of the items of a list or the values of a map. A null among those of a reply is left out."""
    types = tuple(_types(schema, named, received=received))
    if received or not may_be_null(schema) or is_any(schema):
        return types
    return (*types, MemberType(name="None", kind="scalar"))


def _kind(schema: Object) -> Literal["enum", "class", "union"]:
    if "enum" in schema:
        return "enum"
    return "union" if is_union(schema) or is_alternatives(schema) else "class"
