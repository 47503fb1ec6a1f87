"""The bundled OpenAPI document as the sandbox uses it: paths, security, scopes, body schemas, parameters, enums.

What the document contains is read from it, so that the sandbox knows a new path or scope without being edited. Lists
that the code has to name, such as the statuses of a state machine, are compared with it at import (`check_enum`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
class ApiParameter:
    """A parameter."""

    name: str
    location: str
    """`path`, `query` or `header`."""
    required: bool
    schema: JsonObject


@dataclass(frozen=True, slots=True)
class ApiOperation:
    """One operation of the document."""

    id: str
    api: str
    """Its tag: `Sessions`, `Payments`, `Access`."""
    method: str
    path: str
    scopes: tuple[frozenset[str], ...]
    """Sets of scopes; an access token with all scopes of any one set may call it."""
    takes_secret_key: bool
    takes_session_secret: bool
    body: JsonObject | None
    """Schema of the JSON request body."""
    body_required: bool
    parameters: tuple[ApiParameter, ...]

    def allows(self, scopes: frozenset[str]) -> bool:
        """Return whether an access token with these scopes may call it."""
        return any(needed <= scopes for needed in self.scopes)

    def parameters_in(self, location: str) -> list[ApiParameter]:
        """List the parameters at a location: `path`, `query` or `header`."""
        return [parameter for parameter in self.parameters if parameter.location == location]


class ApiSpec:
    """The document, read once: `operations` by operationId, `schemas` by name, and the OAuth `scopes` it lists."""

    def __init__(self, document: JsonObject) -> None:
        self._document = document
        self.version: str = text(member(document, "info"), "version") or ""
        self.schemas: JsonObject = member(member(document, "components"), "schemas")
        self.operations: dict[str, ApiOperation] = {operation.id: operation for operation in self._read_operations()}
        self.scopes: frozenset[str] = frozenset(self._read_scopes())

    def path(self, operation_id: str, **parameters: str) -> str:
        """Return the path of an operation with its parameters filled in."""
        return self.operations[operation_id].path.format(**parameters)

    def enum(self, schema: str) -> tuple[str, ...]:
        """Return the values of an enum among the schemas; empty if there is no such enum."""
        return texts(member(self.schemas, schema), "enum")

    def resolve(self, node: object) -> JsonObject:
        """Follow a `$ref` into this document; return any other object as it is."""
        while is_object(node) and "$ref" in node:
            target: object = self._document
            for step in str(node["$ref"]).removeprefix("#/").split("/"):
                target = member({"": target}, "").get(step.replace("~1", "/").replace("~0", "~"))
            node = target
        return node if is_object(node) else {}

    def _read_operations(self) -> Iterator[ApiOperation]:
        for path, item in member(self._document, "paths").items():
            resolved = self.resolve(item)
            shared = array(resolved, "parameters")
            for method in _METHODS:
                if method in resolved:
                    yield self._operation(method, path, member(resolved, method), shared)

    def _operation(self, method: str, path: str, node: JsonObject, shared: list[object]) -> ApiOperation:
        holder = node if "security" in node else self._document
        security = [entry for entry in array(holder, "security") if is_object(entry)]
        body = self.resolve(node.get("requestBody"))
        media = member(member(body, "content"), "application/json")
        return ApiOperation(
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

    def _parameter(self, entry: object) -> ApiParameter:
        node = self.resolve(entry)
        return ApiParameter(str(node["name"]), str(node["in"]), node.get("required") is True, member(node, "schema"))

    def _read_scopes(self) -> Iterator[str]:
        schemes = member(member(self._document, "components"), "securitySchemes")
        flows = member(self.resolve(schemes.get(_OAUTH)), "flows")
        yield from member(member(flows, "clientCredentials"), "scopes")


@cache
def load_spec(path: Path | None = None) -> ApiSpec:
    """Read a bundled document, by default that of the package; each is read once per process.

    Raises OSError for a file that cannot be read, ValueError for one that is not a JSON object.
    """
    source = files("checkout_async").joinpath("_generated", "openapi.json") if path is None else path
    try:
        document = msgspec.json.decode(source.read_bytes(), type=JsonObject)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ValueError(f"{path} is not a JSON object; give a bundled OpenAPI document") from None
    return ApiSpec(document)


def check_enum(schema: str, values: Iterable[str]) -> None:
    """Check that an enum of the package's document lists these values; ValueError names those that it does not.

    Modules call it at import for values that their code has to name: a state machine needs its states, and the type
    checkers could not see members that were made from the document at run time. Further values of the document are no
    error: the simulator does not reach every status, and a new value must not stop it from starting.
    """
    listed = load_spec().enum(schema)
    unknown = [str(value) for value in values if value not in listed]
    if unknown:
        raise ValueError(
            f"{schema} in the OpenAPI document does not list {', '.join(unknown)}; it lists {', '.join(listed)}."
            " Correct the name in the simulator, or add the value to openapi/ and run make generate"
        )
