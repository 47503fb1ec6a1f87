"""Webhooks: events that Checkout.com POSTs to you. Check the signature over the raw bytes, then read the event.

`receive` does both in the right order; `verify` and `parse` are its halves, `sign` is for your own tests. The signature
is the HMAC-SHA256 (RFC 2104) of the body with the signing key, in hexadecimal digits, in the header `Cko-Signature`.

Events come at least once and in any order: skip those whose `id` you have seen, and read the payment or session itself
where it matters.
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
"""Name of the header with the signature."""

WebhookEvent: TypeAlias = PaymentEvent | AuthenticationEvent | OtherEvent
"""An event, told apart by `match` or `isinstance`. `models.to_json(event)` gives the bytes it came as."""

_Event = TypeVar("_Event")
_DIGEST = re.compile(r"[0-9A-Fa-f]{64}")


def receive(body: bytes, headers: Mapping[str, str], secrets: str | Iterable[str]) -> WebhookEvent:
    """Check the signature of a request, then read its event.

    `body` is the raw body, `headers` the request's headers, in any letter case; `secrets` the signing key, or several
    while you change it: one that fits is enough. Raises InvalidSignature (answer 401), MalformedMessage (signed, but no
    event that can be read), ConfigurationError for a body that is not bytes and for a missing or unusable key.
    """
    found = [value for name, value in headers.items() if name.lower() == SIGNATURE_HEADER.lower()]
    if len(found) > 1:
        raise InvalidSignature(f"the request has {len(found)} headers {SIGNATURE_HEADER}; there must be one")
    verify(body, found[0] if found else None, secrets)
    return parse(body)


def verify(body: bytes, signature: str | None, secrets: str | Iterable[str]) -> None:
    """Raise InvalidSignature unless `signature` is that of the raw body, made with any one of the keys.

    `signature` is the value of the header, None where there is none. All keys are tried, each in constant time; the
    letter case of the digits does not matter. Raises ConfigurationError like `receive`.
    """
    require_type("the body of a webhook", body, bytes)
    keys = _keys(secrets)
    if signature is not None:
        require_type("the signature of a webhook", signature, str)
    if not signature:
        raise InvalidSignature(f"the request has no header {SIGNATURE_HEADER}; is a signing key set for this webhook?")
    if not _DIGEST.fullmatch(signature):
        raise InvalidSignature(f"{SIGNATURE_HEADER} is not the 64 hexadecimal digits of an HMAC-SHA256")
    given = signature.lower()
    # The sum tries every key, so that the time taken does not tell which one fits.
    if not sum(hmac.compare_digest(_digest(body, key), given) for key in keys):
        raise InvalidSignature(
            f"{SIGNATURE_HEADER} does not fit the body: another key signed it, or these are not the raw bytes received"
        )


def parse(body: bytes) -> WebhookEvent:
    """Read an event whose signature was checked before.

    An event of a type that the specification does not list is an OtherEvent. Members of an unexpected type read as
    None. Raises MalformedMessage for what is no JSON object with an `id` and a `type`.
    """
    require_type("the body of a webhook", body, bytes)
    event = _read(OtherEvent, body)
    if PaymentEventType(event.type).is_known:
        return _read(PaymentEvent, body)
    if AuthenticationEventType(event.type).is_known:
        return _read(AuthenticationEvent, body)
    return event


def sign(body: bytes, secret: str) -> str:
    """Return the signature of a body, as Checkout.com would send it: 64 lower-case hexadecimal digits."""
    require_type("the body of a webhook", body, bytes)
    return _digest(body, *_keys(secret))


def _read(type_: type[_Event], body: bytes) -> _Event:
    try:
        return decode(type_, body)[0]
    except DecodeError as problem:
        reason = str(problem)
    # Raised outside the handler: the cause would carry values of the event into tracebacks.
    raise MalformedMessage("webhook", reason)


def _digest(body: bytes, key: bytes) -> str:
    return hmac.new(key, body, hashlib.sha256).hexdigest()


def _keys(secrets: str | Iterable[str]) -> list[bytes]:
    require_type("the signing key or keys", secrets, str, Iterable)
    keys = [_key(secret) for secret in ([secrets] if isinstance(secrets, str) else secrets)]
    if not keys:
        raise ConfigurationError("there is no signing key: give the one that is set for the webhook")
    return keys


def _key(secret: str) -> bytes:
    require_type("a signing key", secret, str)
    try:
        key = secret.encode()
    except UnicodeEncodeError:  # it holds the key, so it must not become a cause
        key = b""
    if not key.strip():
        raise ConfigurationError("a signing key is empty or no text: give the one that is set for the webhook")
    return key
