"""The statuses of a session, and the state machine's table: which event is allowed in which status."""

from __future__ import annotations

from enum import StrEnum

from checkout_async.sandbox.core.errors import not_allowed
from checkout_async.sandbox.core.spec import check_enum


class SessionStatus(StrEnum):
    """Status of a session, as the API names it (`SessionStatus`)."""

    PENDING = "pending"
    PROCESSING = "processing"
    CHALLENGED = "challenged"
    CHALLENGE_ABANDONED = "challenge_abandoned"
    EXPIRED = "expired"
    APPROVED = "approved"
    ATTEMPTED = "attempted"
    UNAVAILABLE = "unavailable"
    DECLINED = "declined"
    REJECTED = "rejected"


check_enum("SessionStatus", SessionStatus)


class SessionEvent(StrEnum):
    """What a caller or a cardholder may do to a session; the values complete the sentence "a cardholder cannot ..."."""

    SUPPLY_CHANNEL_DATA = "supply channel data"
    REPORT_METHOD = "report the 3DS Method"
    FINISH_CHALLENGE = "finish a challenge"
    VISIT_HOSTED_PAGE = "visit the hosted page"
    COMPLETE = "complete"


SUCCESSFUL = frozenset({SessionStatus.APPROVED, SessionStatus.ATTEMPTED})
FINAL = SUCCESSFUL | {SessionStatus.UNAVAILABLE, SessionStatus.DECLINED, SessionStatus.REJECTED}
"""Statuses with an answer of the issuer or the scheme; the session can be completed."""
ENDED = FINAL | {SessionStatus.CHALLENGE_ABANDONED, SessionStatus.EXPIRED}
"""Statuses that never change."""

_ALLOWED = {
    SessionEvent.SUPPLY_CHANNEL_DATA: frozenset({SessionStatus.PENDING}),
    SessionEvent.REPORT_METHOD: frozenset({SessionStatus.PENDING}),
    SessionEvent.FINISH_CHALLENGE: frozenset({SessionStatus.CHALLENGED}),
    SessionEvent.VISIT_HOSTED_PAGE: frozenset(
        {SessionStatus.PENDING, SessionStatus.PROCESSING, SessionStatus.CHALLENGED}
    ),
    SessionEvent.COMPLETE: FINAL,
}


def is_allowed(event: SessionEvent, status: SessionStatus) -> bool:
    """Return whether an event is allowed in a status."""
    return status in _ALLOWED[event]


def require_allowed(event: SessionEvent, status: SessionStatus) -> None:
    """Raise 403 `update_not_allowed_due_to_state` if an event is not allowed in a status."""
    if not is_allowed(event, status):
        raise not_allowed()
