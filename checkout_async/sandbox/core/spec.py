"""The bundled OpenAPI document as the sandbox uses it: paths, security, scopes, body schemas, parameters.

Everything the document says is read from it, so that the sandbox knows a new path or scope without being edited.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import msgspec

from checkout_async.sandbox.core.payload import JsonObject, array, is_object, member, text, texts

_METHODS = ("get", "put", "post", "delete", "patch")
_OAUTH = "oauth"
_SECRET_KEY = "secretKey"  # noqa: S105 - the name of a security scheme
_SESSION_KEY = "sessionSecret"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter in the path, the query or a header."""

    name: str
    place: str
    required: bool
    schema: JsonObject


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the document."""

    id: str
    api: str
    """The tag it stands under: `Sessions`, `Payments`, `Access`."""
    method: str
    path: str
    scopes: tuple[frozenset[str], ...]
    """Sets of scopes; an access token that holds all of any one set may call it."""
    takes_secret_key: bool
    takes_session_secret: bool
    body: JsonObject | None
    """Schema of the JSON request body."""
    body_required: bool
    parameters: tuple[Parameter, ...]

    def allows(self, scopes: frozenset[str]) -> bool:
        """Tell whether an access token with these scopes may call it."""
        return any(needed <= scopes for needed in self.scopes)

    def parameters_in(self, place: str) -> list[Parameter]:
        """List the parameters in `header` or `query`."""
        return [parameter for parameter in self.parameters if parameter.place == place]


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
        body = self.resolve(node.get("requestBody"))
        media = member(member(body, "content"), "application/json")
        return Operation(
            id=str(node["operationId"]),
            api=next(iter(texts(node, "tags")), ""),
            method=method.upper(),
            path=path,
            scopes=tuple(frozenset(texts(entry, _OAUTH)) for entry in security if _OAUTH in entry),
            takes_secret_key=any(_SECRET_KEY in entry for entry in security),
            takes_session_secret=any(_SESSION_KEY in entry for entry in security),
            body=member(media, "schema") or None,
            body_required=body.get("required") is True,
            parameters=tuple(self._parameter(entry) for entry in shared + array(node, "parameters")),
        )

    def _parameter(self, entry: object) -> Parameter:
        node = self.resolve(entry)
        return Parameter(str(node["name"]), str(node["in"]), node.get("required") is True, member(node, "schema"))

    def _read_scopes(self) -> Iterator[str]:
        schemes = member(member(self._document, "components"), "securitySchemes")
        flows = member(self.resolve(schemes.get(_OAUTH)), "flows")
        yield from member(member(flows, "clientCredentials"), "scopes")


@cache
def load_spec(path: Path | None = None) -> ApiSpec:
    """Read a bundled document, by default the one in the package; read once per process and path."""
    source = files("checkout_async").joinpath("_generated", "openapi.json") if path is None else path
    return ApiSpec(msgspec.json.decode(source.read_bytes(), type=JsonObject))
