"""Unions: tagged in what is sent, one wide object in what is received.

msgspec refuses an unknown tag, so a received union becomes one object with the members of all variants and an open
discriminator: a variant added to the API later still decodes.
"""

from __future__ import annotations

from codegen.document import Object
from codegen.passes.walk import SCHEMAS


def is_union(schema: Object) -> bool:
    """Tell whether a schema is a union of named variants."""
    return "oneOf" in schema


def variants(union: Object) -> dict[str, str]:
    """Return the discriminator's values and the name of the schema each one selects."""
    mapping = union.object("discriminator").object("mapping")
    return {tag: str(reference).removeprefix(SCHEMAS) for tag, reference in mapping.items()}


def widened(union: Object, named: Object) -> Object:
    """Return the wide object that stands for a received union; `named` holds the variants."""
    discriminator = union.object("discriminator").text("propertyName")
    tags = variants(union)
    holders: dict[str, list[str]] = {}
    members: dict[str, Object] = {}
    for tag, name in tags.items():
        for key, member in named.object(name).object("properties").objects():
            holders.setdefault(key, []).append(tag)
            members.setdefault(key, member)
    properties: dict[str, Object] = {discriminator: _open_tag(members[discriminator], list(tags))}
    for key, member in members.items():
        in_all = len(holders[key]) == len(tags)
        if key != discriminator:
            properties[key] = member if in_all else _only_with(member, discriminator, holders[key])
    text = union.text("description")
    return union.derive({"type": "object", "description": text, "properties": union.derive(properties)})


def _open_tag(member: Object, tags: list[str]) -> Object:
    known = ", ".join(f"`{tag}`" for tag in tags)
    return member.derive({"type": "string", "description": f"{member.text('description')} Known values: {known}."})


def _only_with(member: Object, discriminator: str, tags: list[str]) -> Object:
    kinds = " or ".join(f"`{tag}`" for tag in tags)
    text = f"{member.text('description')} Only with `{discriminator}` {kinds}.".strip()
    return member.derive({**member, "description": text})
