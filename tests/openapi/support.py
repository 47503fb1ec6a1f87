"""Helpers of the specification's tests: the bundled document, and the schema each example body belongs to."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from codegen.compiler import compile_document

REPOSITORY = Path(__file__).parents[2]
EXAMPLES = REPOSITORY / "openapi" / "examples" / "sessions"
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
    return json.loads(json.dumps(compile_document(REPOSITORY / "openapi")))


def operations() -> dict[str, Any]:
    """Return the operations by operationId, each with its method and path."""
    found: dict[str, Any] = {}
    for path, item in document()["paths"].items():
        for method, operation in item.items():
            if method in {"get", "put", "post"}:
                found[operation["operationId"]] = {**operation, "line": f"{method.upper()} {path}"}
    return found


def resolved(value: Any) -> Any:
    """Return what a reference refers to, or the value itself."""
    if "$ref" not in value:
        return value
    _, _, kind, name = value["$ref"].split("/")
    return document()["components"][kind][name]


def schema_of(example: str) -> str:
    """Return the name of the schema of an example body, from the body's name."""
    parts = example.removeprefix("legacy.").split(".")
    name, last = parts[0], parts[-1]
    if name == "error":
        return "ErrorResponse"
    if last.startswith("callback"):
        return "SessionCompletedCallback"
    if example == FRAGMENT:
        return "ThreeDsExemption"
    operation = operations()[name]
    holder = operation["requestBody"] if last == "request" else resolved(operation["responses"][last])
    (media,) = holder["content"].values()
    return str(media["schema"]["$ref"]).rpartition("/")[2]


def bodies() -> dict[str, Any]:
    """Return every example body by name, without the ending `.json`."""
    found = {path.stem: json.loads(path.read_bytes()) for path in sorted(EXAMPLES.glob("*.json"))}
    found[FRAGMENT] = found[FRAGMENT]["exemption"]
    return {name: body for name, body in found.items() if name not in NO_BODIES}
