"""The statuses of a session, and the state machine's table: what may happen in which status."""

from __future__ import annotations

from enum import StrEnum

from checkout_async.sandbox.core.errors import not_allowed


class Status(StrEnum):
    """Where a session stands."""

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


class Event(StrEnum):
    """What a caller or a cardholder may do to a session."""

    SUPPLY_CHANNEL_DATA = "supply channel data"
    REPORT_METHOD = "report the 3DS Method"
    FINISH_CHALLENGE = "finish a challenge"
    VISIT_HOSTED_PAGE = "visit the hosted page"
    COMPLETE = "complete"


SUCCESSFUL = frozenset({Status.APPROVED, Status.ATTEMPTED})
FINAL = SUCCESSFUL | {Status.UNAVAILABLE, Status.DECLINED, Status.REJECTED}
"""An answer of the issuer or the scheme; the session can be completed."""
ENDED = FINAL | {Status.CHALLENGE_ABANDONED, Status.EXPIRED}
"""Nothing changes the status any more."""

_ALLOWED = {
    Event.SUPPLY_CHANNEL_DATA: frozenset({Status.PENDING}),
    Event.REPORT_METHOD: frozenset({Status.PENDING}),
    Event.FINISH_CHALLENGE: frozenset({Status.CHALLENGED}),
    Event.VISIT_HOSTED_PAGE: frozenset({Status.PENDING, Status.PROCESSING, Status.CHALLENGED}),
    Event.COMPLETE: FINAL,
}


def may(event: Event, status: Status) -> bool:
    """Tell whether the event may happen in the status."""
    return status in _ALLOWED[event]


def require(event: Event, status: Status) -> None:
    """Refuse with 403 `update_not_allowed_due_to_state` what may not happen in the status."""
    if not may(event, status):
        raise not_allowed()
