"""Reads the example bodies out of the bundled specification, each with the operation it belongs to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

DOCUMENT: dict[str, Any] = json.loads(
    (Path(__file__).parent.parent.parent / "checkout_async/_generated/openapi.json").read_text(encoding="utf-8")
)
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
