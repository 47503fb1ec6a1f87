"""Events of authentications: which events a session causes, and their data."""

from __future__ import annotations

from dataclasses import dataclass, field

from checkout_async.sandbox.core.dispatch import DomainEvent
from checkout_async.sandbox.core.payload import JsonObject, drop_none
from checkout_async.sandbox.sessions import flow
from checkout_async.sandbox.sessions.blocks import PROTOCOL_VERSION, proof
from checkout_async.sandbox.sessions.session import Session
from checkout_async.sandbox.sessions.status import SessionStatus

_STARTED = "authentication_started"
_EVENT_OF = {
    SessionStatus.APPROVED: "authentication_approved",
    SessionStatus.ATTEMPTED: "authentication_attempted",
    SessionStatus.EXPIRED: "authentication_expired",
    SessionStatus.DECLINED: "authentication_failed",
    SessionStatus.REJECTED: "authentication_failed",
    SessionStatus.UNAVAILABLE: "authentication_failed",
    SessionStatus.CHALLENGE_ABANDONED: "authentication_failed",
}
"""Final status -> its event."""


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
        ended = [_EVENT_OF[status]] if status in _EVENT_OF else []
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
            data=_data(session, now),
        )


def _data(session: Session, now: float) -> JsonObject:
    """Write the members of an event; events write the amount as text."""
    request, result, proven = session.request, session.result, proof(session, now)
    return drop_none(
        {
            "session_id": session.id,
            "reference": request.echoed.get("reference"),
            "amount": str(request.amount),
            "currency": request.currency,
            "type": request.authentication_type,
            "response_code": result.response_code if result else None,
            "challenge_indicator": request.challenge_indicator,
            "protocol_version": PROTOCOL_VERSION,
            "scheme": request.card.scheme,
            "experience": "google_spa" if request.google_spa else "3ds",
            "3ds_transaction_id": session.transaction_id,
            "ds_transaction_id": session.ids.uuid("ds"),
            "acs_transaction_id": session.ids.uuid("acs"),
            "eci": proven.get("eci"),
            "xid": proven.get("xid"),
            "challenged": result.challenged if result else None,
            "transaction_status_reason": result.reason if result else None,
        }
    )
