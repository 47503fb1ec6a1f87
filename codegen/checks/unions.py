"""Checks of what schemas say together: discriminators and their variants, and circles nothing can be made for."""

from __future__ import annotations

from collections.abc import Iterator

from codegen.diagnostics import Origin, Problems
from codegen.document import Object
from codegen.passes.directions import reach
from codegen.passes.discriminators import constants, is_union, members_by_tag, merged, variants
from codegen.passes.walk import referred_name, schemas


def check_unions(document: Object, problems: Problems) -> None:
    """Report unions that cannot be told apart, surplus constants, and objects that would have to contain themselves."""
    named, reached = schemas(document), reach(document)
    tags: dict[str, dict[str, str]] = {}
    for name, schema in named.objects():
        if is_union(schema):
            _union(name, schema, named, problems)
            for variant in variants(schema).values():
                tags.setdefault(variant, {})[schema.object("discriminator").text("propertyName")] = name
            if name in reached.received:
                _agreement(schema, named, named.at(name), problems)
    _constants(named, tags, reached.sent, problems)
    for name in sorted(reached.sent):
        if name in _needed(name, named, set()):
            problems.add(named.at(name), f"schema '{name}' requires itself, so no value of it can be made")


def _union(name: str, schema: Object, named: Object, problems: Problems) -> None:
    discriminator, listed = schema.object("discriminator"), schema.array("oneOf")
    if not discriminator.text("propertyName") or "mapping" not in discriminator:
        problems.add(named.at(name), f"union '{name}' needs a discriminator with propertyName and mapping")
        return
    mapped = variants(schema)
    members = [referred_name(part) for part in listed.objects()]
    for member, origin in zip(members, listed.origins, strict=True):
        if not member:
            problems.add(origin, f"a variant of union '{name}' stands inline; give it a name")
        elif member not in mapped.values():
            problems.add(origin, f"discriminator: the mapping does not lead to '{member}'")
    for tag, variant in mapped.items():
        origin = discriminator.object("mapping").at(tag)
        if variant not in members:
            problems.add(origin, f"discriminator: '{variant}' is not in oneOf")
        elif variant in named:
            _variant(tag, variant, discriminator, named, problems)


def _variant(tag: str, variant: str, discriminator: Object, named: Object, problems: Problems) -> None:
    schema, key = named.object(variant), discriminator.text("propertyName")
    member = schema.object("properties").object(key)
    origin = schema.object("properties").at(key) if member else named.at(variant)
    if not member:
        problems.add(origin, f"variant '{variant}' has no property '{key}', which is the discriminator")
    elif "const" not in member:
        problems.add(origin, f"the discriminator '{key}' of variant '{variant}' needs `const: {tag}`")
    elif member["const"] != tag:
        problems.add(member.at("const"), f"const must be '{tag}', the value the mapping has for '{variant}'")
    elif key not in schema.texts("required"):
        problems.add(origin, f"the discriminator '{key}' of variant '{variant}' must be required")


def _agreement(union: Object, named: Object, origin: Origin, problems: Problems) -> None:
    """Report members that differ between variants: a received union becomes one object."""
    key = union.object("discriminator").text("propertyName")
    for name, holders in members_by_tag(union, named).items():
        if name != key and merged(holders.values(), named) is None:
            holding = ", ".join(f"'{variants(union)[tag]}'" for tag in holders)
            problems.add(origin, f"variants {holding} are received, and no one type serves '{name}' of all of them")


def _constants(named: Object, tags: dict[str, dict[str, str]], sent: frozenset[str], problems: Problems) -> None:
    for name, schema in named.objects():
        for key in constants(schema):
            if key not in schema.texts("required") and key not in tags.get(name, {}):
                origin = schema.object("properties").at(key)
                problems.add(origin, f"'{key}' is constant and sent always, so it must be required")
        if name in sent and len(constants(schema)) > 1:
            listed = " and ".join(f"'{key}'" for key in constants(schema))
            problems.add(named.at(name), f"schema '{name}' can have one constant, not {listed}")
        if len(tags.get(name, {})) > 1:
            problems.add(named.at(name), f"'{name}' is a variant of unions with different discriminators")


def _needed(name: str, named: Object, seen: set[str]) -> set[str]:
    """Return the names of the schemas without a value of which there is none of this one."""
    for other in _required_by(named.object(name)):
        if other not in seen:
            seen.add(other)
            _needed(other, named, seen)
    return seen


def _required_by(schema: Object) -> Iterator[str]:
    required = schema.texts("required")
    for name, member in schema.object("properties").objects():
        if name in required and (other := referred_name(member)):
            yield other
