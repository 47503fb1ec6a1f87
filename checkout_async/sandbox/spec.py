"""The bundled OpenAPI document as the sandbox uses it: paths, security, scopes, body schemas, header parameters.

Everything the document says is read from it, so that the sandbox knows a new path or scope without being edited.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import msgspec

from checkout_async.sandbox.payload import JsonObject, array, is_object, member, text

_METHODS = ("get", "put", "post", "delete", "patch")
_OAUTH = "oauth"
_SESSION_KEY = "sessionSecret"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the document."""

    id: str
    method: str
    path: str
    scopes: frozenset[str]
    """Any one of these lets an access token call it."""
    takes_session_secret: bool
    body: JsonObject | None
    """Schema of the JSON request body."""
    headers: tuple[tuple[str, JsonObject], ...]
    """Header parameters and their schemas."""


class ApiSpec:
    """The document, read once: `operations` by operationId, `schemas` by name, the OAuth `scopes` it knows."""

    def __init__(self, document: JsonObject) -> None:
        self._document = document
        self.version = text(member(document, "info"), "version") or ""
        self.schemas = member(member(document, "components"), "schemas")
        self.operations = {operation.id: operation for operation in self._read_operations()}
        self.scopes = frozenset(self._read_scopes())

    def path(self, operation_id: str, **parameters: str) -> str:
        """Return the operation's path with its parameters filled in."""
        return self.operations[operation_id].path.format(**parameters)

    def resolve(self, node: object) -> JsonObject:
        """Follow a `$ref` into this document; any other object stands for itself."""
        while is_object(node) and "$ref" in node:
            target: object = self._document
            for step in str(node["$ref"]).removeprefix("#/").split("/"):
                target = member({"": target}, "").get(step.replace("~1", "/").replace("~0", "~"))
            node = target
        return node if is_object(node) else {}

    def _read_operations(self) -> Iterator[Operation]:
        for path, item in member(self._document, "paths").items():
            resolved = self.resolve(item)
            shared = array(resolved, "parameters")
            for method in _METHODS:
                if method in resolved:
                    yield self._operation(method, path, member(resolved, method), shared)

    def _operation(self, method: str, path: str, node: JsonObject, shared: list[object]) -> Operation:
        holder = node if "security" in node else self._document
        security = [entry for entry in array(holder, "security") if is_object(entry)]
        content = member(self.resolve(node.get("requestBody")), "content")
        media = member(content, "application/json")
        parameters = [self.resolve(entry) for entry in shared + array(node, "parameters")]
        return Operation(
            id=str(node["operationId"]),
            method=method.upper(),
            path=path,
            scopes=frozenset(str(scope) for entry in security for scope in array(entry, _OAUTH)),
            takes_session_secret=any(_SESSION_KEY in entry for entry in security),
            body=member(media, "schema") or None,
            headers=tuple(
                (str(entry["name"]), member(entry, "schema")) for entry in parameters if entry.get("in") == "header"
            ),
        )

    def _read_scopes(self) -> Iterator[str]:
        schemes = member(member(self._document, "components"), "securitySchemes")
        flows = member(self.resolve(schemes.get(_OAUTH)), "flows")
        yield from member(member(flows, "clientCredentials"), "scopes")


@cache
def load_spec(path: Path | None = None) -> ApiSpec:
    """Read a bundled document, by default the one in the package; read once per process and path."""
    source = files("checkout_async").joinpath("_generated", "openapi.json") if path is None else path
    return ApiSpec(msgspec.json.decode(source.read_bytes(), type=JsonObject))
