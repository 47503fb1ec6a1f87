"""Base64url JSON, encoded and decoded (RFC 4648 section 5, EMV 3DS 2.2).

The encoder is strict and writes no padding. The decoder is liberal: it reads either alphabet, padded or not, up to a
maximum length. Anything else raises MalformedMessage, whose text contains nothing of the input.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from contextlib import suppress
from typing import Final, TypeVar

import msgspec

from checkout_async.errors import MalformedMessage
from checkout_async.redaction import clears_frames

__all__ = [
    "MESSAGE_LIMIT",
    "decode_base64url",
    "decode_json",
    "decode_message",
    "encode_base64url",
    "encode_json",
    "parse_json",
    "require_field",
]

T = TypeVar("T")

MESSAGE_LIMIT: Final = 16_384
"""Maximum length of an encoded message that is read, in characters. The longest message that EMV 3DS 2.2 allows (an
error message with 2048 characters each of description and detail) takes less than half of it."""

# An unescaped base64 `+` arrives as a blank; line breaks come from old encoders (RFC 2045).
_TO_STANDARD: Final = str.maketrans({"-": "+", "_": "/", " ": "+", "\r": None, "\n": None, "\t": None})

_object: msgspec.json.Decoder[dict[str, object]] = msgspec.json.Decoder(dict[str, object])


@clears_frames
def encode_base64url(raw: bytes) -> str:
    """Return bytes as base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


@clears_frames
def decode_base64url(text: str, name: str = "base64url", *, limit: int = MESSAGE_LIMIT) -> bytes:
    """Return the bytes of base64 or base64url text, padded or not.

    Raises MalformedMessage for anything else and for more than `limit` characters; its text calls the input `name`.
    """
    if len(text) > limit:
        raise MalformedMessage(name, f"is longer than {limit} characters")
    standard = text.strip().translate(_TO_STANDARD)
    try:
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise MalformedMessage(name, "is not base64url") from None


@clears_frames
def encode_json(message: msgspec.Struct | Mapping[str, object]) -> str:
    """Return a message as JSON in base64url without padding. Raises MalformedMessage if JSON cannot express it."""
    with suppress(TypeError, ValueError, RecursionError):
        return encode_base64url(msgspec.json.encode(message))
    # Raised outside the block: a context would carry the text that cannot be encoded.
    raise MalformedMessage("message", "cannot be written as JSON")


@clears_frames
def decode_json(text: str, name: str = "message", *, limit: int = MESSAGE_LIMIT) -> dict[str, object]:
    """Return the JSON object in base64url text. Raises MalformedMessage, whose text calls the input `name`."""
    return parse_json(_object, decode_base64url(text, name, limit=limit), name)


@clears_frames
def decode_message(decoder: msgspec.json.Decoder[T], text: str, name: str) -> T:
    """Return the message in base64url text as the decoder's type. Raises MalformedMessage."""
    return parse_json(decoder, decode_base64url(text, name), name)


@clears_frames
def require_field(form: Mapping[str, object], name: str) -> str:
    """Return the text of a form field. Raises MalformedMessage if it is missing, empty or a file."""
    value = form.get(name)
    if not isinstance(value, str) or not value.strip():
        raise MalformedMessage(name, "the form has no such field, or it is empty")
    return value


@clears_frames
def parse_json(decoder: msgspec.json.Decoder[T], raw: bytes | str, name: str) -> T:
    """Return JSON as the decoder's type. Raises MalformedMessage, whose text calls the input `name`."""
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        reason = _describe(str(error))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        reason = "is not JSON"
    # Raised outside the handlers: a cause would show the offending value in tracebacks.
    raise MalformedMessage(name, reason)


def _describe(problem: str) -> str:
    """Return msgspec's description of a wrong member, without the input: for a wrong tag, msgspec quotes its value."""
    return "is not one of the message types expected here" if problem.startswith("Invalid value") else problem
