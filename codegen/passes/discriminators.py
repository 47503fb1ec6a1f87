"""Unions and constants: tags in what is sent, one wide object and open text in what is received.

msgspec refuses an unknown tag, so a received union becomes one object with the members of all variants and an open
discriminator: a variant added to the API later still decodes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from codegen.document import Object
from codegen.passes.patterns import LIMITS
from codegen.passes.walk import SCHEMAS, referred_name

# What two members may differ in and still be of one type.
_NO_TYPE: Final = (*LIMITS, "const", "default", "deprecated", "description", "x-identifier", "x-sensitive")


def is_union(schema: Object) -> bool:
    """Tell whether a schema is a union of named variants."""
    return "oneOf" in schema


def variants(union: Object) -> dict[str, str]:
    """Return the discriminator's values and the name of the schema each one selects."""
    mapping = union.object("discriminator").object("mapping")
    return {tag: str(reference).removeprefix(SCHEMAS) for tag, reference in mapping.items()}


def constants(schema: Object) -> dict[str, str]:
    """Return the members of a schema that have only one value, and that value."""
    return {name: member.text("const") for name, member in schema.object("properties").objects() if "const" in member}


def opened(part: Object) -> Object:
    """Return a member as it is received: a constant is text, since a later version of the API may write another."""
    if "const" not in part:
        return part
    text = f"{part.text('description')} Known value: `{part.text('const')}`."
    return part.derive({**part.without("const"), "description": text})


def widened(union: Object, named: Object) -> Object:
    """Return the wide object that stands for a received union; `named` holds the variants."""
    discriminator = union.object("discriminator").text("propertyName")
    tags = variants(union)
    properties: dict[str, Object] = {}
    for key, holders in members_by_tag(union, named).items():
        if key == discriminator:
            properties[key] = _open_tag(next(iter(holders.values())), list(tags))
            continue
        member = merged(holders.values(), named) or next(iter(holders.values()))
        different = [tag for tag, other in holders.items() if _type(other) != _type(member)]
        member = member if len(holders) == len(tags) else _only_with(member, discriminator, list(holders))
        properties[key] = _unlike_with(member, discriminator, different) if _is_object(member, named) else member
    ordered = {discriminator: properties.pop(discriminator), **properties}
    text = union.text("description")
    return union.derive({"type": "object", "description": text, "properties": union.derive(ordered)})


def members_by_tag(union: Object, named: Object) -> dict[str, dict[str, Object]]:
    """Return the members of all variants: for each its definition by the tags of the variants that have it."""
    found: dict[str, dict[str, Object]] = {}
    for tag, name in variants(union).items():
        for key, member in named.object(name).object("properties").objects():
            found.setdefault(key, {})[tag] = member
    return found


def merged(members: Iterable[Object], named: Object) -> Object | None:
    """Return the one definition that stands for a member of several variants; None if there is none.

    It is the first, unless one is an object: then the object, since a text beside it says less. Two objects are two
    too many, as is a list or a map beside anything else. What is sensitive anywhere stays so.
    """
    found = list(members)
    chosen = found[0]
    others = [member for member in found if _type(member) != _type(chosen)]
    if others:
        composite = [member for member in found if not _is_scalar(member, named)]
        if any(_type(member) != _type(composite[0]) or not _is_object(member, named) for member in composite):
            return None
        chosen = composite[0] if composite else chosen
    sensitive = next((member["x-sensitive"] for member in found if "x-sensitive" in member), None)
    return chosen if sensitive is None else chosen.derive({**chosen, "x-sensitive": sensitive})


def _type(member: Object) -> Object:
    return member.without(*_NO_TYPE)


def _is_object(member: Object, named: Object) -> bool:
    name = referred_name(member)
    return bool(name) and "enum" not in named.object(name)


def _is_scalar(member: Object, named: Object) -> bool:
    return not _is_object(member, named) and not {"items", "additionalProperties"} & member.keys()


def _open_tag(member: Object, tags: list[str]) -> Object:
    known = ", ".join(f"`{tag}`" for tag in tags)
    return member.derive({"type": "string", "description": f"{member.text('description')} Known values: {known}."})


def _only_with(member: Object, discriminator: str, tags: list[str]) -> Object:
    text = f"{member.text('description')} Only with `{discriminator}` {_listed(tags)}.".strip()
    return member.derive({**member, "description": text})


def _unlike_with(member: Object, discriminator: str, tags: list[str]) -> Object:
    if not tags:
        return member
    note = f"With `{discriminator}` {_listed(tags)} it is no object, and reads as None."
    return member.derive({**member, "description": f"{member.text('description')} {note}".strip()})


def _listed(tags: list[str]) -> str:
    return " or ".join(f"`{tag}`" for tag in tags)
