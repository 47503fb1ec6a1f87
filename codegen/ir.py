"""The operations as the emitters see them: frozen values, every name already a Python name where it says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeRef:
    """A generated type: the module it lives in and its name; `many` for an array of it."""

    module: str
    name: str
    many: bool = False

    def __str__(self) -> str:
        return f"list[{self.name}]" if self.many else self.name


Scalar = Literal["str", "int", "float", "bool", "datetime", "date"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A path, query or header parameter; `type` is a scalar or an enum."""

    name: str
    python_name: str
    place: Literal["path", "query", "header"]
    type: Scalar | TypeRef
    required: bool
    description: str
    pattern: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A request body."""

    type: TypeRef
    format: Literal["JSON", "FORM"]
    required: bool
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A documented reply; `type` is None where it has no body."""

    status: int
    type: TypeRef | None
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """Who may call: any one of the OAuth scopes, or a session's secret; `schemes` names all that is accepted."""

    scopes: tuple[str, ...]
    session_secret: bool
    schemes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One call of the API. `responses` are the successes in the order documented, `errors` the rest."""

    name: str
    method: str
    path: str
    summary: str
    description: str
    deprecated: bool
    idempotency: str
    parameters: tuple[Parameter, ...]
    body: Body | None
    responses: tuple[Response, ...]
    errors: tuple[Response, ...]
    security: Security


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """The operations of one tag; `name` is the name of its modules."""

    name: str
    title: str
    description: str
    operations: tuple[Operation, ...]
