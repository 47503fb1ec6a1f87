"""Events of authentications: which ones a session's life gives, and what they say."""

from __future__ import annotations

from dataclasses import dataclass, field

from checkout_async.sandbox.core.dispatch import Happening
from checkout_async.sandbox.core.payload import JsonObject, present
from checkout_async.sandbox.sessions import flow
from checkout_async.sandbox.sessions.blocks import PROTOCOL_VERSION, proof
from checkout_async.sandbox.sessions.session import Session
from checkout_async.sandbox.sessions.status import Status

_STARTED = "authentication_started"
_EVENT_OF = {
    Status.APPROVED: "authentication_approved",
    Status.ATTEMPTED: "authentication_attempted",
    Status.EXPIRED: "authentication_expired",
    Status.DECLINED: "authentication_failed",
    Status.REJECTED: "authentication_failed",
    Status.UNAVAILABLE: "authentication_failed",
    Status.CHALLENGE_ABANDONED: "authentication_failed",
}
"""Final status -> the event that tells it."""


@dataclass(slots=True, eq=False)
class SessionTeller:
    """Tells of one session: that the authentication was requested, and how it ended."""

    session: Session
    told: set[str] = field(default_factory=set[str])

    def tell(self, now: float) -> list[Happening]:
        """Return what has happened since it was last asked."""
        flow.tick(self.session, now)
        status = self.session.status
        begun = [_STARTED] if status not in {Status.PENDING, Status.EXPIRED} else []
        ended = [_EVENT_OF[status]] if status in _EVENT_OF else []
        new = [type_ for type_ in (*begun, *ended) if type_ not in self.told]
        self.told.update(new)
        return [self._happening(type_, now) for type_ in new]

    def due(self) -> float:
        """Return when time alone will move the session."""
        return flow.due(self.session)

    def _happening(self, type_: str, now: float) -> Happening:
        session = self.session
        return Happening(
            id=session.mint.identifier("evt", type_),
            type=type_,
            subject=session.id,
            at=session.changed_at,
            data=_data(session, now),
        )


def _data(session: Session, now: float) -> JsonObject:
    """Write the members of an event; its amount is text."""
    order, outcome, proven = session.order, session.outcome, proof(session, now)
    return present(
        {
            "session_id": session.id,
            "reference": order.echoed.get("reference"),
            "amount": str(order.amount),
            "currency": order.currency,
            "type": order.authentication_type,
            "response_code": outcome.response_code if outcome else None,
            "challenge_indicator": order.challenge_indicator,
            "protocol_version": PROTOCOL_VERSION,
            "scheme": order.card.scheme,
            "experience": "google_spa" if order.google_spa else "3ds",
            "3ds_transaction_id": session.transaction_id,
            "ds_transaction_id": session.mint.uuid("ds"),
            "acs_transaction_id": session.mint.uuid("acs"),
            "eci": proven.get("eci"),
            "xid": proven.get("xid"),
            "challenged": outcome.challenged if outcome else None,
            "transaction_status_reason": outcome.reason if outcome else None,
        }
    )
