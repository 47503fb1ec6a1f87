"""Checks of the named schemas one by one: types, keywords that belong together, descriptions, members."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from codegen.diagnostics import Origin, Problems
from codegen.document import Object
from codegen.passes.patterns import UnsupportedPattern, python_pattern
from codegen.passes.walk import referred_name, schemas, type_names
from codegen.vocabulary import APPLIES_TO, BESIDE_REFERENCE, COMPOSITE, FORMATS, SENSITIVE, TYPES

_FITTING: Final[dict[str, Callable[[object], bool]]] = {
    "string": lambda value: isinstance(value, str),
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
}
_BOUNDS: Final = (
    ("minLength", "maxLength"),
    ("minItems", "maxItems"),
    ("minProperties", "maxProperties"),
    ("minimum", "maximum"),
)


def check_schemas(document: Object, problems: Problems) -> None:
    """Report what is wrong inside each named schema."""
    named = schemas(document)
    for name, schema in named.objects():
        _named(name, schema, named.at(name), problems)
        for _, member in schema.object("properties").objects():
            check_default(member, named, problems)


def check_default(schema: Object, named: Object, problems: Problems) -> None:
    """Report a default that the schema itself would refuse."""
    target = named.object(referred_name(schema)) if "$ref" in schema else schema
    if "default" not in schema or not target:
        return
    value = schema["default"]
    fits = any(_FITTING[kind](value) for kind in type_names(target) if kind in _FITTING)
    if not fits or ("enum" in target and value not in target.array("enum")):
        problems.add(schema.at("default"), "default is no value of this schema")


def check_inline(schema: Object, what: str, origin: Origin, problems: Problems) -> None:
    """Report what is wrong with a schema that stands inline: a reference, a scalar, an array or a map."""
    if "$ref" in schema:
        for key in sorted(schema.keys() - BESIDE_REFERENCE):
            problems.add(schema.at(key), f"'{key}' beside $ref has no effect; it belongs into what is referred to")
        return
    for key, kind in (("enum", "enum"), ("oneOf", "union"), ("anyOf", "union"), ("properties", "object")):
        if key in schema:
            problems.add(origin, f"{what} is an inline {kind}; give it a name in a file of components/schemas/")
            return
    if "object" in type_names(schema) and "additionalProperties" not in schema:
        problems.add(origin, f"{what} is an object of no known shape; name its members or give additionalProperties")
    _keywords(schema, what, origin, problems)


def _named(name: str, schema: Object, origin: Origin, problems: Problems) -> None:
    if "description" not in schema:
        problems.add(origin, f"schema '{name}' has no description")
    if "oneOf" in schema or "anyOf" in schema:
        return
    if "enum" in schema:
        _enum(schema, problems)
    elif "properties" not in schema or type_names(schema) != ["object"]:
        problems.add(origin, f"schema '{name}' must be an object with properties, an enum or a union")
        return
    _keywords(schema, f"schema '{name}'", origin, problems)


def _keywords(schema: Object, what: str, origin: Origin, problems: Problems) -> None:
    _type(schema, what, origin, problems)
    if schema.text("format") not in {*FORMATS, ""}:
        problems.add(schema.at("format"), f"format must be one of {', '.join(sorted(FORMATS))}")
    if "pattern" in schema:
        try:
            python_pattern(schema.text("pattern"))
        except UnsupportedPattern as error:
            problems.add(schema.at("pattern"), f"pattern: {error}")
    for low, high in _BOUNDS:
        least, most = schema.get(low), schema.get(high)
        if isinstance(least, int | float) and isinstance(most, int | float) and least > most:
            problems.add(schema.at(low), f"{low} is more than {high}")
    _members(schema, problems)
    if "items" in schema:
        check_inline(schema.object("items"), f"items of {what}", schema.at("items"), problems)
    elif "array" in type_names(schema):
        problems.add(origin, f"{what} is an array without items")
    if "additionalProperties" in schema:
        check_inline(schema.object("additionalProperties"), f"value of {what}", origin, problems)


def _type(schema: Object, what: str, origin: Origin, problems: Problems) -> None:
    types = type_names(schema)
    if not types:
        problems.add(origin, f"{what} has no type")
        return
    known = [kind for kind in types if kind != "null"]
    if not known or len({*known}) < len(known) or not TYPES.issuperset(known):
        allowed = ", ".join(sorted(TYPES))
        problems.add(schema.at("type"), f"type must be one of {allowed}, or a list of different ones and 'null'")
        return
    if len(known) > 1 and not COMPOSITE.isdisjoint(known):
        problems.add(schema.at("type"), "an array or object can share its place with 'null' only")
    for key in schema:
        if key in APPLIES_TO and not APPLIES_TO[key].intersection(known):
            problems.add(schema.at(key), f"'{key}' does not apply to type {' or '.join(known)}")
    for key in ("minProperties", "maxProperties"):
        if key in schema and "properties" in schema:
            problems.add(schema.at(key), f"'{key}' is for maps; an object with properties has those")


def _members(schema: Object, problems: Problems) -> None:
    properties, required = schema.object("properties"), schema.array("required")
    for name, origin in zip(required, required.origins, strict=True):
        if name not in properties:
            problems.add(origin, f"required: there is no property '{name}'")
        elif required.count(name) > 1:
            problems.add(origin, f"required: '{name}' stands twice")
    for name, member in properties.objects():
        origin = properties.at(name)
        if not member.text("description"):
            problems.add(origin, f"property '{name}' has no description")
        if member.text("x-sensitive") not in {*SENSITIVE, ""}:
            problems.add(member.at("x-sensitive"), f"x-sensitive must be one of {', '.join(sorted(SENSITIVE))}")
        if member.get("x-identifier") is True and name not in required:
            problems.add(member.at("x-identifier"), f"property '{name}' is an identifier, so it must be required")
        check_inline(member, f"property '{name}'", origin, problems)


def _enum(schema: Object, problems: Problems) -> None:
    values = schema.array("enum")
    if not values or any(not isinstance(value, str) for value in values):
        problems.add(schema.at("enum"), "enum must be a list of text; quote what YAML reads as something else")
        return
    for value, origin in zip(values, values.origins, strict=True):
        if values.count(value) > 1:
            problems.add(origin, f"enum value '{value}' stands twice")
    meanings = schema.object("x-enum-descriptions")
    for value in meanings:
        if value not in values:
            problems.add(meanings.at(value), f"x-enum-descriptions: there is no value '{value}'")
