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
    limits: tuple[tuple[str, str | int | float], ...] = ()
    """What a value has to keep, by the names that the core has for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A request body; `alternatives` are the types it may have, each with the members it is recognised by."""

    type: TypeRef
    alternatives: tuple[tuple[TypeRef, tuple[str, ...]], ...]
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
class Pagination:
    """How the items of all pages are got; all names are Python names.

    `limit` is the parameter (`skip`) or the member of the body (`link`) with the length of a page; `items` is the
    member of the reply with the items, `key` the member that identifies an item. For `skip`, the parameter with the
    offset and the member with the number of all items; for `link`, the way to the link, member by member.
    """

    iterator: str
    style: Literal["skip", "link"]
    limit: str
    items: str
    item: TypeRef
    key: str
    skip: str
    total: str
    next: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """Who may call: whoever has any one of the OAuth scopes, a session's secret, or a secret key."""

    scopes: tuple[str, ...]
    session_secret: bool
    secret_key: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One call of the API. `responses` are the successes in the order documented, `errors` the rest.

    `idempotency_header` is the header of the idempotency key, which is no parameter: the client fills it.
    """

    name: str
    method: str
    path: str
    summary: str
    description: str
    deprecated: bool
    idempotency: str
    idempotency_header: str | None
    parameters: tuple[Parameter, ...]
    body: Body | None
    responses: tuple[Response, ...]
    errors: tuple[Response, ...]
    security: Security
    pagination: Pagination | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """The operations of one tag; `name` is the name of its modules."""

    name: str
    title: str
    description: str
    operations: tuple[Operation, ...]
