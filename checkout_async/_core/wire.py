"""What travels: the static description of an operation, one call of it, and the HTTP messages both ways.

The generated modules build `Operation` constants and `ApiRequest` values from these; the pipeline sends them. The two
seams of the package are here as protocols: `Sender` (what an operation function needs) and `Transport` (what touches
the network).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Generic, Protocol, Self, TypeVar, runtime_checkable
from urllib.parse import quote

from checkout_async._core.model import RequestModel
from checkout_async.config import RetryPolicy, Timeouts
from checkout_async.errors import InvalidRequest
from checkout_async.redaction import Headers, SecretBytes, as_secret

__all__ = [
    "Alternative",
    "ApiRequest",
    "ApiResponse",
    "BodyFormat",
    "CallOptions",
    "HttpRequest",
    "HttpResponse",
    "Idempotency",
    "Operation",
    "Parameter",
    "Sender",
    "Transport",
    "given",
    "quote_part",
    "quote_segment",
]

T = TypeVar("T")

# RFC 3986 section 2.3: characters that need no quoting.
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]*")


class Idempotency(Enum):
    """What repeating a request would do; `x-idempotency` in the specification. The retry rules hang on it."""

    SAFE = "safe"
    """It only reads."""
    NATURAL = "natural"
    """Doing it twice leaves what doing it once leaves."""
    KEY = "key"
    """The API recognises a repetition by an idempotency key."""
    NONE = "none"
    """A repetition would be a second effect."""


class BodyFormat(Enum):
    """How a request body is written."""

    JSON = "application/json"
    FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Alternative:
    """One of several types that a request body may have: an object is of the first that has all these `members`."""

    type: type[RequestModel]
    members: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Operation(Generic[T]):
    """The static description of an operation, generated from the specification.

    `path` is a template whose `{names}` are API names; `request` the type a body is checked against (None: no body),
    in place of which `alternatives` lists several (API names of the members that tell them apart);
    `responses` maps each documented success status to the type of its body (None: empty). `scopes` lists the OAuth
    scopes any one of which is enough; `session_secret` says whether a session's own secret is accepted instead.
    `idempotency_header` names the header of the key where the operation honours one.
    """

    name: str
    method: str
    path: str
    idempotency: Idempotency
    responses: Mapping[int, type[T] | None]
    request: Any = None
    alternatives: tuple[Alternative, ...] = ()
    body_format: BodyFormat = BodyFormat.JSON
    scopes: tuple[str, ...] = ()
    session_secret: bool = False
    body_required: bool = True
    idempotency_header: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A path, query or header parameter of one call: its API name, its value and the limits it must keep."""

    name: str
    value: str
    pattern: str | None = None
    min_length: int | None = None
    max_length: int | None = None
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOptions:
    """What a caller may set for a single call; None leaves the client's setting. What may be secret is made Secret."""

    timeout: Timeouts | float | None = None
    retry: RetryPolicy | None = None
    headers: Mapping[str, str] | None = field(default=None, repr=False)
    session_secret: str | None = field(default=None, repr=False)
    idempotency_key: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "session_secret", as_secret(self.session_secret))
        object.__setattr__(self, "idempotency_key", as_secret(self.idempotency_key))
        if isinstance(self.headers, Mapping):
            headers = Headers((name, as_secret(value)) for name, value in self.headers.items())
            object.__setattr__(self, "headers", headers)


@dataclass(frozen=True, kw_only=True)
class ApiRequest(Generic[T]):
    """One call of an operation, not yet sent: what the generated `build_…` functions return.

    `link` is the URL of a further page as a reply named it; it is read (GET) in place of the operation's own target.
    """

    operation: Operation[T]
    path: tuple[Parameter, ...] = ()
    query: tuple[Parameter, ...] = ()
    headers: tuple[Parameter, ...] = ()
    body: object = field(default=None, repr=False)
    link: str | None = None
    options: CallOptions = CallOptions()

    def at(self, name: str, position: int) -> Self:
        """Return the same call with the query parameter `name` set to another position."""
        query = (replace(each, value=str(position)) if each.name == name else each for each in self.query)
        return replace(self, query=tuple(query))


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """An HTTP request as it goes to a transport. Neither `repr` nor that of headers or body shows what is secret."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None = None

    def __post_init__(self) -> None:
        _wrap_secrets(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpResponse:
    """An HTTP response, read to its end; `cut` if that was further than `Limits.response_size`.

    Header names are lower case. `repr` is as careful as that of a request.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    truncated: bool = False

    def __post_init__(self) -> None:
        _wrap_secrets(self)

    @property
    def request_id(self) -> str | None:
        """What Checkout.com's support asks for, if the reply has it."""
        return self.headers.get("cko-request-id")


def _wrap_secrets(message: HttpRequest | HttpResponse) -> None:
    """Make headers and body print as what may be seen, wherever they go from here."""
    if not isinstance(message.headers, Headers):
        object.__setattr__(message, "headers", Headers(message.headers))
    if message.body is not None and not isinstance(message.body, SecretBytes):
        object.__setattr__(message, "body", SecretBytes(message.body))


@dataclass(frozen=True, kw_only=True)
class ApiResponse(Generic[T]):
    """The decoded value of a reply together with everything the reply came with. `bytes(body)` is what was received.

    `ignored` lists the JSON paths of members whose type was not what the specification says; they read as None in
    `value` and are still in `body`.
    """

    value: T
    status: int
    headers: Mapping[str, str] = field(repr=False)
    request_id: str | None
    body: bytes = field(repr=False)
    ignored: tuple[str, ...] = ()
    attempts: int = 1


class Sender(Protocol):
    """Whatever can carry out a call: a client, or a four-line fake in a test."""

    async def send(self, request: ApiRequest[T], /) -> ApiResponse[T]:
        """Send the request and return the decoded reply."""
        ...


@runtime_checkable
class Transport(Protocol):
    """Whatever can exchange one HTTP message. It knows no policy: no retry, no credentials, no limits.

    `send` raises ConnectFailed when nothing was sent and OutcomeUnknown when the request may have arrived.
    """

    async def send(self, request: HttpRequest, timeouts: Timeouts, /) -> HttpResponse:
        """Exchange one request for one response within `timeouts.attempt` seconds."""
        ...

    async def aclose(self) -> None:
        """Release connections."""
        ...


def quote_segment(operation: str, name: str, value: str) -> str:
    """Quote a value as exactly one path segment (RFC 3986 section 3.3); an empty or dot segment is refused."""
    if value in {"", ".", ".."}:
        reason = "is empty or a dot segment, not an identifier"
        raise InvalidRequest(f"{operation}: {name} {reason}", operation=operation, path=name, reason=reason)
    return quote_part(operation, name, value)


def quote_part(operation: str, name: str, value: str) -> str:
    """Quote a value for a path or query; a text that cannot be encoded is refused without being shown."""
    if _UNRESERVED.fullmatch(value):
        return value
    try:
        return quote(value, safe="")
    except UnicodeEncodeError:
        reason = "holds half a character (a lone surrogate)"
    raise InvalidRequest(f"{operation}: {name} {reason}", operation=operation, path=name, reason=reason)


def given(
    name: str,
    value: str | float | bool | None,
    *,
    pattern: str | None = None,
    min_length: int | None = None,
    max_length: int | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
) -> tuple[Parameter, ...]:
    """Return a parameter with its value as text in a tuple of one, or an empty one where the caller left it out."""
    if value is None:
        return ()
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return (
        Parameter(
            name=name,
            value=text,
            pattern=pattern,
            min_length=min_length,
            max_length=max_length,
            minimum=minimum,
            maximum=maximum,
        ),
    )
