"""Helpers of the specification's tests: the bundled document, and the schema each example body belongs to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import jsonschema_rs

from codegen.compiler import compile_document
from codegen.publish import with_modules

REPOSITORY = Path(__file__).parents[2]
EXAMPLES = REPOSITORY / "openapi" / "examples"
APIS = tuple(sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir()))
Json: TypeAlias = "dict[str, Json] | list[Json] | str | float | bool | None"
NO_BODIES = {
    "challenge_notification.event": "data of a browser event",
    "creq.decoded": "the decoded 3ds.challenge_request",
}
"""Examples that are no body of an operation."""
FRAGMENT = "session_exemption.response_fragment"
"""The member `exemption` of a reply, printed without the rest."""


@cache
def document() -> Any:
    """Return the bundled document as plain JSON values."""
    return json.loads(json.dumps(with_modules(compile_document(REPOSITORY / "openapi"))))


def operations(tag: str | None = None) -> dict[str, Any]:
    """Return the operations, or those of an API, by operationId, each with its method and path."""
    found: dict[str, Any] = {}
    for path, item in document()["paths"].items():
        for method, operation in item.items():
            if method in {"get", "put", "post"} and tag in {None, *operation["tags"]}:
                found[operation["operationId"]] = {**operation, "line": f"{method.upper()} {path}"}
    return found


def resolved(value: Any) -> Any:
    """Return what a reference refers to, or the value itself."""
    if "$ref" not in value:
        return value
    _, _, kind, name = value["$ref"].split("/")
    return document()["components"][kind][name]


def named(reference: Any) -> str:
    """Return the name of the schema that a reference leads to."""
    return str(reference["$ref"]).rpartition("/")[2]


def parameters(operation: str, place: str) -> list[Any]:
    """Return the parameters of an operation that go into a place."""
    found = [resolved(each) for each in operations()[operation].get("parameters", [])]
    return [each for each in found if each["in"] == place]


def schema_of(example: str) -> Any:
    """Return the schema of an example body, from the body's name; of alternatives, the one that the body is."""
    parts = example.removeprefix("legacy.").split(".")
    name, last = parts[0], parts[-1]
    if name == "error":
        return {"$ref": "#/components/schemas/ErrorResponse"}
    if last.startswith("callback"):
        return {"$ref": "#/components/schemas/SessionCompletedCallback"}
    if example == FRAGMENT:
        return {"$ref": "#/components/schemas/ThreeDsExemption"}
    operation = operations()[name]
    holder = operation["requestBody"] if last == "request" else resolved(operation["responses"][last])
    (media,) = holder["content"].values()
    return recognised(media["schema"], bodies()[example])


def recognised(schema: Any, body: Any) -> Any:
    """Return the alternative that a body is, or the schema itself if it has none."""
    target = resolved(schema)
    for alternative in target.get("anyOf", []):
        if set(target["x-recognised-by"][named(alternative)]) <= body.keys():
            return alternative
    return schema


@cache
def bodies(*apis: str) -> dict[str, Any]:
    """Return every example body, or those of some APIs, by name, without the ending `.json`."""
    files = [path for api in apis or APIS for path in sorted((EXAMPLES / api).glob("*.json"))]
    found = {path.stem: json.loads(path.read_bytes()) for path in files}
    if FRAGMENT in found:
        found[FRAGMENT] = found[FRAGMENT]["exemption"]
    return {name: body for name, body in found.items() if name not in NO_BODIES}


def defects(name: str) -> set[tuple[str, str]]:
    """Return what is wrong with a body, as JSON pointer and the keyword it breaks."""
    schema = {**schema_of(name), "components": document()["components"]}
    validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    return {
        ("".join(f"/{part}" for part in error.instance_path), str(error.schema_path[-1]))
        for error in validator.iter_errors(bodies()[name])
    }


@cache
def shown_bodies() -> frozenset[str]:
    """Return the JSON text of every example body that the document shows."""
    return frozenset(json.dumps(body) for body in _shown(document()))


def _shown(value: Json) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from _shown(item)
    if isinstance(value, dict):
        examples: Any = value.get("examples", {}) if "schema" in value else {}
        yield from (each["value"] for each in examples.values())
        for part in value.values():
            yield from _shown(part)


def api_of(operation: str) -> str:
    """Return the API that an operation belongs to, as its module is called."""
    (tag,) = operations()[operation]["tags"]
    return str(tag).lower()
