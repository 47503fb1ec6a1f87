"""Unions (`oneOf` with a discriminator), alternatives (`anyOf` without one) and constants.

In requests a union becomes a tagged union. msgspec refuses an unknown tag, so in responses a union becomes one object
with the members of all variants and an open discriminator, and a constant becomes a plain string: a variant or value
that the API adds later still decodes. Alternatives exist only in request bodies; each is
recognised by the members it has.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from codegen.document import Array, Object
from codegen.passes.patterns import LIMITS
from codegen.passes.walk import SCHEMAS, reference_name, type_names

# Two members that differ only in these keywords have the same type.
_ANNOTATIONS: Final = (
    *LIMITS,
    "const",
    "default",
    "deprecated",
    "description",
    "x-former-name",
    "x-identifier",
    "x-null",
    "x-sensitive",
)


def is_union(schema: Object) -> bool:
    """Return whether a schema is a union of named variants."""
    return "oneOf" in schema


def variants(union: Object) -> dict[str, str]:
    """Return each value of the discriminator with the name of the schema it selects."""
    mapping = union.object("discriminator").object("mapping")
    return {tag: str(reference).removeprefix(SCHEMAS) for tag, reference in mapping.items()}


def is_alternatives(schema: Object) -> bool:
    """Return whether a schema is a choice of types without a discriminator."""
    return "anyOf" in schema


def alternatives(schema: Object) -> dict[str, list[str]]:
    """Return the names of the alternatives in order, each with the members it is recognised by."""
    recognised_by = schema.object("x-recognised-by")
    names = (reference_name(part) for part in schema.array("anyOf").objects())
    return {name: recognised_by.texts(name) for name in names}


def constants(schema: Object) -> dict[str, str]:
    """Return the constant members of a schema with their values."""
    return {name: member.text("const") for name, member in schema.object("properties").objects() if "const" in member}


def open_constant(part: Object) -> Object:
    """Return a member as responses have it: a constant becomes a string, because the API may send new values."""
    if "const" not in part:
        return part
    text = f"{part.text('description')} Known value: `{part.text('const')}`."
    return part.derive({**part.without("const"), "description": text})


def merge_variants(union: Object, named: Object) -> Object:
    """Return the object that replaces a union in responses; `named` contains the variants."""
    discriminator = union.object("discriminator").text("propertyName")
    tags = variants(union)
    properties: dict[str, Object] = {}
    for key, holders in members_by_tag(union, named).items():
        if key == discriminator:
            properties[key] = _open_discriminator(next(iter(holders.values())), list(tags))
            continue
        member = merge_member(holders.values(), named) or next(iter(holders.values()))
        member = member if len(holders) == len(tags) else _note_tags(member, discriminator, list(holders))
        texts = [tag for tag, other in holders.items() if _is_scalar(other, named)] if "anyOf" in member else []
        properties[key] = _note_texts(member, discriminator, texts)
    ordered = {discriminator: properties.pop(discriminator), **properties}
    text = union.text("description")
    return union.derive({"type": "object", "description": text, "properties": union.derive(ordered)})


def members_by_tag(union: Object, named: Object) -> dict[str, dict[str, Object]]:
    """Return the members of all variants, each with its definitions by the tags of the variants that have it."""
    members: dict[str, dict[str, Object]] = {}
    for tag, name in variants(union).items():
        for key, member in named.object(name).object("properties").objects():
            members.setdefault(key, {})[tag] = member
    return members


def merge_member(members: Iterable[Object], named: Object) -> Object | None:
    """Return one definition for a member of several variants, or None if no type holds every value of it.

    The result is the widest type: different scalars become a choice of scalars, an object, array or map beside scalars
    becomes a choice of them. Two different objects, arrays or maps cannot be told apart, so there is no such type. A
    member that is sensitive in one variant is sensitive in the result.
    """
    definitions = list(members)
    composites = [member for member in definitions if not _is_scalar(member, named)]
    if any(_type(member) != _type(composites[0]) for member in composites):
        return None
    scalars = [member for member in definitions if _is_scalar(member, named)]
    merged = _widest_scalar(scalars, named) if scalars else composites[0]
    if scalars and composites:
        arms = Array([_type(composites[0]), merged.without(*_ANNOTATIONS)], merged.origin, [merged.origin] * 2)
        annotations = {key: value for key, value in composites[0].items() if key in _ANNOTATIONS}
        merged = composites[0].derive({**annotations, "anyOf": arms})
    sensitive = next((member["x-sensitive"] for member in definitions if "x-sensitive" in member), None)
    return merged if sensitive is None else merged.derive({**merged, "x-sensitive": sensitive})


def _widest_scalar(members: list[Object], named: Object) -> Object:
    """Return a definition that reads every value of these scalars as it is; an enum is a string."""
    first = members[0]
    different = [member for member in members if _type(member) != _type(first)]
    if not different:
        return first
    kinds = [type_names(named.object(reference_name(member)) if "$ref" in member else member) for member in members]
    widest = max(kinds, key=len)
    if "string" in widest and ["string"] not in kinds and all({*some} <= {*widest} for some in kinds):
        return first.derive({**first, "type": Array(widest, first.origin, [first.origin] * len(widest))})
    # The string comes first: `[integer, string]` would read a text as a number.
    names = sorted({kind for some in kinds for kind in some}, key=lambda kind: (kind != "string", kind))
    type_ = names[0] if len(names) == 1 else Array(names, first.origin, [first.origin] * len(names))
    return first.without("$ref", "format", *LIMITS).derive({**first.without("$ref", "format", *LIMITS), "type": type_})


def _type(member: Object) -> Object:
    return member.without(*_ANNOTATIONS)


def _is_object(member: Object, named: Object) -> bool:
    name = reference_name(member)
    return bool(name) and "enum" not in named.object(name)


def _is_scalar(member: Object, named: Object) -> bool:
    return not _is_object(member, named) and not {"items", "additionalProperties"} & member.keys()


def _open_discriminator(member: Object, tags: list[str]) -> Object:
    known = ", ".join(f"`{tag}`" for tag in tags)
    return member.derive({"type": "string", "description": f"{member.text('description')} Known values: {known}."})


def _note_tags(member: Object, discriminator: str, tags: list[str]) -> Object:
    text = f"{member.text('description')} Only with `{discriminator}` {_join_tags(tags)}.".strip()
    return member.derive({**member, "description": text})


def _note_texts(member: Object, discriminator: str, tags: list[str]) -> Object:
    if not tags:
        return member
    note = f"With `{discriminator}` {_join_tags(tags)} it is a plain value."
    return member.derive({**member, "description": f"{member.text('description')} {note}".strip()})


def _join_tags(tags: list[str]) -> str:
    return " or ".join(f"`{tag}`" for tag in tags)
