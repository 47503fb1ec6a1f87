"""How an authentication ended: a verdict, the proof, and what a payment takes from it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from checkout_async.errors import CheckoutError, InvalidRequest
from checkout_async.models import sessions

if TYPE_CHECKING:
    from checkout_async.models import payments

__all__ = ["ThreeDSResult", "Verdict"]


class Verdict(StrEnum):
    """What became of a session, and what that means for the payment (integration guide, "statuses")."""

    AUTHENTICATED = "authenticated"
    """The cardholder is authenticated: pay."""
    ATTEMPTED = "attempted"
    """A stand-in answered for the issuer; counts as success: pay."""
    NOT_AUTHENTICATED = "not authenticated"
    """The issuer denied it: do not pay."""
    REJECTED = "rejected"
    """The issuer rejects the transaction: do not pay."""
    UNAVAILABLE = "unavailable"
    """It could not be done: paying without authentication is the merchant's own risk."""
    ABANDONED = "abandoned"
    """The challenge was begun and not finished: do not pay."""
    UNDECIDED = "undecided"
    """No final answer yet: neither pay nor give up, ask again later."""
    EXPIRED = "expired"
    """It never came to an authentication: do not pay."""


_VERDICTS: Final = {
    sessions.SessionStatus.APPROVED: Verdict.AUTHENTICATED,
    sessions.SessionStatus.ATTEMPTED: Verdict.ATTEMPTED,
    sessions.SessionStatus.DECLINED: Verdict.NOT_AUTHENTICATED,
    sessions.SessionStatus.REJECTED: Verdict.REJECTED,
    sessions.SessionStatus.CHALLENGE_ABANDONED: Verdict.ABANDONED,
    sessions.SessionStatus.UNAVAILABLE: Verdict.UNAVAILABLE,
    sessions.SessionStatus.EXPIRED: Verdict.EXPIRED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreeDSResult:
    """The end of an authentication. `session` is what was last read and holds everything else, the reason included.

    `completion_failure` is why `complete_session` did not work, where it was asked for; the verdict stands all the
    same.
    """

    verdict: Verdict
    session: sessions.Session
    completion_failure: CheckoutError | None = None

    @classmethod
    def of(cls, session: sessions.Session, *, overdue: bool = False) -> ThreeDSResult:
        """Return the result of a session with which nothing more can be done.

        A status that is not final, and one this version does not know, is `undecided`; an `overdue` challenge was
        abandoned.
        """
        status = session.status
        if overdue and status is sessions.SessionStatus.CHALLENGED:
            return cls(verdict=Verdict.ABANDONED, session=session)
        return cls(verdict=Verdict.UNDECIDED if status is None else _verdict(status), session=session)

    @property
    def authenticated(self) -> bool:
        """Whether a payment may be made with this authentication: authenticated or attempted."""
        return self.verdict in {Verdict.AUTHENTICATED, Verdict.ATTEMPTED}

    @property
    def eci(self) -> str | None:
        """Electronic Commerce Indicator, two digits. Only callers with an access token see it."""
        return self.session.eci

    @property
    def cryptogram(self) -> str | None:
        """Proof of the authentication (CAVV), base64; for 24 hours, and only for callers with an access token."""
        return self.session.cryptogram

    @property
    def xid(self) -> str | None:
        """Transaction identifier of the authentication."""
        return self.session.xid

    def three_ds(self) -> payments.ThreeDsRequest:
        """Return the member `three_ds` (`3ds`) of a payment request that uses this authentication.

        Raises InvalidRequest unless it succeeded: a payment must not be made with it.
        """
        # Loaded here: the models of payments take longer to import than the whole flow.
        from checkout_async.models import payments  # noqa: PLC0415

        if not self.authenticated:
            reason = f"the cardholder is not authenticated: {self.verdict}"
            path = "$.3ds.authentication_id"
            raise InvalidRequest(f"request_payment: {reason}", operation="request_payment", path=path, reason=reason)
        return payments.ThreeDsRequest(enabled=True, authentication_id=self.session.id)


def _verdict(status: sessions.SessionStatus) -> Verdict:
    return _VERDICTS.get(status, Verdict.UNDECIDED)
