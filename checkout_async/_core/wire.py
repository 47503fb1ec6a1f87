"""The values that travel through a call: an operation's description, one call of it, and the HTTP messages.

The generated modules build `Operation` constants and `ApiRequest` values; the pipeline sends them. The two seams of the
package are protocols here: an operation function needs a `Sender`, and a `Transport` touches the network.
"""

from __future__ import annotations

import math
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar, cast, runtime_checkable
from urllib.parse import quote

from msgspec import Struct
from msgspec.structs import force_setattr, replace

from checkout_async._core.model import RequestModel
from checkout_async._generated.facts import REQUEST_ID_HEADER
from checkout_async.config import RetryPolicy, Timeouts, Validation
from checkout_async.errors import InvalidRequest
from checkout_async.redaction import Headers, SecretBytes, SecretMembers, SecretStruct, as_secret

__all__ = [
    "Alternative",
    "ApiRequest",
    "ApiResponse",
    "BodyFormat",
    "CallOptions",
    "HttpRequest",
    "HttpResponse",
    "Idempotency",
    "ListParameter",
    "Operation",
    "Parameter",
    "Sender",
    "Transport",
    "do_nothing",
    "list_parameter",
    "optional_parameter",
    "quote_part",
    "quote_segment",
]

T = TypeVar("T")

_REQUEST_ID = REQUEST_ID_HEADER.lower()

# RFC 3986 section 2.3: characters that need no quoting.
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]*")


class Idempotency(Enum):
    """What repeating a request would do (`x-idempotency` in the specification). The retry rules depend on it."""

    SAFE = "safe"
    """The request only reads."""
    NATURAL = "natural"
    """Sending the request twice has the same effect as sending it once."""
    KEY = "key"
    """The API recognises a repetition by its idempotency key."""
    NONE = "none"
    """A repetition would have a second effect."""


class BodyFormat(Enum):
    """The media type of a request body."""

    JSON = "application/json"
    FORM = "application/x-www-form-urlencoded"
    MULTIPART = "multipart/form-data"


@dataclass(frozen=True, slots=True)
class Alternative:
    """One of several types that a request body may have. A mapping is of the first type whose `members` it contains."""

    type: type[RequestModel]
    members: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Operation(Generic[T]):
    """The static description of an operation, generated from the specification.

    `path` is a template with API names in `{braces}`. `request` is the type that a body is checked against (None: no
    body). If a body may have several types, `alternatives` lists them instead, with the API names of the members that
    distinguish them. `responses` maps each documented success status to the type of its body (None: empty). Any one of
    the OAuth `scopes` is enough; `session_secret` says whether a session's own secret is accepted instead.
    `idempotency_header` is the name of the header for the idempotency key, or None if the operation honours no key. The
    API knows a key for `key_lifetime` seconds. `reference` is the member of the body with the merchant's name for the
    result, by which it can be looked up.
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
    key_lifetime: int = 0
    reference: str | None = None


class Parameter(Struct, frozen=True, kw_only=True):
    """A path, query or header parameter of one call: its API name, its value, and the limits of the value."""

    name: str
    value: str
    argument: str = ""
    """The name of the Python argument, if it is another one."""
    pattern: str | None = None
    min_length: int | None = None
    max_length: int | None = None
    minimum: float | None = None
    maximum: float | None = None
    enforced: tuple[str, ...] = ()
    """The limits, by the names above, that the API enforces; the others are checked at the level `strict` only."""

    @property
    def label(self) -> str:
        """The name that the caller knows."""
        return self.argument or self.name


class ListParameter(Parameter, frozen=True, kw_only=True):
    """A query parameter with a list of values. The limits are those of each value.

    The name is repeated for each value (`a=1&a=2`), or the values are `joined` by commas (`a=1,2`; a comma in a value
    is quoted). That is how RFC 6570 expands `{?a*}` and `{?a}`.
    """

    value: str = ""
    values: object = ()
    joined: bool = False
    min_items: int | None = None
    max_items: int | None = None

    def texts(self) -> tuple[str, ...] | None:
        """Return the values as texts, or None if it is no list of texts, numbers, booleans, dates and times."""
        if (values := _listed(self.values)) is None:
            return None
        found = tuple(map(_text_of, values))
        return None if None in found else cast("tuple[str, ...]", found)


def _listed(values: object) -> tuple[object, ...] | None:
    """Return the items of a list of any kind, or None if it is none. A text and a mapping are iterable, too."""
    if isinstance(values, Iterable) and not isinstance(values, str | bytes | Mapping):
        return tuple(cast("Iterable[object]", values))
    return None


def _text_of(value: object) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        return str.__str__(value)
    return str(value) if isinstance(value, int | float) else None


class CallOptions(SecretStruct, frozen=True, kw_only=True):
    """The options of a single call. None keeps the client's setting. Values that may be secret become Secret.

    `before_send` is awaited before each attempt, when the call has its slot, its credential and its rate permit. The
    deadline does not count the time that it takes. `on_unsent` is called before a call waits for its next attempt, if
    no attempt may have been carried out. If one of them raises, the call ends with that exception, and nothing more is
    sent.
    """

    __hidden__: ClassVar[tuple[str, ...]] = ("headers", "session_secret", "idempotency_key", "extra_body")

    timeout: Timeouts | float | None = None
    retry: RetryPolicy | int | None = None
    headers: Mapping[str, str] | None = None
    session_secret: str | None = None
    idempotency_key: str | None = None
    validate: Validation | None = None
    extra_body: Mapping[str, object] | None = None
    before_send: Callable[[], Awaitable[None]] | None = None
    on_unsent: Callable[[], None] | None = None

    def __post_init__(self) -> None:
        if self.session_secret is not None:
            force_setattr(self, "session_secret", as_secret(self.session_secret))
        if self.idempotency_key is not None:
            force_setattr(self, "idempotency_key", as_secret(self.idempotency_key))
        given: tuple[object, object] = self.headers, self.extra_body
        if given == (None, None):
            return
        if isinstance(self.headers, Mapping):
            headers = Headers((name, as_secret(value)) for name, value in self.headers.items())
            force_setattr(self, "headers", headers)
        if isinstance(self.extra_body, Mapping):
            force_setattr(self, "extra_body", SecretMembers(self.extra_body))


class ApiRequest(SecretStruct, Generic[T], frozen=True, kw_only=True):
    """One call of an operation before it is sent. The generated `build_…` functions return it.

    `link` is the URL of a further page, as a reply gave it. It replaces the operation's target and is read with GET.
    """

    __hidden__: ClassVar[tuple[str, ...]] = ("body",)

    operation: Operation[T]
    path: tuple[Parameter, ...] = ()
    query: tuple[Parameter, ...] = ()
    headers: tuple[Parameter, ...] = ()
    body: object = None
    link: str | None = None
    options: CallOptions = CallOptions()

    def __post_init__(self) -> None:
        # Some tools show what the expressions of a failing line refer to, `request.body` too.
        body: Any = self.body
        if not isinstance(body, RequestModel) and isinstance(body, Mapping) and not isinstance(body, SecretMembers):
            force_setattr(self, "body", SecretMembers(cast("Mapping[str, object]", body)))

    def with_offset(self, name: str, position: int) -> Self:
        """Return the same call with the query parameter `name` set to `position`."""
        query = (replace(each, value=str(position)) if each.name == name else each for each in self.query)
        return replace(self, query=tuple(query))


class HttpRequest(SecretStruct, frozen=True, kw_only=True):
    """An HTTP request as a transport gets it. Its `repr` shows no secret, nor do those of its headers and body."""

    __hidden__: ClassVar[tuple[str, ...]] = ("idempotency_key",)

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None = None
    idempotency_key: str | None = None
    """The key among the headers: two requests with the same one may get the same reply."""
    is_idempotent: bool = True
    """Whether sending the request twice does no more than sending it once."""

    def __post_init__(self) -> None:
        _wrap_secrets(self)

    def with_authorization(self, authorization: str) -> HttpRequest:
        """Return the same request with a credential."""
        headers = Headers(self.headers, Authorization=authorization)
        return HttpRequest(
            method=self.method,
            url=self.url,
            headers=headers,
            body=self.body,
            idempotency_key=self.idempotency_key,
            is_idempotent=self.is_idempotent,
        )


def do_nothing() -> None:
    """Stand in for the connection of a reply that came on none."""


class HttpResponse(SecretStruct, frozen=True, kw_only=True):
    """An HTTP response, read to its end, or `truncated` at `Limits.response_size` bytes.

    Header names are in lower case. Like that of a request, its `repr` shows no secret.
    """

    __hidden__: ClassVar[tuple[str, ...]] = ("discard",)

    status: int
    headers: Mapping[str, str]
    body: bytes
    truncated: bool = False
    is_first: bool = True
    """Whether no other reply came before it on its connection."""
    discard: Callable[[], None] = do_nothing
    """Close the connection that the response came on: a reply that is not ours may have shifted all that follow."""

    def __post_init__(self) -> None:
        _wrap_secrets(self)

    @property
    def request_id(self) -> str | None:
        """The request id in the headers of the reply, which Checkout.com's support asks for; None if there is none."""
        return self.headers.get(_REQUEST_ID)


def _wrap_secrets(message: HttpRequest | HttpResponse) -> None:
    """Wrap headers and body so that they never print a secret, wherever they go from here."""
    if not isinstance(message.headers, Headers):
        force_setattr(message, "headers", Headers(message.headers))
    if not isinstance(message.body, SecretBytes) and message.body is not None:
        force_setattr(message, "body", SecretBytes(message.body))


class ApiResponse(SecretStruct, Generic[T], frozen=True, kw_only=True):
    """The decoded value of a reply, with its status, headers and body. `bytes(body)` gives the bytes received.

    `ignored` lists the JSON paths of the members whose type does not match the specification. They read as None in
    `value` and are still in `body`.
    """

    __hidden__: ClassVar[tuple[str, ...]] = ("headers", "body")

    value: T
    status: int
    headers: Mapping[str, str]
    request_id: str | None
    body: bytes
    ignored: tuple[str, ...] = ()
    attempts: int = 1


class Sender(Protocol):
    """Anything that can carry out a call: a client, or a four-line fake in a test."""

    async def send(self, request: ApiRequest[T], /) -> ApiResponse[T]:
        """Send the request and return the decoded reply."""
        ...


@runtime_checkable
class Transport(Protocol):
    """Anything that can exchange one HTTP request for one response. It knows no retries, credentials or limits.

    `send` raises ConnectFailed if nothing was sent and OutcomeUnknown if the request may have arrived.
    """

    async def send(self, request: HttpRequest, timeouts: Timeouts, /) -> HttpResponse:
        """Exchange one request for one response within `timeouts.attempt` seconds."""
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...


def quote_segment(operation: str, name: str, value: str) -> str:
    """Quote a value as exactly one path segment (RFC 3986 section 3.3).

    Raises InvalidRequest for an empty or dot segment.
    """
    if value in {"", ".", ".."}:
        reason = "is empty or a dot segment, not an identifier"
        raise InvalidRequest(f"{operation}: {name} {reason}", operation=operation, path=name, reason=reason)
    return quote_part(operation, name, value)


def quote_part(operation: str, name: str, value: str) -> str:
    """Quote a value for a path or query. Raises InvalidRequest, without the value, if it cannot be encoded."""
    if _UNRESERVED.fullmatch(value):
        return value
    try:
        return quote(value, safe="")
    except UnicodeEncodeError:
        reason = "contains a lone surrogate and cannot be encoded as UTF-8"
    raise InvalidRequest(f"{operation}: {name} {reason}", operation=operation, path=name, reason=reason)


def list_parameter(
    name: str,
    values: Iterable[object] | None,
    *,
    required: bool = False,
    **described: Any,
) -> tuple[Parameter, ...]:
    """Return a 1-tuple of the parameter with its values, or () if there are none and it is not `required`."""
    listed = _listed(values)
    if (values is None or listed == ()) and not required:
        return ()
    return (ListParameter(name=name, values=values if listed is None else listed, **described),)


def optional_parameter(
    name: str,
    value: str | float | bool | None,
    *,
    argument: str = "",
    pattern: str | None = None,
    min_length: int | None = None,
    max_length: int | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
    enforced: tuple[str, ...] = (),
) -> tuple[Parameter, ...]:
    """Return a 1-tuple of the parameter with its value as text, or () if the value is None."""
    if value is None:
        return ()
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if isinstance(value, float) and not math.isfinite(value):
        text = cast("str", value)  # `prepare` refuses it, and knows the name of the operation
    return (
        Parameter(
            name=name,
            value=text,
            argument=argument,
            pattern=pattern,
            min_length=min_length,
            max_length=max_length,
            minimum=minimum,
            maximum=maximum,
            enforced=enforced,
        ),
    )
