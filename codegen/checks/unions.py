"""Checks of what schemas say together: discriminators and their variants, and circles nothing can be made for."""

from __future__ import annotations

from collections.abc import Iterator

from codegen.diagnostics import Origin, Problems
from codegen.document import Object
from codegen.passes.directions import reach
from codegen.passes.discriminators import is_union, variants
from codegen.passes.patterns import LIMITS
from codegen.passes.walk import SCHEMAS, schemas


def check_unions(document: Object, problems: Problems) -> None:
    """Report unions that cannot be told apart, stray constants, and objects that would have to contain themselves."""
    named, reached = schemas(document), reach(document)
    tags: dict[str, dict[str, str]] = {}
    for name, schema in named.objects():
        if is_union(schema):
            _union(name, schema, named, problems)
            for variant in variants(schema).values():
                tags.setdefault(variant, {})[schema.object("discriminator").text("propertyName")] = name
            if name in reached.received:
                _agreement(schema, named, named.at(name), problems)
    _constants(named, tags, problems)
    for name in sorted(reached.sent):
        if name in _needed(name, named, set()):
            problems.add(named.at(name), f"schema '{name}' requires itself, so no value of it can be made")


def _union(name: str, schema: Object, named: Object, problems: Problems) -> None:
    discriminator, listed = schema.object("discriminator"), schema.array("oneOf")
    if not discriminator.text("propertyName") or "mapping" not in discriminator:
        problems.add(named.at(name), f"union '{name}' needs a discriminator with propertyName and mapping")
        return
    mapped = variants(schema)
    members = [part.text("$ref").removeprefix(SCHEMAS) for part in listed.objects()]
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
    types: dict[str, tuple[str, object]] = {}
    for variant in variants(union).values():
        for name, member in named.object(variant).object("properties").objects():
            type_ = member.without(*LIMITS, "description", "x-sensitive", "deprecated", "default", "x-identifier")
            first, known = types.setdefault(name, (variant, type_))
            if name != key and known != type_:
                message = f"variants '{first}' and '{variant}' are received, and disagree about the type of '{name}'"
                problems.add(origin, message)


def _constants(named: Object, tags: dict[str, dict[str, str]], problems: Problems) -> None:
    for name, schema in named.objects():
        properties = schema.object("properties")
        for key, member in properties.objects():
            if "const" in member and key not in tags.get(name, {}):
                problems.add(properties.at(key), f"'{key}' is constant, but no union has it for its discriminator")
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
        reference = member.text("$ref")
        if name in required and reference.startswith(SCHEMAS):
            yield reference.removeprefix(SCHEMAS)
