"""Events of authentications: which events a session causes, and their data.

The events have layout 2.1.0: some members that are unknown are null. Others are left out.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from checkout_async.sandbox.core.dispatch import DomainEvent
from checkout_async.sandbox.core.payload import JsonObject, drop_none, member
from checkout_async.sandbox.sessions import authentication, blocks, flow
from checkout_async.sandbox.sessions.session import Session
from checkout_async.sandbox.sessions.status import SessionStatus

LAYOUT_VERSION = "2.1.0"
"""`version` of events of authentications."""

_STARTED = "authentication_started"
_EXPIRED = "authentication_expired"
_FAILED = "authentication_failed"
_EVENT_OF = {
    SessionStatus.APPROVED: "authentication_approved",
    SessionStatus.ATTEMPTED: "authentication_attempted",
    SessionStatus.EXPIRED: _EXPIRED,
    SessionStatus.DECLINED: _FAILED,
    SessionStatus.REJECTED: _FAILED,
    SessionStatus.UNAVAILABLE: _FAILED,
    SessionStatus.CHALLENGE_ABANDONED: _FAILED,
}
"""Final status -> its event; a challenge that timed out has `authentication_expired`."""
_PROVEN = frozenset({"authentication_approved", "authentication_attempted"})


@dataclass(slots=True, eq=False)
class SessionEventSource:
    """Derives the events of one session: that the authentication was requested, and how it ended."""

    session: Session
    returned: set[str] = field(default_factory=set[str])

    def new_events(self, now: float) -> list[DomainEvent]:
        """Return the events since the last call, oldest first."""
        flow.tick(self.session, now)
        status = self.session.status
        started = [_STARTED] if status not in {SessionStatus.PENDING, SessionStatus.EXPIRED} else []
        ended = [_ending(self.session)] if status in _EVENT_OF else []
        new = [type_ for type_ in (*started, *ended) if type_ not in self.returned]
        self.returned.update(new)
        return [self._event(type_, now) for type_ in new]

    def next_change(self) -> float:
        """Return when time alone will change the session; infinity for never."""
        return flow.due(self.session)

    def _event(self, type_: str, now: float) -> DomainEvent:
        session = self.session
        return DomainEvent(
            id=session.ids.identifier("evt", type_),
            type=type_,
            subject=session.id,
            at=session.changed_at,
            version=LAYOUT_VERSION,
            data=_data(type_, session, now),
        )


def _ending(session: Session) -> str:
    """Return the event of a session that has ended."""
    timed_out = session.result is not None and session.result.timed_out
    return _EXPIRED if timed_out else _EVENT_OF[session.status]


def _data(type_: str, session: Session, now: float) -> JsonObject:
    """Write the members of an event; events write the amount as text."""
    request, result = session.request, session.result
    data: dict[str, object | None] = {
        "session_id": session.id,
        "reference": request.echoed.get("reference"),
        "amount": str(request.amount),
        "currency": request.currency,
        "type": request.authentication_type,
        "response_code": result.response_code if result else None,
        "challenge_indicator": request.challenge_indicator,
        "protocol_version": blocks.PROTOCOL_VERSION,
        "scheme": request.card.scheme,
    }
    if type_ == _STARTED:
        return drop_none(data)
    data |= {
        "experience": "google_spa" if request.google_spa else "3ds",
        "3ds_transaction_id": session.transaction_id,
        "ds_transaction_id": session.ids.uuid("ds"),
        "acs_transaction_id": session.ids.uuid("acs"),
        "is3ri": session.channel == "merchant_initiated",
    }
    data |= _proof(session, now) if type_ in _PROVEN else _failure(session)
    if type_ != "authentication_attempted":
        data |= {
            "challenged": result is not None and result.challenged,
            "acs_challenged_mandated": result is not None and result.challenged,
            "exemption_applied": (blocks.exemption(request) or {}).get("applied", "none"),
        }
    details = member(blocks.three_ds(session) or {}, "error_details")
    nullable = {"cavv": data.pop("cavv", None), "metadata": None, "error_details": details or None}
    return drop_none(data) | nullable


def _proof(session: Session, now: float) -> dict[str, object | None]:
    """Write what proves a successful authentication."""
    proven = blocks.proof(session, now)
    return {"eci": proven.get("eci"), "xid": proven.get("xid"), "cavv": proven.get("cryptogram")}


def _failure(session: Session) -> dict[str, object | None]:
    """Write why an authentication failed or expired; a session that nobody authenticated has no reason."""
    result = session.result
    if result is None:
        return {}
    if result.timed_out:
        reason, description = "ChallengeExpired", "Challenge Expired"
    elif session.status is SessionStatus.UNAVAILABLE:
        reason, description = "Unavailable", "Authentication Unavailable"
    else:
        reason, description = "Declined", "Authentication Declined"
    return {
        "eci": authentication.eci(session.request.card.scheme, "N"),
        "reason": reason,
        "reason_description": description,
        "transaction_status_reason": result.status_reason,
        "response_status_reason": result.reason,
        "challenge_cancel": result.cancel_code,
    }
