"""Base64url JSON, both ways: strict in what is written, liberal in what is read (RFC 4648 section 5, EMV 3DS 2.2).

Written without padding. Read from either alphabet, padded or not, up to a size; what is wrong is MalformedMessage,
whose text holds nothing of the input.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Final, TypeVar

import msgspec

from checkout_async.errors import MalformedMessage

__all__ = [
    "MESSAGE_LIMIT",
    "decode_base64url",
    "decode_json",
    "decode_message",
    "encode_base64url",
    "encode_json",
    "field_of",
    "parse_json",
]

T = TypeVar("T")

MESSAGE_LIMIT: Final = 16_384
"""Longest encoded message that is read, in characters. The longest one EMV 3DS 2.2 allows, an error message with
2048 characters of description and of detail, takes less than half."""

# A plain base64 `+` that nobody escaped arrives as a blank; line breaks come from old encoders (RFC 2045).
_AS_STANDARD: Final = str.maketrans({"-": "+", "_": "/", " ": "+", "\r": None, "\n": None, "\t": None})

_object: msgspec.json.Decoder[dict[str, object]] = msgspec.json.Decoder(dict[str, object])


def encode_base64url(raw: bytes) -> str:
    """Return bytes as base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def decode_base64url(text: str, what: str = "base64url", *, limit: int = MESSAGE_LIMIT) -> bytes:
    """Return the bytes of base64 or base64url text, padded or not.

    Raises MalformedMessage, which names the text by `what`, for anything else and for more than `limit` characters.
    """
    if len(text) > limit:
        raise MalformedMessage(what, f"is longer than {limit} characters")
    standard = text.strip().translate(_AS_STANDARD)
    try:
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise MalformedMessage(what, "is not base64url") from None


def encode_json(message: msgspec.Struct | Mapping[str, object]) -> str:
    """Return a message as JSON in base64url without padding."""
    return encode_base64url(msgspec.json.encode(message))


def decode_json(text: str, what: str = "message", *, limit: int = MESSAGE_LIMIT) -> dict[str, object]:
    """Return the JSON object in base64url text. Raises MalformedMessage, which names the text by `what`."""
    return parse_json(_object, decode_base64url(text, what, limit=limit), what)


def decode_message(decoder: msgspec.json.Decoder[T], text: str, what: str) -> T:
    """Return the message in base64url text as the decoder's type. Raises MalformedMessage."""
    return parse_json(decoder, decode_base64url(text, what), what)


def field_of(form: Mapping[str, object], name: str) -> str:
    """Return the text of a form field. Raises MalformedMessage where it is missing, empty or a file."""
    value = form.get(name)
    if not isinstance(value, str) or not value.strip():
        raise MalformedMessage(name, "the form has no such field, or it is empty")
    return value


def parse_json(decoder: msgspec.json.Decoder[T], raw: bytes | str, what: str) -> T:
    """Return JSON as the decoder's type. Raises MalformedMessage, which names the text by `what`."""
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        reason = _without_value(str(error))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        reason = "is not JSON"
    # Raised outside the handlers: the cause would carry the offending value into tracebacks.
    raise MalformedMessage(what, reason)


def _without_value(problem: str) -> str:
    """Return msgspec's description of a wrong member; the one of a wrong tag holds its value."""
    return "is not one of the message types expected here" if problem.startswith("Invalid value") else problem
