"""The `message` events that Checkout.com's own endpoints post to the merchant's page (integration guide).

The page forwards `event.data` to its server. Which origin the events have is not documented: they are hints, and
matched to a session by their transaction.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from checkout_async.errors import MalformedMessage
from checkout_async.threeds.emv import ChallengeNotification, MethodNotification
from checkout_async.threeds.encoding import MESSAGE_LIMIT, parse_json

__all__ = ["read_browser_event"]

_WHAT = "data of the browser event"

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
        raise MalformedMessage.of(_WHAT, f"is longer than {MESSAGE_LIMIT} characters")
    if _CHALLENGE_MEMBER in parse_json(_either, raw, _WHAT):
        return parse_json(_challenge, raw, _WHAT)
    return parse_json(_method, raw, _WHAT)


def _written(data: Mapping[str, object]) -> bytes:
    try:
        return msgspec.json.encode(dict(data))
    except (TypeError, ValueError, OverflowError, RecursionError):
        raise MalformedMessage.of(_WHAT, "cannot be written as JSON") from None
