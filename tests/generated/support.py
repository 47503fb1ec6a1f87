"""Reads the example bodies, each with the operation it belongs to: of the bundled document, and those it leaves out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

REPOSITORY = Path(__file__).parents[2]
DOCUMENT: dict[str, Any] = json.loads((REPOSITORY / "checkout_async/_generated/openapi.json").read_bytes())
METHODS = ("get", "put", "post", "delete", "patch")


@dataclass(frozen=True)
class Example:
    """One example body: whose it is, and whether it is sent or received (`status`)."""

    operation: str
    tag: str
    name: str
    value: Any
    status: int | None = None

    def __str__(self) -> str:
        return f"{self.operation}-{self.status or 'request'}-{self.name}"


def operations() -> Iterator[dict[str, Any]]:
    """Yield every operation with an operationId."""
    for path in DOCUMENT["paths"].values():
        yield from (path[method] for method in METHODS if method in path)


def examples() -> Iterator[Example]:
    """Yield every example body of every operation."""
    for operation in operations():
        owner = {"operation": operation["operationId"], "tag": operation["tags"][0].lower()}
        for name, value in _bodies(operation.get("requestBody", {})):
            yield Example(**owner, name=name, value=value)
        for status, response in operation["responses"].items():
            for name, value in _bodies(resolved(response)):
                yield Example(**owner, name=name, value=value, status=int(status))


def defective_examples() -> Iterator[Example]:
    """Yield every published body of an operation that has defects, so that the document does not show it."""
    shown = [example.value for example in examples()]
    tags = {each["operationId"]: each["tags"][0].lower() for each in operations()}
    for path in sorted((REPOSITORY / "openapi" / "examples").glob("*/*.json")):
        operation, *variant = path.stem.split(".")
        value = json.loads(path.read_bytes())
        if operation in tags and value not in shown and variant[-1] in {"request", "200", "201", "202"}:
            status = None if variant[-1] == "request" else int(variant[-1])
            name = "published" if variant[0] in {"request", "response"} else variant[0]
            yield Example(operation, tags[operation], name, value, status)


def _bodies(holder: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for media in holder.get("content", {}).values():
        for name, example in media.get("examples", {}).items():
            yield name, resolved(example)["value"]


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference into the document's components."""
    while "$ref" in node:
        target: Any = DOCUMENT
        for part in cast("str", node["$ref"]).removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node
