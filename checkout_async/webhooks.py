"""Webhooks: events that Checkout.com POSTs to you. Check the signature over the raw bytes, then read the event.

`receive` does both in the right order. `verify` and `parse` are its halves; `sign` is for your own tests. The signature
is the HMAC-SHA256 (RFC 2104) of the body with the signing key, in hexadecimal digits, in the header SIGNATURE_HEADER.

A workflow may also send a fixed text in the header `Authorization`; `verify_authorization` checks it. The text says who
sends, but nothing about the body, so it does not replace the signature.

Events are delivered at least once and in any order. Skip an event whose `id` you have seen, and read the payment or
session itself where it matters.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, TypeVar, cast

from checkout_async._core.codec import DecodeError, decode
from checkout_async._generated.facts import SIGNATURE_HEADER
from checkout_async._generated.models import webhooks as generated
from checkout_async._generated.models.webhooks import AuthenticationEventType, PaymentEventType
from checkout_async.errors import ConfigurationError, InvalidSignature, MalformedMessage
from checkout_async.redaction import SecretBytes, clears_frames

__all__ = [
    "AUTHORIZATION_HEADER",
    "SIGNATURE_HEADER",
    "AuthenticationEvent",
    "AuthenticationEventType",
    "OtherEvent",
    "PaymentEvent",
    "PaymentEventType",
    "RequestHeaders",
    "WebhookEvent",
    "parse",
    "receive",
    "sign",
    "verify",
    "verify_authorization",
]

AUTHORIZATION_HEADER: Final = "Authorization"
"""The header that contains the fixed text, if the workflow sets one."""


class _HasItems(Protocol):
    """The headers of `http.server`: no Mapping, and iterating over them yields only the names."""

    def items(self) -> Iterable[tuple[Any, Any]]: ...


RequestHeaders: TypeAlias = (
    Mapping[str, str]
    | Mapping[bytes, bytes]
    | Mapping[str, Any]
    | _HasItems
    | Iterable[tuple[bytes, bytes] | tuple[str, str]]
)
"""The headers of a request: a mapping in any letter case, the `headers` of Python's `http.server`, Django's
`request.META`, or ASGI's list of pairs of bytes."""


class _Timed:
    """The time of an event, under whichever name it came."""

    __slots__ = ()
    if TYPE_CHECKING:  # at run time msgspec would take these for the types of the members
        created_on: datetime | None
        timestamp: datetime | None

    @property
    def time(self) -> datetime | None:
        """When the event arose: `created_on`, or `timestamp` where that came in its place."""
        return self.timestamp if self.created_on is None else self.created_on


class PaymentEvent(_Timed, generated.PaymentEvent, frozen=True, kw_only=True):
    """A payment, a payout or a card verification changed. Read the payment where it matters."""


class AuthenticationEvent(_Timed, generated.AuthenticationEvent, frozen=True, kw_only=True):
    """A 3D Secure authentication changed. Read the session where it matters."""


class OtherEvent(_Timed, generated.OtherEvent, frozen=True, kw_only=True):
    """An event of a type that this version does not know."""


WebhookEvent: TypeAlias = PaymentEvent | AuthenticationEvent | OtherEvent
"""An event; `match` or `isinstance` gives its class. `models.to_json(event)` returns the bytes it was received as."""

_Event = TypeVar("_Event")
_HEX_DIGEST = re.compile(r"[0-9A-Fa-f]{64}")
_CHARSETS: Final = (("utf-8", "surrogateescape"), ("latin-1", "replace"))
_ACCEPTED_HEADERS: Final = "pass request.headers, the `headers` of an ASGI scope, or request.META of Django"


@clears_frames
def receive(body: bytes, headers: RequestHeaders, signing_keys: str | Iterable[str]) -> WebhookEvent:
    """Check the signature of a webhook request, then return its event.

    `body` is the raw body. `headers` are the request's headers: a mapping in any letter case, of text or of bytes,
    Django's `request.META`, or ASGI's list of pairs. `signing_keys` is the signing key, or several during a rotation: a
    signature by any one of them is accepted.

    Raises InvalidSignature (answer 401), MalformedMessage if the body is signed but is not a readable event, and
    ConfigurationError if an argument is of another type or a key is missing or unusable.
    """
    content = _read_body(body)
    _check_signature(content, _single_header(headers, SIGNATURE_HEADER), _encode_keys(signing_keys))
    return _parse(content)


@clears_frames
def verify(body: bytes, signature: str | None, signing_keys: str | Iterable[str]) -> None:
    """Raise InvalidSignature unless `signature` was made over the raw body with one of the keys.

    `signature` is the value of the header, or None if the request has no such header. The letter case of its digits
    does not matter. Every key is tried, each in constant time. Raises ConfigurationError like `receive`.
    """
    _check_signature(_read_body(body), _read_signature(signature), _encode_keys(signing_keys))


@clears_frames
def verify_authorization(headers: RequestHeaders | str | None, expected: str | Iterable[str]) -> None:
    """Raise InvalidSignature unless the request has the text that the workflow sends in `Authorization`.

    `headers` are the request's headers, as in `receive`, or the value of the header, or None if there is none.
    `expected` is the text that is set in the workflow, or several during a change of it. The whole texts are compared,
    each in constant time. Raises ConfigurationError like `receive`.
    """
    keys = _encode_keys(expected, "the Authorization text")
    value = headers if isinstance(headers, str) else _single_header(headers or (), AUTHORIZATION_HEADER)
    if not value:
        raise InvalidSignature(f"the request has no header {AUTHORIZATION_HEADER}; is one set for this webhook?")
    # Servers read a header as UTF-8 or as Latin-1. The sum tries every pair, as in `verify`.
    received = [value.encode(charset, errors) for charset, errors in _CHARSETS]
    if not sum(hmac.compare_digest(key, each) for key in keys for each in received):
        raise InvalidSignature(f"{AUTHORIZATION_HEADER} is not the text that is set for this webhook")


@clears_frames
def parse(body: bytes) -> WebhookEvent:
    """Return the event in a body whose signature you have checked.

    An event of a type that the specification does not list becomes an OtherEvent. A member of an unexpected type reads
    as None. Raises MalformedMessage if the body is not a JSON object with an `id` and a `type`.
    """
    return _parse(_read_body(body))


@clears_frames
def sign(body: bytes, signing_key: str) -> str:
    """Return the signature of a body as Checkout.com would send it: 64 lower-case hexadecimal digits."""
    return _digest(_read_body(body), *_encode_keys(signing_key))


def _parse(body: bytes) -> WebhookEvent:
    event = _decode_event(OtherEvent, body)
    if PaymentEventType(event.type).is_known:
        return _decode_event(PaymentEvent, body)
    if AuthenticationEventType(event.type).is_known:
        return _decode_event(AuthenticationEvent, body)
    return event


def _decode_event(type_: type[_Event], body: bytes) -> _Event:
    try:
        return decode(type_, body)[0]
    except DecodeError as problem:
        reason = str(problem)
    # Raised outside the handler: a cause would carry values of the event into tracebacks.
    raise MalformedMessage("webhook", reason)


def _check_signature(body: bytes, signature: str | None, keys: list[bytes]) -> None:
    if not signature:
        raise InvalidSignature(f"the request has no header {SIGNATURE_HEADER}; is a signing key set for this webhook?")
    if not _HEX_DIGEST.fullmatch(signature):
        raise InvalidSignature(f"{SIGNATURE_HEADER} is not the 64 hexadecimal digits of an HMAC-SHA256")
    received = signature.lower()
    # The sum tries every key, so that the time taken does not reveal which one matched.
    if not sum(hmac.compare_digest(_digest(body, key), received) for key in keys):
        raise InvalidSignature(
            f"{SIGNATURE_HEADER} does not match the body: wrong signing key, or the body is not the raw bytes received"
        )


def _digest(body: bytes, key: bytes) -> str:
    return hmac.new(key, body, hashlib.sha256).hexdigest()


def _wrong_type(what: str, value: object, allowed: str) -> ConfigurationError:
    return ConfigurationError(f"{what} must be {allowed}, not {type(value).__name__}")


def _read_body(body: object) -> SecretBytes:
    if isinstance(body, bytes):
        return SecretBytes(body)  # an event keeps the bytes it came as
    raise _wrong_type("the body of a webhook", body, "bytes")


def _read_signature(signature: object) -> str | None:
    if signature is None or isinstance(signature, str):
        return signature
    raise _wrong_type("the signature of a webhook", signature, "str")


def _single_header(headers: RequestHeaders, name: str) -> str | None:
    """Return the value of a header, or None. Several are an error."""
    values = [value for key, value in _header_items(headers) if _is_header(key, name)]
    if len(values) > 1:
        raise InvalidSignature(f"the request has {len(values)} headers {name}; there must be one")
    if not values:
        return None
    value = values[0]
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, str):
        return value
    raise ConfigurationError(
        f"the header {name} must be text or bytes, not {type(value).__name__}; {_ACCEPTED_HEADERS}"
    )


def _header_items(headers: RequestHeaders) -> list[tuple[object, object]]:
    given = cast("object", headers)  # not every caller uses a type checker
    if not isinstance(given, type) and callable(items := getattr(given, "items", None)):
        given = items()
    pairs: list[object] = [given]
    if isinstance(given, Iterable) and not isinstance(given, str | bytes):
        pairs = list(cast("Iterable[object]", given))
    if not all(isinstance(pair, tuple | list) and len(cast("list[object]", pair)) == 2 for pair in pairs):
        raise ConfigurationError(f"the headers must be a mapping or a list of pairs; {_ACCEPTED_HEADERS}")
    return cast("list[tuple[object, object]]", pairs)


def _is_header(key: object, name: str) -> bool:
    text = key.decode("latin-1") if isinstance(key, bytes) else key
    if not isinstance(text, str):
        return False
    return text.lower() == name.lower() or text == f"HTTP_{name.upper().replace('-', '_')}"  # PEP 3333


def _encode_keys(keys: object, what: str = "the signing key") -> list[bytes]:
    if isinstance(keys, str):
        keys = [keys]
    if not isinstance(keys, Iterable):
        raise _wrong_type(what, keys, "str or Iterable")
    encoded = [_encode_key(key, what) for key in cast("Iterable[object]", keys)]
    if not encoded:
        raise ConfigurationError(f"{what} is missing: pass the one that is set for the webhook")
    return encoded


def _encode_key(key: object, what: str) -> bytes:
    if not isinstance(key, str):
        raise _wrong_type(what, key, "str")
    try:
        encoded = key.encode()
    except UnicodeEncodeError:
        encoded = b""
    if not encoded.strip():
        raise ConfigurationError(f"{what} is empty or not valid text: pass the one that is set for the webhook")
    if key != key.strip():
        raise ConfigurationError(f"{what} begins or ends with a blank or line break: pass it without")
    return encoded
