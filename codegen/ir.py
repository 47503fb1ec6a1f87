"""The intermediate representation of operations and types: frozen values that the emitters turn into code and docs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeRef:
    """A generated type: its module and name; `many` means an array of it."""

    module: str
    name: str
    many: bool = False

    def __str__(self) -> str:
        return f"list[{self.name}]" if self.many else self.name


Scalar = Literal["str", "int", "float", "bool", "datetime", "date"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A path, query or header parameter. `type` is a scalar or an enum; `name` is the API's own name.

    `several` says how a list of values is written: its name repeated for each value, or the values joined by commas. It
    is empty if the parameter has one value.
    """

    name: str
    python_name: str
    place: Literal["path", "query", "header"]
    type: Scalar | TypeRef
    required: bool
    description: str
    limits: tuple[tuple[str, str | int | float], ...] = ()
    """The documented limits of a value, under the names of `checkout_async._core.wire.Parameter`."""
    enforced: tuple[str, ...] = ()
    """The names of those limits that the API enforces."""
    several: Literal["", "repeated", "joined"] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A request body. `alternatives` are its possible types, each with the members it is recognised by."""

    type: TypeRef
    alternatives: tuple[tuple[TypeRef, tuple[str, ...]], ...]
    format: Literal["JSON", "FORM", "MULTIPART"]
    required: bool
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A documented response; `type` is None if it has no body."""

    status: int
    type: TypeRef | None
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pagination:
    """How to get the items of all pages. All names are Python names.

    `limit` is the page size: a parameter (style `skip`) or a member of the request body (style `link`). `items` is the
    member of the response that contains the items, and `key` the member that identifies an item. Style `skip` also has
    `skip`, the parameter with the offset, and `total`, the member of the response with the total number of items. Style
    `link` has `next`, the path to the link in the response.
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
    """The credentials that an operation accepts: any one of the OAuth scopes, a session secret, or a secret key."""

    scopes: tuple[str, ...]
    session_secret: bool
    secret_key: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """An operation of the API. `responses` are the success responses in documented order, `errors` the others.

    `idempotency_header` is the header for the idempotency key. It is not a parameter: the client sets it. The API knows
    a key for `key_lifetime` seconds. `reference` is the member of the body with the merchant's name for the result.
    """

    name: str
    method: str
    path: str
    summary: str
    description: str
    deprecated: bool
    idempotency: str
    idempotency_header: str | None
    key_lifetime: int | None
    reference: str | None
    parameters: tuple[Parameter, ...]
    body: Body | None
    responses: tuple[Response, ...]
    errors: tuple[Response, ...]
    security: Security
    pagination: Pagination | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """The operations of one tag. `name` is the name of the generated modules."""

    name: str
    title: str
    description: str
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberType:
    """One of the types that a member may have.

    `name` is a scalar, a generated class or alias, `list`, `dict`, `Any`, or `Literal` with its only `value`. `items`
    are the possible types of the items of a list or of the values of a map. `limits` have the names of `msgspec.Meta`.
    """

    name: str
    kind: Literal["scalar", "enum", "class", "union", "list", "dict", "any", "literal"]
    items: tuple[MemberType, ...] = ()
    value: str = ""
    limits: tuple[tuple[str, str | int | float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member of an object, with the types that it may have except null."""

    name: str
    python_name: str
    types: tuple[MemberType, ...]
    nullable: bool
    required: bool
    deprecated: bool
    description: str
    former_name: str = ""
    """The name that the API had for it until the last release."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectType:
    """A type that is sent or received as an object. `module` is the name of its generated modules."""

    name: str
    module: str
    direction: Literal["sent", "received"]
    description: str
    deprecated: bool
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnionType:
    """A choice of objects, with a discriminator or without."""

    name: str
    module: str
    description: str
    choices: tuple[str, ...]
