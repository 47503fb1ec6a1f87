"""The completion callback: what Checkout.com POSTs to `completion.callback_url` after `complete_session`.

It is neither signed nor authenticated (Checkout.com API reference), so anybody can send one: it says which session to
look at, and `get_session` with an access token says what is true.
"""

from __future__ import annotations

from typing import Final

from checkout_async._core.codec import Undecodable, decode
from checkout_async.errors import MalformedMessage
from checkout_async.models import sessions
from checkout_async.threeds.matching import require_match

__all__ = ["CALLBACK_LIMIT", "read_callback"]

CALLBACK_LIMIT: Final = 65_536
"""Longest callback that is read, in bytes: many times what one takes."""

_WHAT: Final = "callback"


def read_callback(body: bytes, session: sessions.Session | None = None) -> sessions.SessionCompletedCallback:
    """Read the body of a callback; with a `session`, make sure in constant time that it is about that one.

    Unknown members and values are kept, members of a wrong type read as None. Raises MalformedMessage for what is no
    callback, or one about another session.
    """
    if len(body) > CALLBACK_LIMIT:
        raise MalformedMessage.of(_WHAT, f"is longer than {CALLBACK_LIMIT} bytes")
    try:
        callback, _ignored = decode(sessions.SessionCompletedCallback, body)
    except Undecodable as error:
        raise MalformedMessage.of(_WHAT, str(error)) from None
    if session is not None:
        require_match(callback, session)
    return callback
