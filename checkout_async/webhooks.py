"""Webhooks: events that Checkout.com POSTs to you. Check the signature over the raw bytes, then read the event.

`receive` does both in the right order. `verify` and `parse` are its halves; `sign` is for your own tests. The signature
is the HMAC-SHA256 (RFC 2104) of the body with the signing key, in hexadecimal digits, in the header `Cko-Signature`.

Events are delivered at least once and in any order. Skip an event whose `id` you have seen, and read the payment or
session itself where it matters.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias, TypeVar

from checkout_async._core.codec import DecodeError, decode
from checkout_async._generated.models.webhooks import (
    AuthenticationEvent,
    AuthenticationEventType,
    OtherEvent,
    PaymentEvent,
    PaymentEventType,
)
from checkout_async.config import require_type
from checkout_async.errors import ConfigurationError, InvalidSignature, MalformedMessage

__all__ = [
    "SIGNATURE_HEADER",
    "AuthenticationEvent",
    "AuthenticationEventType",
    "OtherEvent",
    "PaymentEvent",
    "PaymentEventType",
    "WebhookEvent",
    "parse",
    "receive",
    "sign",
    "verify",
]

SIGNATURE_HEADER: Final = "Cko-Signature"
"""The header that contains the signature."""

WebhookEvent: TypeAlias = PaymentEvent | AuthenticationEvent | OtherEvent
"""An event; `match` or `isinstance` gives its class. `models.to_json(event)` returns the bytes it was received as."""

_Event = TypeVar("_Event")
_HEX_DIGEST = re.compile(r"[0-9A-Fa-f]{64}")


def receive(body: bytes, headers: Mapping[str, str], signing_keys: str | Iterable[str]) -> WebhookEvent:
    """Check the signature of a webhook request, then return its event.

    `body` is the raw body. `headers` are the request's headers, in any letter case. `signing_keys` is the signing key,
    or several during a rotation: a signature by any one of them is accepted.

    Raises InvalidSignature (answer 401), MalformedMessage if the body is signed but is not a readable event, and
    ConfigurationError if the body is not bytes or a key is missing or unusable.
    """
    found = [value for name, value in headers.items() if name.lower() == SIGNATURE_HEADER.lower()]
    if len(found) > 1:
        raise InvalidSignature(f"the request has {len(found)} headers {SIGNATURE_HEADER}; there must be one")
    verify(body, found[0] if found else None, signing_keys)
    return parse(body)


def verify(body: bytes, signature: str | None, signing_keys: str | Iterable[str]) -> None:
    """Raise InvalidSignature unless `signature` was made over the raw body with one of the keys.

    `signature` is the value of the header, or None if the request has no such header. The letter case of its digits
    does not matter. Every key is tried, each in constant time. Raises ConfigurationError like `receive`.
    """
    require_type("the body of a webhook", body, bytes)
    keys = _encode_keys(signing_keys)
    if signature is not None:
        require_type("the signature of a webhook", signature, str)
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


def parse(body: bytes) -> WebhookEvent:
    """Return the event in a body whose signature you have checked.

    An event of a type that the specification does not list becomes an OtherEvent. A member of an unexpected type reads
    as None. Raises MalformedMessage if the body is not a JSON object with an `id` and a `type`.
    """
    require_type("the body of a webhook", body, bytes)
    event = _decode_event(OtherEvent, body)
    if PaymentEventType(event.type).is_known:
        return _decode_event(PaymentEvent, body)
    if AuthenticationEventType(event.type).is_known:
        return _decode_event(AuthenticationEvent, body)
    return event


def sign(body: bytes, signing_key: str) -> str:
    """Return the signature of a body as Checkout.com would send it: 64 lower-case hexadecimal digits."""
    require_type("the body of a webhook", body, bytes)
    return _digest(body, *_encode_keys(signing_key))


def _decode_event(type_: type[_Event], body: bytes) -> _Event:
    try:
        return decode(type_, body)[0]
    except DecodeError as problem:
        reason = str(problem)
    # Raised outside the handler: a cause would carry values of the event into tracebacks.
    raise MalformedMessage("webhook", reason)


def _digest(body: bytes, key: bytes) -> str:
    return hmac.new(key, body, hashlib.sha256).hexdigest()


def _encode_keys(signing_keys: str | Iterable[str]) -> list[bytes]:
    require_type("the signing key or keys", signing_keys, str, Iterable)
    several = [signing_keys] if isinstance(signing_keys, str) else signing_keys
    keys = [_encode_key(signing_key) for signing_key in several]
    if not keys:
        raise ConfigurationError("there is no signing key: pass the one that is set for the webhook")
    return keys


def _encode_key(signing_key: str) -> bytes:
    require_type("a signing key", signing_key, str)
    try:
        key = signing_key.encode()
    except UnicodeEncodeError:  # contains the key, so it must not become a cause
        key = b""
    if not key.strip():
        raise ConfigurationError("a signing key is empty or not valid text: pass the one that is set for the webhook")
    return key
