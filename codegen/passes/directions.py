"""Request and response types apart: what is sent keeps its name, its double for replies is called `<Name>Response`.

Sent is what request bodies and parameters reach; received what responses and the bodies of callbacks and webhooks
reach. Enums serve both. The result has `x-direction: sent | received` on every object and union.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Literal

from codegen.document import Object
from codegen.passes.discriminators import is_union, opened, variants, widened
from codegen.passes.walk import (
    SCHEMAS,
    Call,
    bodies,
    calls,
    parameters,
    referred,
    referred_name,
    resolved,
    rewritten,
    schema_rewritten,
    schemas,
    told_by_api,
    with_schemas,
)

Direction = Literal["sent", "received"]
SUFFIX: Final = "Response"


@dataclass(frozen=True, slots=True)
class Reach:
    """The names of the schemas that each direction reaches."""

    sent: frozenset[str]
    received: frozenset[str]

    def received_name(self, name: str, schema: Object) -> str:
        """Return what a schema is called where it is received."""
        return f"{name}{SUFFIX}" if name in self.sent and "enum" not in schema else name


def reach(document: Object) -> Reach:
    """Find out which schemas are sent and which are received."""
    roots: dict[Direction, list[Object]] = {"sent": [], "received": []}
    for call in calls(document.object("paths")):
        roots["sent"] += _request_schemas(document, call)
        roots["received"] += _response_schemas(document, call)
    for told in told_by_api(document):
        roots["received"] += _request_schemas(document, told)
        roots["sent"] += _response_schemas(document, told)
    named = schemas(document)
    return Reach(_closure(roots["sent"], named, "sent"), _closure(roots["received"], named, "received"))


def split_directions(document: Object) -> Object:
    """Return the document with one schema for each direction and every reference pointing to the right one."""
    reached, named = reach(document), schemas(document)
    members: dict[str, object] = {}
    for name, schema in named.objects():
        if "enum" in schema:
            members[name] = schema
            continue
        if name in reached.sent:
            members[name] = schema.derive({**schema, "x-direction": "sent"})
        if name in reached.received:
            members[reached.received_name(name, schema)] = _received(schema, named, reached)
    result = with_schemas(document, members)
    return result.derive(
        {
            **result,
            "paths": _redirected_paths(result.object("paths"), named, reached),
            "components": _redirected_responses(result.object("components"), named, reached),
        }
    )


def _request_schemas(document: Object, call: Call) -> list[Object]:
    found = [parameter.object("schema") for parameter in parameters(document, call)]
    return [*found, *bodies(call.operation.object("requestBody"))]


def _response_schemas(document: Object, call: Call) -> list[Object]:
    found: list[Object] = []
    for _, value in call.operation.object("responses").objects():
        response = resolved(document, value)
        headers = (resolved(document, header) for _, header in response.object("headers").objects())
        found += [*bodies(response), *(header.object("schema") for header in headers)]
    return found


def _closure(roots: Iterable[Object], named: Object, direction: Direction) -> frozenset[str]:
    reached: set[str] = set()
    waiting = [name for root in roots for name in referred(root)]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += _next(named.object(name), named, direction)
    return frozenset(reached)


def _next(schema: Object, named: Object, direction: Direction) -> list[str]:
    if direction == "received" and is_union(schema):
        # The variants melt into the union, so only what they refer to is received under its own name.
        return [name for variant in variants(schema).values() for name in referred(named.object(variant))]
    return list(referred(schema))


def _received(schema: Object, named: Object, reached: Reach) -> Object:
    whole = widened(schema, named) if is_union(schema) else schema
    redirected = schema_rewritten(whole, lambda part: opened(_redirected(part, named, reached)))
    return redirected.derive({**redirected, "x-direction": "received"})


def _redirected(part: Object, named: Object, reached: Reach) -> Object:
    name = referred_name(part)
    if not name:
        return part
    return part.derive({**part, "$ref": SCHEMAS + reached.received_name(name, named.object(name))})


def _redirected_paths(paths: Object, named: Object, reached: Reach) -> Object:
    def redirect(part: Object) -> Object:
        if "responses" not in part:
            return part
        return part.derive({**part, "responses": _redirected_all(part.object("responses"), named, reached)})

    return _changed(paths, redirect)


def _redirected_responses(components: Object, named: Object, reached: Reach) -> Object:
    responses = _redirected_all(components.object("responses"), named, reached)
    return components.derive({**components, "responses": responses})


def _redirected_all(value: Object, named: Object, reached: Reach) -> Object:
    return _changed(value, lambda part: _redirected(part, named, reached))


def _changed(value: Object, change: Callable[[Object], Object]) -> Object:
    result = rewritten(value, change)
    assert isinstance(result, Object)
    return result
