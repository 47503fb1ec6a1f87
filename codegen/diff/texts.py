"""Compares what two documents say beside what our Python does: descriptions, examples, defaults, limits of replies."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import cast

from codegen.diff.finding import Finding, change
from codegen.document import Array, Object
from codegen.names import snake_name
from codegen.parse import api_name, parameter_name
from codegen.passes.annotations import member_names, name_table
from codegen.passes.directions import find_directions
from codegen.passes.patterns import LIMITS
from codegen.passes.walk import Call, bodies, calls, module_of, parameters, resolve, schemas

Texts = dict[str, object]


def compare_texts(old: Object, new: Object) -> Iterator[Finding]:
    """Yield the changes of what the documents say, by the places that both have."""
    before, after = _texts(old), _texts(new)
    for place in sorted(before.keys() & after.keys()):
        for kind in before[place].keys() & after[place].keys():
            old_value, new_value = _common(before[place][kind], after[place][kind])
            if old_value != new_value:
                yield change(kind, place, old=old_value, new=new_value)


def _common(old: object, new: object) -> tuple[object, object]:
    """Return what is said of the statuses that both versions have, or else both values."""
    before, after = _by_status(old), _by_status(new)
    if before is None or after is None:
        return old, new
    both = before.keys() & after.keys()
    return {key: before[key] for key in both}, {key: after[key] for key in both}


def _by_status(said: object) -> Texts | None:
    return cast("Texts", said) if isinstance(said, dict) else None


def _texts(document: Object) -> dict[str, Texts]:
    """Return what a document says of each place, by the kind that a change of it would be."""
    found: dict[str, Texts] = {}
    for call in calls(document.object("paths")):
        found |= _operation(document, call)
    received = find_directions(document).received - find_directions(document).sent
    for name, schema in schemas(document).objects():
        found |= _schema(document, f"{module_of(schema)}.{name}", schema, received=name in received)
    return found


def _operation(document: Object, call: Call) -> dict[str, Texts]:
    operation = call.operation
    place = f"{api_name(operation.texts('tags')[0])}.{operation.text('operationId')}"
    body = operation.object("requestBody")
    replies = {status: resolve(document, each) for status, each in operation.object("responses").objects()}
    said = {"": [operation.text("summary"), operation.text("description"), body.text("description")]}
    said |= {status: [reply.text("description")] for status, reply in replies.items()}
    found: dict[str, Texts] = {
        place: {
            "description": said,
            "example": {"": _examples(body), **{status: _examples(reply) for status, reply in replies.items()}},
            "deprecated": _deprecated(operation),
        }
    }
    for each in parameters(document, call):
        schema = each.object("schema")
        found[f"{place}.{parameter_name(document, each)}"] = {
            "description": each.text("description"),
            "example": _plain(each.get("example")),
            "default": _default(schema),
            "deprecated": _deprecated(each),
        }
    return found


def _schema(document: Object, place: str, schema: Object, *, received: bool) -> dict[str, Texts]:
    found: dict[str, Texts] = {place: {"description": schema.text("description"), "deprecated": _deprecated(schema)}}
    table = name_table(document)
    for name, member in schema.object("properties").objects():
        limits = {key: member[key] for key in sorted(LIMITS & member.keys())} if received else {}
        found[f"{place}.{snake_name(name, table) or name}"] = {
            "description": member.text("description"),
            "example": _plain(member.get("examples")),
            "default": _default(member),
            "deprecated": _deprecated(member),
            "reply-limit": limits,
        }
    meanings = schema.get("x-enum-descriptions")
    listed: list[object] = [*meanings] if isinstance(meanings, Array) else []
    for value, meaning in zip(member_names(schema, table), listed, strict=False):
        found[f"{place}.{value}"] = {"description": meaning}
    return found


def _examples(holder: Object) -> object:
    return (
        [_plain(media.get("examples")) for _, media in holder.object("content").objects()]
        if any(bodies(holder))
        else []
    )


def _plain(value: object) -> str:
    """Return a value without the places it came from."""
    return json.dumps(value, sort_keys=True)


def _default(schema: Object) -> str:
    return f"`{json.dumps(schema['default'])}`" if "default" in schema else "none"


def _deprecated(holder: Object) -> str:
    return "deprecated" if holder.get("deprecated") is True else "not deprecated"
