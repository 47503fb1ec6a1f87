"""Checks that the examples of a document are valid: what they show is what its schemas describe."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import jsonschema_rs

from codegen.diagnostics import Origin, Problems
from codegen.document import Array, Object

_SHOWN: Final = "the value"


def check_examples(document: Object, problems: Problems) -> None:
    """Report the examples that do not match their schema, formats included.

    All references must be resolved, and all schemas valid.
    """
    components = json.loads(json.dumps(document.object("components")))
    for media in _media_types(document):
        examples = list(_examples(media))
        if examples and "schema" in media:
            schema = {**media.object("schema"), "components": components}
            validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True, mask=_SHOWN)
            for name, value, origin in examples:
                for defect in _defects(validator.iter_errors(value)):
                    problems.add(origin, f"example '{name}' does not match its schema: {defect}")


def _media_types(value: object) -> Iterator[Object]:
    """Yield every media type of a document or a part of it."""
    if isinstance(value, Array):
        for item in value:
            yield from _media_types(item)
    elif isinstance(value, Object):
        for key, member in value.items():
            if key == "content" and isinstance(member, Object):
                yield from (media for _, media in member.objects())
            yield from _media_types(member)


def _examples(media: Object) -> Iterator[tuple[str, object, Origin]]:
    """Yield the examples of a media type: name, value, and where the fragments state it."""
    if "example" in media:
        yield "example", media["example"], media.at("example")
    for name, example in media.object("examples").objects():
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
