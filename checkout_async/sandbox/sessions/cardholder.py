"""The cardholder as a script: runs the 3DS Method, answers or abandons a challenge, walks through a hosted page."""

from __future__ import annotations

from dataclasses import dataclass

from checkout_async.sandbox.core.clock import SandboxClock
from checkout_async.sandbox.core.payload import text
from checkout_async.sandbox.sessions import flow
from checkout_async.sandbox.sessions.authentication import STATUS_OF, Device
from checkout_async.sandbox.sessions.blocks import cres
from checkout_async.sandbox.sessions.session import Session
from checkout_async.sandbox.sessions.status import SUCCESSFUL, Event, Status, may
from checkout_async.sandbox.sessions.store import SessionStore

_ANSWERS = frozenset(STATUS_OF) - {"C"}


class CardholderError(ValueError):
    """The script asks for something that cannot happen; the message says what and why."""


@dataclass(frozen=True, slots=True)
class ChallengeReturn:
    """How the ACS sends the cardholder's browser back after a challenge."""

    cres: str
    """Form field `cres`: base64url without padding."""
    notification_url: str | None
    """The merchant's challenge notification URL, if the request named one."""
    event: dict[str, str]
    """Data of the browser event that Checkout.com's own endpoint posts to the page."""


class Cardholder:
    """Plays the cardholder of any session.

    Every method raises CardholderError for a session that is not there, or not in a state where a cardholder could
    do this.
    """

    def __init__(self, store: SessionStore, clock: SandboxClock) -> None:
        self._store = store
        self._clock = clock

    async def run_three_ds_method(self, session_id: str) -> str:
        """Run the 3DS Method as a browser does; gives the `three_ds_method_completion` to report: `Y`, `N` or `U`."""
        session = self._find(session_id)
        if not session.has_method_url:
            return "U"
        if not session.awaits_method or session.status is not Status.PENDING:
            raise CardholderError(f"session {session_id} does not wait for the 3DS Method")
        return "Y" if session.order.card.scenario.method_answers else "N"

    async def complete_challenge(self, session_id: str, trans_status: str | None = None) -> ChallengeReturn:
        """Come to the end of the challenge with a transStatus: `Y`, `N`, `U`, `A` or `R` (default: the card's own)."""
        session = self._find(session_id, Event.FINISH_CHALLENGE)
        answer = _answer(session, trans_status)
        flow.finish_challenge(session, answer, self._clock.now())
        shown = session.outcome.response_code if session.outcome and session.outcome.response_code else answer
        return ChallengeReturn(
            cres=cres(session, shown),
            notification_url=text(session.order.urls, "challenge_notification_url"),
            event={"transStatus": shown, "threeDSServerTransID": session.transaction_id},
        )

    async def abandon_challenge(self, session_id: str) -> None:
        """Press Cancel in the challenge."""
        session = self._find(session_id, Event.FINISH_CHALLENGE)
        flow.abandon_challenge(session, self._clock.now())

    async def finish_hosted(self, session_id: str, trans_status: str | None = None) -> str:
        """Walk through the hosted page, a challenge included; gives the URL the cardholder returns to."""
        session = self._find(session_id, Event.VISIT_HOSTED_PAGE)
        if not session.order.hosted:
            raise CardholderError(f"session {session_id} is not hosted")
        answer = _answer(session, trans_status)
        now = self._clock.now()
        if session.status is Status.PENDING:
            completion = await self.run_three_ds_method(session_id) if session.awaits_method else None
            flow.supply_channel_data(session, session.device or Device("browser"), completion, now)
        flow.finish_processing(session, now)
        if session.status is Status.CHALLENGED:
            flow.finish_challenge(session, answer, now)
        page = "success_url" if session.status in SUCCESSFUL else "failure_url"
        return text(session.order.urls, page) or ""

    def _find(self, session_id: str, event: Event | None = None) -> Session:
        session = self._store.find(session_id)
        if session is None:
            raise CardholderError(f"there is no session {session_id}")
        if event is not None and not may(event, session.status):
            raise CardholderError(f"session {session_id} is {session.status}: a cardholder cannot {event}")
        return session


def _answer(session: Session, trans_status: str | None) -> str:
    answer = trans_status or session.order.card.scenario.response_code
    if answer not in _ANSWERS:
        raise CardholderError(f"transStatus {answer!r} is not one of {', '.join(sorted(_ANSWERS))}")
    return answer
