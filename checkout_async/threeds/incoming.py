"""Messages that reach the merchant's server during the flow: a browser's events and Checkout.com's callback."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Final

import msgspec

from checkout_async._core.codec import DecodeError, decode
from checkout_async.errors import MalformedMessage
from checkout_async.models import sessions
from checkout_async.redaction import clears_frames
from checkout_async.threeds.emv.encoding import MESSAGE_LIMIT, parse_json
from checkout_async.threeds.emv.messages import ChallengeNotification, MethodNotification, require_match

__all__ = ["CALLBACK_LIMIT", "read_browser_event", "read_callback"]

CALLBACK_LIMIT: Final = 65_536
"""Maximum size of a callback, in bytes: many times the usual size."""

_EVENT: Final = "data of the browser event"
_CALLBACK: Final = "callback"

_object: msgspec.json.Decoder[dict[str, object]] = msgspec.json.Decoder(dict[str, object])
_method = msgspec.json.Decoder(MethodNotification)
_challenge = msgspec.json.Decoder(ChallengeNotification)
_CHALLENGE_MEMBER = msgspec.structs.fields(ChallengeNotification)[-1].encode_name


@clears_frames
def read_browser_event(data: str | bytes | Mapping[str, object]) -> MethodNotification | ChallengeNotification:
    """Read the data of a `message` event, as JSON or as an object: the end of the 3DS Method or of the challenge.

    Raises MalformedMessage for anything else, because other scripts post messages to a page too.
    """
    raw = _encode_event(data)
    if len(raw) > MESSAGE_LIMIT:
        raise MalformedMessage(_EVENT, f"is longer than {MESSAGE_LIMIT} characters")
    if _CHALLENGE_MEMBER in parse_json(_object, raw, _EVENT):
        return parse_json(_challenge, raw, _EVENT)
    return parse_json(_method, raw, _EVENT)


def _encode_event(data: str | bytes | Mapping[str, object]) -> bytes:
    """Return the data as JSON."""
    if isinstance(data, bytes):
        return data
    if isinstance(data, str):
        return data.encode("utf-8", "surrogatepass")  # the decoder refuses surrogates
    with suppress(TypeError, ValueError, OverflowError, RecursionError):
        return msgspec.json.encode(dict(data))
    # Raised outside the block: a context would carry what cannot be encoded.
    raise MalformedMessage(_EVENT, "cannot be written as JSON")


@clears_frames
def read_callback(body: bytes, session: sessions.Session | None = None) -> sessions.SessionCompletedCallback:
    """Read the body of a callback. If `session` is given, check in constant time that the callback is about it.

    Unknown members and values are kept; a member of a wrong type becomes None. Raises MalformedMessage for a body that
    is not a callback, or for a callback about another session.
    """
    if len(body) > CALLBACK_LIMIT:
        raise MalformedMessage(_CALLBACK, f"is longer than {CALLBACK_LIMIT} bytes")
    callback = _decode_callback(body)
    if session is not None:
        require_match(callback, session)
    return callback


def _decode_callback(body: bytes) -> sessions.SessionCompletedCallback:
    try:
        return decode(sessions.SessionCompletedCallback, body)[0]
    except DecodeError as error:
        reason = str(error)
    raise MalformedMessage(_CALLBACK, reason)
