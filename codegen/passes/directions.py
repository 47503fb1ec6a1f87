"""The pass that separates request types from response types.

A schema is sent if a request body or a parameter refers to it, directly or not. It is received if a response, or the
body of a callback or webhook, refers to it. A schema used in both directions becomes two: `<Name>` is sent and
`<Name>Response` is received. Enums serve both. Every object and union of the result has `x-direction: sent | received`.
What is sent lacks the members with `readOnly`, and what is received those with `writeOnly`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Literal

from codegen.document import Array, Object
from codegen.keywords import ONE_WAY
from codegen.passes.unions import is_union, merge_variants, open_constant, variants
from codegen.passes.walk import (
    SCHEMAS,
    Call,
    bodies,
    calls,
    incoming_operations,
    parameters,
    reference_name,
    references,
    resolve,
    rewrite,
    rewrite_schema,
    schemas,
    with_schemas,
)

Direction = Literal["sent", "received"]
SUFFIX: Final = "Response"


@dataclass(frozen=True, slots=True)
class Directions:
    """The names of the schemas used in each direction."""

    sent: frozenset[str]
    received: frozenset[str]

    def received_name(self, name: str, schema: Object) -> str:
        """Return the name of a schema in responses."""
        return f"{name}{SUFFIX}" if name in self.sent and "enum" not in schema else name


def find_directions(document: Object) -> Directions:
    """Find which schemas are sent and which are received."""
    roots: dict[Direction, list[Object]] = {"sent": [], "received": []}
    for call in calls(document.object("paths")):
        roots["sent"] += _request_schemas(document, call)
        roots["received"] += _response_schemas(document, call)
    for call in incoming_operations(document):
        roots["received"] += _request_schemas(document, call)
        roots["sent"] += _response_schemas(document, call)
    named = schemas(document)
    return Directions(
        _reachable_names(roots["sent"], named, "sent"), _reachable_names(roots["received"], named, "received")
    )


def split_directions(document: Object) -> Object:
    """Return the document with one schema for each direction, and every reference pointing to the right one."""
    directions, named = find_directions(document), schemas(document)
    read = named.derive({name: in_direction(schema, "received") for name, schema in named.objects()})
    members: dict[str, object] = {}
    for name, schema in named.objects():
        if "enum" in schema:
            members[name] = schema
            continue
        if name in directions.sent:
            members[name] = in_direction(schema, "sent").derive({**in_direction(schema, "sent"), "x-direction": "sent"})
        if name in directions.received:
            members[directions.received_name(name, schema)] = _response_schema(read.object(name), read, directions)
    result = with_schemas(document, members)
    return result.derive(
        {
            **result,
            "paths": _redirect_paths(result.object("paths"), named, directions),
            "components": _redirect_responses(result.object("components"), named, directions),
        }
    )


def in_direction(schema: Object, direction: Direction) -> Object:
    """Return a schema with only the members that a body of a direction has."""
    properties = schema.object("properties")
    left_out = {name for name, member in properties.objects() if member.get(ONE_WAY[direction]) is True}
    if not left_out:
        return schema
    changed: dict[str, object] = {**schema, "properties": properties.without(*left_out)}
    if "required" in schema:
        required = schema.array("required")
        kept = [each for each in zip(required, required.origins, strict=True) if each[0] not in left_out]
        changed["required"] = Array((name for name, _ in kept), required.origin, (origin for _, origin in kept))
    return schema.derive(changed)


def _request_schemas(document: Object, call: Call) -> list[Object]:
    parameter_schemas = [parameter.object("schema") for parameter in parameters(document, call)]
    return [*parameter_schemas, *bodies(call.operation.object("requestBody"))]


def _response_schemas(document: Object, call: Call) -> list[Object]:
    found: list[Object] = []
    for _, value in call.operation.object("responses").objects():
        response = resolve(document, value)
        headers = (resolve(document, header) for _, header in response.object("headers").objects())
        found += [*bodies(response), *(header.object("schema") for header in headers)]
    return found


def _reachable_names(roots: Iterable[Object], named: Object, direction: Direction) -> frozenset[str]:
    reached: set[str] = set()
    waiting = [name for root in roots for name in references(root)]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += _next_names(named.object(name), named, direction)
    return frozenset(reached)


def _next_names(schema: Object, named: Object, direction: Direction) -> list[str]:
    if direction == "received" and is_union(schema):
        # The variants are merged into the union, so only the schemas they refer to are received themselves.
        merged = (in_direction(named.object(variant), direction) for variant in variants(schema).values())
        return [name for variant in merged for name in references(variant)]
    return list(references(in_direction(schema, direction)))


def _response_schema(schema: Object, named: Object, directions: Directions) -> Object:
    whole = merge_variants(schema, named) if is_union(schema) else schema
    redirected = rewrite_schema(whole, lambda part: open_constant(_redirect(part, named, directions)))
    return redirected.derive({**redirected, "x-direction": "received"})


def _redirect(part: Object, named: Object, directions: Directions) -> Object:
    name = reference_name(part)
    if not name:
        return part
    return part.derive({**part, "$ref": SCHEMAS + directions.received_name(name, named.object(name))})


def _redirect_paths(paths: Object, named: Object, directions: Directions) -> Object:
    def redirect(part: Object) -> Object:
        if "responses" not in part:
            return part
        return part.derive({**part, "responses": _redirect_all(part.object("responses"), named, directions)})

    return _rewrite_object(paths, redirect)


def _redirect_responses(components: Object, named: Object, directions: Directions) -> Object:
    responses = _redirect_all(components.object("responses"), named, directions)
    return components.derive({**components, "responses": responses})


def _redirect_all(value: Object, named: Object, directions: Directions) -> Object:
    return _rewrite_object(value, lambda part: _redirect(part, named, directions))


def _rewrite_object(value: Object, change: Callable[[Object], Object]) -> Object:
    result = rewrite(value, change)
    assert isinstance(result, Object)
    return result
