"""Which session a message belongs to: identifiers compared in constant time.

That a message fits does not make it true. It passed through a browser, or came without a signature: ask `get_session`
with an access token before acting on it.
"""

from __future__ import annotations

import hmac

from checkout_async.errors import MalformedMessage
from checkout_async.models import sessions
from checkout_async.threeds.emv import ChallengeNotification, ChallengeResponse, ErrorMessage, MethodNotification

__all__ = ["SessionMessage", "belongs_to", "require_match"]

SessionMessage = (
    MethodNotification | ChallengeNotification | ChallengeResponse | ErrorMessage | sessions.SessionCompletedCallback
)
"""Whatever comes from outside about one session."""


def belongs_to(message: SessionMessage, session: sessions.Session) -> bool:
    """Tell whether a message names this session, or its transaction at the 3DS server.

    An error message need not name any (EMV 3DS 2.2): each transaction that it does name must be the session's.
    """
    if isinstance(message, sessions.SessionCompletedCallback):
        return same_text(message.session_id, session.id)
    if isinstance(message, ErrorMessage):
        at_acs = session.acs.transaction_id if session.acs else None
        pairs = ((message.server_transaction_id, session.transaction_id), (message.acs_transaction_id, at_acs))
        return all(_same(named, known) for named, known in pairs if named is not None)
    return _same(message.server_transaction_id, session.transaction_id)


def require_match(message: SessionMessage, session: sessions.Session) -> None:
    """Raise MalformedMessage for a message about another session."""
    if not belongs_to(message, session):
        raise MalformedMessage.of(type(message).__name__, "is about another session")


def _same(named: str, known: str | None) -> bool:
    # A UUID means the same in either letter case (RFC 9562 section 4).
    return known is not None and same_text(named.lower(), known.lower())


def same_text(left: str, right: str) -> bool:
    """Compare two texts in a time that does not tell where they differ."""
    return hmac.compare_digest(left.encode("utf-8", "replace"), right.encode("utf-8", "replace"))
