"""Checks of unions, alternatives and constants, and of schemas that require themselves."""

from __future__ import annotations

from collections.abc import Iterator

from codegen.diagnostics import Problems
from codegen.document import Object
from codegen.parse import JSON
from codegen.passes.directions import find_directions, in_direction
from codegen.passes.unions import (
    alternatives,
    constants,
    is_alternatives,
    is_union,
    members_by_tag,
    merge_member,
    variants,
)
from codegen.passes.walk import bodies, calls, reference_name, references, schemas


def check_unions(document: Object, problems: Problems) -> None:
    """Report invalid discriminators, surplus constants, and objects that would have to contain themselves."""
    named, directions = schemas(document), find_directions(document)
    tags: dict[str, dict[str, str]] = {}
    for name, schema in named.objects():
        if is_union(schema):
            _check_union(name, schema, named, problems)
            for variant in variants(schema).values():
                tags.setdefault(variant, {})[schema.object("discriminator").text("propertyName")] = name
            if name in directions.received:
                _check_mergeable(schema, named, problems)
    _check_constants(named, tags, directions.sent, problems)
    for name in sorted(directions.sent):
        if name in _required_names(name, named, set()):
            problems.add(named.at(name), f"schema '{name}' requires itself, so it has no valid value")


def _check_union(name: str, schema: Object, named: Object, problems: Problems) -> None:
    discriminator, listed = schema.object("discriminator"), schema.array("oneOf")
    if not discriminator.text("propertyName") or "mapping" not in discriminator:
        problems.add(named.at(name), f"union '{name}' needs a discriminator with propertyName and mapping")
        return
    mapped = variants(schema)
    members = [reference_name(part) for part in listed.objects()]
    for member, origin in zip(members, listed.origins, strict=True):
        if not member:
            problems.add(origin, f"a variant of union '{name}' is inline; give it a name")
        elif member not in mapped.values():
            problems.add(origin, f"discriminator: '{member}' is not in the mapping")
    for tag, variant in mapped.items():
        origin = discriminator.object("mapping").at(tag)
        if variant not in members:
            problems.add(origin, f"discriminator: '{variant}' is not in oneOf")
        elif variant in named:
            _check_variant(tag, variant, discriminator, named, problems)


def _check_variant(tag: str, variant: str, discriminator: Object, named: Object, problems: Problems) -> None:
    schema, key = named.object(variant), discriminator.text("propertyName")
    member = schema.object("properties").object(key)
    origin = schema.object("properties").at(key) if member else named.at(variant)
    if not member:
        problems.add(origin, f"variant '{variant}' has no property '{key}', which is the discriminator")
    elif "const" not in member:
        problems.add(origin, f"the discriminator '{key}' of variant '{variant}' needs `const: {tag}`")
    elif member["const"] != tag:
        problems.add(member.at("const"), f"const must be '{tag}', the value of '{variant}' in the mapping")
    elif key not in schema.texts("required"):
        problems.add(origin, f"the discriminator '{key}' of variant '{variant}' must be required")


def _check_mergeable(union: Object, named: Object, problems: Problems) -> None:
    """Report each member of which one type cannot hold every value: in responses a union becomes one object."""
    key = union.object("discriminator").text("propertyName")
    for name, holders in members_by_tag(union, named).items():
        before: list[tuple[str, Object]] = []
        for tag, member in holders.items():
            variant = variants(union)[tag]
            other = next((earlier for earlier, each in before if merge_member([each, member], named) is None), None)
            if name != key and other is not None:
                message = f"'{variant}' and '{other}' are received as one object, but no type holds both their '{name}'"
                problems.add(named.object(variant).object("properties").at(name), message)
                break
            before.append((variant, member))


def _check_constants(named: Object, tags: dict[str, dict[str, str]], sent: frozenset[str], problems: Problems) -> None:
    for name, schema in named.objects():
        for key in constants(schema):
            if key not in schema.texts("required") and key not in tags.get(name, {}):
                origin = schema.object("properties").at(key)
                problems.add(origin, f"'{key}' is a constant, which is always sent, so it must be required")
        if name in sent and len(constants(schema)) > 1:
            listed = " and ".join(f"'{key}'" for key in constants(schema))
            problems.add(named.at(name), f"schema '{name}' can have only one constant, but has {listed}")
        if len(tags.get(name, {})) > 1:
            problems.add(named.at(name), f"'{name}' is a variant of unions with different discriminators")


def _required_names(name: str, named: Object, seen: set[str]) -> set[str]:
    """Return the names of the schemas that a schema requires, directly or not."""
    for other in _required_by(named.object(name)):
        if other not in seen:
            seen.add(other)
            _required_names(other, named, seen)
    return seen


def _required_by(schema: Object) -> Iterator[str]:
    required = schema.texts("required")
    for name, member in schema.object("properties").objects():
        if name in required and (other := reference_name(member)):
            yield other


def check_alternatives(document: Object, problems: Problems) -> None:
    """Report alternatives that cannot be recognised, or that are used outside a request body."""
    named, received = schemas(document), find_directions(document).received
    for name, schema in named.objects():
        if is_alternatives(schema):
            _check_recognition(name, schema, named, problems)
            _check_order(schema, problems)
            if name in received:
                problems.add(named.at(name), f"alternatives '{name}' are received; use a union with a discriminator")
        for other in references(schema):
            if is_alternatives(named.object(other)):
                message = f"schema '{name}' refers to '{other}', but alternatives are allowed in request bodies only"
                problems.add(named.at(name), message)
    _check_media_types(document, problems)


def _check_recognition(name: str, schema: Object, named: Object, problems: Problems) -> None:
    listed, recognised_by = schema.array("anyOf"), schema.object("x-recognised-by")
    names = [reference_name(part) for part in listed.objects()]
    if names != list(recognised_by):
        problems.add(named.at(name), f"x-recognised-by of '{name}' must list the names in anyOf, in the same order")
    for alternative, origin in zip(names, listed.origins, strict=True):
        target = named.object(alternative)
        if not alternative:
            problems.add(origin, f"an alternative of '{name}' is inline; give it a name")
        elif target and "properties" not in target:
            problems.add(origin, f"alternative '{alternative}' must be an object with properties")
        for member in recognised_by.texts(alternative):
            if target and member not in in_direction(target, "sent").object("properties"):
                stated = recognised_by.at(alternative)
                problems.add(stated, f"x-recognised-by: '{alternative}' has no property '{member}'")


def _check_order(schema: Object, problems: Problems) -> None:
    """Report alternatives that can never be chosen, because an earlier one matches every object they match."""
    earlier: dict[str, set[str]] = {}
    stated = schema.object("x-recognised-by")
    for name, members in alternatives(schema).items():
        if name not in stated:
            continue  # reported by _check_recognition
        shadowing = next((other for other, fewer in earlier.items() if fewer <= {*members}), None)
        if shadowing is not None:
            problems.add(
                stated.at(name), f"x-recognised-by: '{name}' is never chosen, because '{shadowing}' comes before it"
            )
        earlier[name] = {*members}


def _check_media_types(document: Object, problems: Problems) -> None:
    for call in calls(document.object("paths")):
        body = call.operation.object("requestBody")
        for schema in bodies(body):
            target = schemas(document).object(reference_name(schema))
            if is_alternatives(target) and JSON not in body.object("content"):
                problems.add(
                    call.operation.at("requestBody"), f"alternatives are allowed in bodies of type {JSON} only"
                )
