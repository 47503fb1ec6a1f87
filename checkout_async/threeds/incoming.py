"""Messages that reach the merchant's server during the flow: a browser's events and Checkout.com's callback."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from checkout_async._core.codec import DecodeError, decode
from checkout_async.errors import MalformedMessage
from checkout_async.models import sessions
from checkout_async.threeds.emv.encoding import MESSAGE_LIMIT, parse_json
from checkout_async.threeds.emv.messages import ChallengeNotification, MethodNotification, require_match

__all__ = ["CALLBACK_LIMIT", "read_browser_event", "read_callback"]

CALLBACK_LIMIT: Final = 65_536
"""Longest callback that is read, in bytes: many times what one takes."""

_EVENT: Final = "data of the browser event"
_CALLBACK: Final = "callback"

_either: msgspec.json.Decoder[dict[str, object]] = msgspec.json.Decoder(dict[str, object])
_method = msgspec.json.Decoder(MethodNotification)
_challenge = msgspec.json.Decoder(ChallengeNotification)
_CHALLENGE_MEMBER = msgspec.structs.fields(ChallengeNotification)[-1].encode_name


def read_browser_event(data: str | bytes | Mapping[str, object]) -> MethodNotification | ChallengeNotification:
    """Read the data of an event, as JSON or as the object it is: end of the 3DS Method, or of the challenge.

    Raises MalformedMessage for anything else: other scripts post messages to a page too.
    """
    raw = data if isinstance(data, str | bytes) else _written(data)
    if len(raw) > MESSAGE_LIMIT:
        raise MalformedMessage(_EVENT, f"is longer than {MESSAGE_LIMIT} characters")
    if _CHALLENGE_MEMBER in parse_json(_either, raw, _EVENT):
        return parse_json(_challenge, raw, _EVENT)
    return parse_json(_method, raw, _EVENT)


def _written(data: Mapping[str, object]) -> bytes:
    try:
        return msgspec.json.encode(dict(data))
    except (TypeError, ValueError, OverflowError, RecursionError):
        raise MalformedMessage(_EVENT, "cannot be written as JSON") from None


def read_callback(body: bytes, session: sessions.Session | None = None) -> sessions.SessionCompletedCallback:
    """Read the body of a callback; with a `session`, make sure in constant time that it is about that one.

    Unknown members and values are kept, members of a wrong type read as None. Raises MalformedMessage for what is no
    callback, or one about another session.
    """
    if len(body) > CALLBACK_LIMIT:
        raise MalformedMessage(_CALLBACK, f"is longer than {CALLBACK_LIMIT} bytes")
    try:
        callback, _ignored = decode(sessions.SessionCompletedCallback, body)
    except DecodeError as error:
        raise MalformedMessage(_CALLBACK, str(error)) from None
    if session is not None:
        require_match(callback, session)
    return callback
