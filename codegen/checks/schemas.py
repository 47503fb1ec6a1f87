"""Checks of each named schema: types, keywords that belong together, descriptions and members."""

from __future__ import annotations

from collections.abc import Callable, Set
from typing import Final

from codegen.diagnostics import Origin, Problems
from codegen.document import Object
from codegen.keywords import (
    ANY,
    APPLIES_TO,
    BINARY,
    COMPOSITE,
    FORMATS,
    NOT_SENSITIVE,
    ONE_WAY,
    REFERENCE_SIBLINGS,
    SENSITIVE,
    TYPES,
)
from codegen.passes.patterns import LIMITS, UnsupportedPattern, python_pattern
from codegen.passes.walk import is_any, reference_name, schemas, type_names

_TYPE_CHECKS: Final[dict[str, Callable[[object], bool]]] = {
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
    ("minimum", "exclusiveMaximum"),
    ("exclusiveMinimum", "maximum"),
    ("exclusiveMinimum", "exclusiveMaximum"),
)
_SIZES: Final = ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties")
_RANGES: Final = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")


def check_schemas(document: Object, problems: Problems) -> None:
    """Report the problems of each named schema."""
    named = schemas(document)
    for name, schema in named.objects():
        _check_named(name, schema, named.at(name), problems)
        for _, member in schema.object("properties").objects():
            check_default(member, named, problems)


def check_default(schema: Object, named: Object, problems: Problems) -> None:
    """Report a default that is not a valid value of its schema."""
    target = named.object(reference_name(schema)) if "$ref" in schema else schema
    if "default" not in schema or not target:
        return
    value = schema["default"]
    fits = any(_TYPE_CHECKS[kind](value) for kind in type_names(target) if kind in _TYPE_CHECKS)
    if not fits or ("enum" in target and value not in target.array("enum")):
        problems.add(schema.at("default"), "default is not a valid value of this schema")


def check_inline(schema: Object, what: str, origin: Origin, problems: Problems) -> None:
    """Report the problems of an inline schema: a reference, a scalar, an array or a map."""
    if "$ref" in schema:
        for key in sorted(schema.keys() - REFERENCE_SIBLINGS):
            problems.add(schema.at(key), f"'{key}' next to $ref has no effect; move it to the referenced schema")
        return
    for key, kind in (("enum", "enum"), ("oneOf", "union"), ("anyOf", "union"), ("properties", "object")):
        if key in schema:
            problems.add(origin, f"{what} is an inline {kind}; give it a name in a file of components/schemas/")
            return
    if "object" in type_names(schema) and "additionalProperties" not in schema and not is_any(schema):
        problems.add(
            origin,
            f"{what} is an object without additionalProperties; add them, or use a named schema",
        )
    _check_keywords(schema, what, origin, problems)


def _check_named(name: str, schema: Object, origin: Origin, problems: Problems) -> None:
    if "description" not in schema:
        problems.add(origin, f"schema '{name}' has no description")
    _refuse_one_way(schema, f"schema '{name}'", problems)
    if "oneOf" in schema or "anyOf" in schema:
        _refuse_beside("a union", schema, {"type", *APPLIES_TO}, problems)
        return
    if "enum" in schema:
        _check_enum(schema, problems)
    elif "properties" not in schema or type_names(schema) != ["object"]:
        problems.add(origin, f"schema '{name}' must be an object with properties, an enum or a union")
        return
    _check_keywords(schema, f"schema '{name}'", origin, problems)


def _check_one_way(name: str, member: Object, origin: Origin, problems: Problems) -> None:
    """Report members that no body has, or whose meaning needs the direction that does not have them."""
    read, written = member.get("readOnly") is True, member.get("writeOnly") is True
    if read and written:
        problems.add(origin, f"property '{name}' is readOnly and writeOnly, so no body has it")
    if read or written:
        _refuse_beside("readOnly" if read else "writeOnly", member, {"const"}, problems)
    if written:
        _refuse_beside("writeOnly", member, {"x-identifier", "x-echoes", "x-role"}, problems)


def _refuse_one_way(schema: Object, what: str, problems: Problems) -> None:
    """Report `readOnly` or `writeOnly` where it has no effect: on anything but a member of a body."""
    for key in sorted({*ONE_WAY.values()} & schema.keys()):
        problems.add(schema.at(key), f"'{key}' is for a member, not for {what}")


def _check_keywords(schema: Object, what: str, origin: Origin, problems: Problems) -> None:
    _check_type(schema, what, origin, problems)
    if schema.text("format") not in {*FORMATS, ""}:
        problems.add(schema.at("format"), f"format must be one of {', '.join(sorted(FORMATS))}; describe any other")
    if "pattern" in schema:
        try:
            python_pattern(schema.text("pattern"))
        except UnsupportedPattern as error:
            problems.add(schema.at("pattern"), f"pattern: {error}")
    _check_numbers(schema, problems)
    _check_combinations(schema, problems)
    for low, high in _BOUNDS:
        least, most = schema.get(low), schema.get(high)
        if isinstance(least, int | float) and isinstance(most, int | float) and least > most:
            problems.add(schema.at(low), f"{low} is greater than {high}")
    _check_enforced(schema, problems)
    _check_members(schema, problems)
    if "items" in schema:
        _refuse_one_way(schema.object("items"), "items", problems)
        if schema.object("items"):  # an empty schema stands for any value
            check_inline(schema.object("items"), f"items of {what}", schema.at("items"), problems)
    elif "array" in type_names(schema) and not is_any(schema):
        problems.add(origin, f"{what} is an array without items")
    if schema.object("additionalProperties"):  # an empty schema stands for any value
        _refuse_one_way(schema.object("additionalProperties"), "the values of a map", problems)
        check_inline(schema.object("additionalProperties"), f"value of {what}", origin, problems)


def _check_numbers(schema: Object, problems: Problems) -> None:
    """Report limits that no value can meet or that no decoder takes."""
    for key in _SIZES:
        size = schema.get(key)
        if isinstance(size, int) and size < 0:
            problems.add(schema.at(key), f"{key} must not be negative")
    multiple = schema.get("multipleOf")
    if isinstance(multiple, int | float) and multiple <= 0:
        problems.add(schema.at("multipleOf"), "multipleOf must be greater than 0")
    for key in _RANGES if "integer" in type_names(schema) else ():
        if isinstance(schema.get(key), float):
            problems.add(schema.at(key), f"{key} of an integer must be an integer")


def _check_combinations(schema: Object, problems: Problems) -> None:
    """Report keywords that the generated types would not contain because of the keyword beside them."""
    for key in ("enum", "const"):
        if key in schema:
            _refuse_beside(key, schema, {*LIMITS, "format", *({"enum", "const"} - {key})}, problems)
    if schema.text("format") in {BINARY, "date", "date-time"}:
        _refuse_beside(f"format {schema.text('format')}", schema, LIMITS, problems)
    if "properties" in schema:
        _refuse_beside("properties", schema, {"additionalProperties"}, problems)
    for inclusive, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if inclusive in schema:
            _refuse_beside(inclusive, schema, {exclusive}, problems)


def _refuse_beside(what: str, schema: Object, keys: Set[str], problems: Problems) -> None:
    for key in sorted(keys & schema.keys()):
        problems.add(schema.at(key), f"'{key}' beside {what} is not supported; leave it out")


def _check_enforced(schema: Object, problems: Problems) -> None:
    grounds = schema.object("x-enforced")
    for limit in grounds:
        if limit not in LIMITS or limit not in schema:
            problems.add(grounds.at(limit), f"x-enforced: this schema has no limit '{limit}'")
        elif not grounds.text(limit).strip():
            problems.add(grounds.at(limit), f"x-enforced: say what shows that the API refuses a value beyond '{limit}'")


def _check_type(schema: Object, what: str, origin: Origin, problems: Problems) -> None:
    types = type_names(schema)
    if not types:
        problems.add(origin, f"{what} has no type; that of any value is [{', '.join(sorted(TYPES))}, 'null']")
        return
    if is_any(schema) and len(types) == len(ANY):
        _refuse_beside("the type of any value", schema, {*APPLIES_TO}, problems)
        return
    known = [kind for kind in types if kind != "null"]
    if not known or len({*known}) < len(known) or not TYPES.issuperset(known):
        allowed = ", ".join(sorted(TYPES))
        problems.add(schema.at("type"), f"type must be one of {allowed}, or a list of different types and 'null'")
        return
    if len(known) > 1 and not COMPOSITE.isdisjoint(known):
        problems.add(schema.at("type"), "an array or object can be combined with 'null' only")
    for key in schema:
        if key in APPLIES_TO and not APPLIES_TO[key].intersection(known):
            problems.add(schema.at(key), f"'{key}' does not apply to type {' or '.join(known)}")
    for key in ("minProperties", "maxProperties"):
        if key in schema and "properties" in schema:
            problems.add(schema.at(key), f"'{key}' is for maps only, not for an object with properties")


def _check_members(schema: Object, problems: Problems) -> None:
    properties, required = schema.object("properties"), schema.array("required")
    for name, origin in zip(required, required.origins, strict=True):
        if name not in properties:
            problems.add(origin, f"required: there is no property '{name}'")
        elif required.count(name) > 1:
            problems.add(origin, f"required: duplicate '{name}'")
    for name, member in properties.objects():
        origin = properties.at(name)
        if not member.text("description"):
            problems.add(origin, f"property '{name}' has no description")
        if member.text("x-sensitive") not in {*SENSITIVE, NOT_SENSITIVE, ""}:
            allowed = ", ".join(sorted({*SENSITIVE, NOT_SENSITIVE}))
            problems.add(member.at("x-sensitive"), f"x-sensitive must be one of {allowed}")
        if member.get("x-identifier") is True and name not in required:
            problems.add(member.at("x-identifier"), f"property '{name}' is an identifier, so it must be required")
        _check_one_way(name, member, origin, problems)
        check_inline(member, f"property '{name}'", origin, problems)


def _check_enum(schema: Object, problems: Problems) -> None:
    values = schema.array("enum")
    if not values or any(not isinstance(value, str) for value in values):
        problems.add(
            schema.at("enum"), "enum must be a list of strings; quote values that YAML does not read as strings"
        )
        return
    for value, origin in zip(values, values.origins, strict=True):
        if values.count(value) > 1:
            problems.add(origin, f"duplicate enum value '{value}'")
    meanings = schema.object("x-enum-descriptions")
    if unknown := [value for value in meanings if value not in values]:
        listed = " or ".join(f"'{value}'" for value in unknown)
        problems.add(meanings.at(unknown[0]), f"x-enum-descriptions: there is no value {listed}")
    aliases = schema.object("x-enum-aliases")
    for alias, value in aliases.items():
        if value not in values:
            problems.add(aliases.at(alias), f"x-enum-aliases: there is no value '{value}'")
        elif alias in values:
            problems.add(aliases.at(alias), f"x-enum-aliases: '{alias}' is a value itself")
