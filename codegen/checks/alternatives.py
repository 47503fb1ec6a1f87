"""Checks of alternatives: request bodies of several types, told apart by the members they have."""

from __future__ import annotations

from codegen.diagnostics import Problems
from codegen.document import Object
from codegen.parse import JSON
from codegen.passes.alternatives import alternatives, is_alternatives
from codegen.passes.directions import reach
from codegen.passes.walk import bodies, calls, referred, referred_name, schemas


def check_alternatives(document: Object, problems: Problems) -> None:
    """Report alternatives that nothing tells apart, or that stand elsewhere than in a request body."""
    named, received = schemas(document), reach(document).received
    for name, schema in named.objects():
        if is_alternatives(schema):
            _listed(name, schema, named, problems)
            _order(schema, problems)
            if name in received:
                problems.add(named.at(name), f"alternatives '{name}' are received, which needs a discriminator")
        for other in referred(schema):
            if is_alternatives(named.object(other)):
                message = f"schema '{name}' refers to '{other}', but alternatives stand in request bodies only"
                problems.add(named.at(name), message)
    _forms(document, problems)


def _listed(name: str, schema: Object, named: Object, problems: Problems) -> None:
    listed, recognised_by = schema.array("anyOf"), schema.object("x-recognised-by")
    names = [referred_name(part) for part in listed.objects()]
    if names != list(recognised_by):
        problems.add(named.at(name), f"x-recognised-by of '{name}' needs the names in anyOf, in the same order")
    for alternative, origin in zip(names, listed.origins, strict=True):
        target = named.object(alternative)
        if not alternative:
            problems.add(origin, f"an alternative of '{name}' stands inline; give it a name")
        elif target and "properties" not in target:
            problems.add(origin, f"alternative '{alternative}' must be an object with properties")
        for member in recognised_by.texts(alternative):
            if target and member not in target.object("properties"):
                stated = recognised_by.at(alternative)
                problems.add(stated, f"x-recognised-by: '{alternative}' has no property '{member}'")


def _order(schema: Object, problems: Problems) -> None:
    """Report alternatives that one before them takes everything from."""
    earlier: dict[str, set[str]] = {}
    for name, members in alternatives(schema).items():
        taker = next((other for other, fewer in earlier.items() if fewer <= {*members}), None)
        if taker is not None:
            origin = schema.object("x-recognised-by").at(name)
            problems.add(origin, f"x-recognised-by: nothing is left for '{name}', since '{taker}' stands before it")
        earlier[name] = {*members}


def _forms(document: Object, problems: Problems) -> None:
    for call in calls(document.object("paths")):
        body = call.operation.object("requestBody")
        for schema in bodies(body):
            target = schemas(document).object(referred_name(schema))
            if is_alternatives(target) and JSON not in body.object("content"):
                problems.add(call.operation.at("requestBody"), f"alternatives are for bodies of {JSON} only")
