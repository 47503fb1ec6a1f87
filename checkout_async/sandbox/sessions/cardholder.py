"""The cardholder as a script: runs the 3DS Method, completes or abandons a challenge, finishes a hosted page."""

from __future__ import annotations

from dataclasses import dataclass

from checkout_async.sandbox.core.clock import SandboxClock
from checkout_async.sandbox.core.payload import text
from checkout_async.sandbox.sessions import flow
from checkout_async.sandbox.sessions.authentication import STATUS_OF, Device
from checkout_async.sandbox.sessions.blocks import cres
from checkout_async.sandbox.sessions.session import Session
from checkout_async.sandbox.sessions.status import SUCCESSFUL, SessionEvent, SessionStatus, is_allowed
from checkout_async.sandbox.sessions.store import SessionStore

_TRANS_STATUSES = frozenset(STATUS_OF) - {"C"}


class CardholderError(ValueError):
    """The script demands something that is impossible in the current state; the message says what and why."""


@dataclass(frozen=True, slots=True)
class ChallengeReturn:
    """What the ACS gives the cardholder's browser to return with after a challenge."""

    cres: str
    """Form field `cres`: base64url without padding."""
    notification_url: str | None
    """The merchant's challenge notification URL, if the request named one."""
    event: dict[str, str]
    """Data of the browser event that Checkout.com's own endpoint posts to the merchant's page."""


class Cardholder:
    """Plays the cardholder of any session.

    Every method raises CardholderError for a session that does not exist, or whose status does not allow the action.
    """

    def __init__(self, store: SessionStore, clock: SandboxClock) -> None:
        self._store = store
        self._clock = clock

    async def run_three_ds_method(self, session_id: str) -> str:
        """Run the 3DS Method as a browser does; return the `three_ds_method_completion` to report: `Y`, `N` or `U`."""
        session = self._find(session_id)
        if not session.has_method_url:
            return "U"
        if not session.awaits_method or session.status is not SessionStatus.PENDING:
            raise CardholderError(f"session {session_id} does not wait for the 3DS Method")
        return "Y" if session.request.card.scenario.method_answers else "N"

    async def complete_challenge(self, session_id: str, trans_status: str | None = None) -> ChallengeReturn:
        """Complete the challenge with a transStatus: `Y`, `N`, `U`, `A` or `R` (default: the scenario's)."""
        session = self._find(session_id, SessionEvent.FINISH_CHALLENGE)
        chosen = _choose_trans_status(session, trans_status)
        flow.finish_challenge(session, chosen, self._clock.now())
        shown = session.result.response_code if session.result and session.result.response_code else chosen
        return ChallengeReturn(
            cres=cres(session, shown),
            notification_url=text(session.request.urls, "challenge_notification_url"),
            event={"transStatus": shown, "threeDSServerTransID": session.transaction_id},
        )

    async def abandon_challenge(self, session_id: str) -> None:
        """Cancel the challenge."""
        session = self._find(session_id, SessionEvent.FINISH_CHALLENGE)
        flow.abandon_challenge(session, self._clock.now())

    async def finish_hosted(self, session_id: str, trans_status: str | None = None) -> str:
        """Finish the hosted page, including a challenge; return the URL to which the cardholder returns."""
        session = self._find(session_id, SessionEvent.VISIT_HOSTED_PAGE)
        if not session.request.hosted:
            raise CardholderError(f"session {session_id} is not hosted")
        chosen = _choose_trans_status(session, trans_status)
        now = self._clock.now()
        if session.status is SessionStatus.PENDING:
            completion = await self.run_three_ds_method(session_id) if session.awaits_method else None
            flow.supply_channel_data(session, session.device or Device("browser"), completion, now)
        flow.finish_processing(session, now)
        if session.status is SessionStatus.CHALLENGED:
            flow.finish_challenge(session, chosen, now)
        page = "success_url" if session.status in SUCCESSFUL else "failure_url"
        return text(session.request.urls, page) or ""

    def _find(self, session_id: str, event: SessionEvent | None = None) -> Session:
        session = self._store.find(session_id)
        if session is None:
            raise CardholderError(f"there is no session {session_id}")
        if event is not None and not is_allowed(event, session.status):
            raise CardholderError(f"session {session_id} is {session.status}: a cardholder cannot {event}")
        return session


def _choose_trans_status(session: Session, trans_status: str | None) -> str:
    chosen = trans_status or session.request.card.scenario.response_code
    if chosen not in _TRANS_STATUSES:
        raise CardholderError(f"transStatus {chosen!r} is not one of {', '.join(sorted(_TRANS_STATUSES))}")
    return chosen
