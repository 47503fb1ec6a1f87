"""Checks that the examples of a document are valid: what they show is what its schemas describe."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import jsonschema_rs

from codegen.diagnostics import Origin, Problems
from codegen.document import Array, Object
from codegen.keywords import ONE_WAY

_SHOWN: Final = "the value"
_DOCUMENT: Final = "urn:components"
_INCOMING: Final = "incoming "
_LEFT_OUT: Final = {"": "", **ONE_WAY}
"""The keyword of the members that a body does not have, by its direction; none outside a body."""


def check_examples(document: Object, problems: Problems) -> None:
    """Report the examples that do not match their schema, formats included.

    All references must be resolved, and all schemas valid.
    """
    registries = {direction: _registry(document, keyword) for direction, keyword in _LEFT_OUT.items()}
    for holder, schema, direction in _holders(document):
        examples = list(_examples(holder))
        if examples:
            validator = jsonschema_rs.Draft202012Validator(
                json.loads(json.dumps(schema), object_hook=_redirect),
                registry=registries[direction],
                validate_formats=True,
                mask=_SHOWN,
            )
            for name, value, origin in examples:
                for defect in _defects(validator.iter_errors(json.loads(json.dumps(value)))):
                    problems.add(origin, f"example '{name}' does not match its schema: {defect}")


def _redirect(part: dict[str, Any]) -> dict[str, Any]:
    return {**part, "$ref": f"{_DOCUMENT}{part['$ref']}"} if "$ref" in part else part


def _registry(document: Object, keyword: str) -> jsonschema_rs.Registry:
    """Return the components as validators look them up, read once for all of them.

    A body does not have the members with the keyword.
    """
    components = json.loads(json.dumps(document.object("components")))
    for schema in components.get("schemas", {}).values() if keyword else ():
        properties = schema.get("properties", {})
        left_out = {name for name, member in properties.items() if member.get(keyword) is True}
        properties.update(dict.fromkeys(left_out, False))
        if left_out:
            schema["required"] = [name for name in schema.get("required", []) if name not in left_out]
    return jsonschema_rs.Registry([(_DOCUMENT, {"components": components})], draft=jsonschema_rs.Draft202012)


def _holders(value: object, direction: str = "") -> Iterator[tuple[Object, Object, str]]:
    """Yield whatever can have examples in a part of a document, with its schema: bodies, parameters, and schemas.

    The direction is that of the body that contains it, as the merchant's side sees it.
    """
    if isinstance(value, Array):
        for item in value:
            yield from _holders(item, direction)
    elif isinstance(value, Object):
        if "schema" in value:
            yield value, value.object("schema"), direction.removeprefix(_INCOMING)
        elif isinstance(value.get("examples"), Array):
            yield value, value, direction.removeprefix(_INCOMING)
        for key, member in value.items():
            if key not in {"example", "examples"}:
                yield from _holders(member, _direction(key, direction))


def _direction(key: str, outside: str) -> str:
    """Return the direction of what is under a key. What the API calls on the merchant's server goes the other way."""
    if key in {"callbacks", "webhooks"}:
        return _INCOMING
    sent, received = ("received", "sent") if outside.startswith(_INCOMING) else ("sent", "received")
    prefix = _INCOMING if outside.startswith(_INCOMING) else ""
    return {"requestBody": prefix + sent, "responses": prefix + received}.get(key, outside)


def _examples(holder: Object) -> Iterator[tuple[str, object, Origin]]:
    """Yield the examples of a body, a parameter or a schema: name, value, and where the fragments state it."""
    if "example" in holder:
        yield "example", holder["example"], holder.at("example")
    if isinstance(listed := holder.get("examples"), Array):
        yield from ((str(number), *each) for number, each in enumerate(zip(listed, listed.origins, strict=True), 1))
        return
    for name, example in holder.object("examples").objects():
        if "value" in example:
            yield name, example["value"], example.at("externalValue" if "externalValue" in example.origins else "value")


def _defects(errors: Any) -> Iterator[str]:
    for error in errors:
        yield from _explain(error)


def _explain(error: jsonschema_rs.ValidationError) -> Iterator[str]:
    """Yield what is wrong, as JSON pointer and reason; of alternatives, what the nearest one finds wrong."""
    branches: list[list[jsonschema_rs.ValidationError]] = getattr(error.kind, "context", [])
    if branches:
        yield from _defects(min(branches, key=_distance))
    else:
        yield f"{''.join(f'/{part}' for part in error.instance_path) or '/'}: {error.message}"


def _distance(branch: list[jsonschema_rs.ValidationError]) -> tuple[bool, int]:
    """Return how far a value is from a variant: one of another discriminator is farthest."""
    return any(error.kind.name == "const" for error in branch), len(branch)
