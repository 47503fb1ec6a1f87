"""EMV 3DS browser messages in form fields: base64url JSON, read in both alphabets, padded or not."""

from __future__ import annotations

import base64
import binascii

import msgspec

from checkout_async.sandbox.core.payload import JsonObject, is_object

_LONGEST = 8192


class BadMessage(ValueError):
    """A form or one of its fields is not what it should be; the text says why."""


def read(name: str, value: str | None) -> JsonObject:
    """Decode the form field `name`."""
    if not value or len(value) > _LONGEST:
        raise BadMessage(f"the form field {name} is missing, empty or too long")
    standard = value.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        raw = base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
        message: object = msgspec.json.decode(raw)
    except (binascii.Error, ValueError, RecursionError):
        raise BadMessage(f"the form field {name} is not base64url of JSON") from None
    if not is_object(message):
        raise BadMessage(f"the form field {name} is not base64url of a JSON object")
    return message
