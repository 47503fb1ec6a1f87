"""The result of an authentication: a verdict, the proof, and the data that a payment request needs."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

import msgspec

from checkout_async.errors import CheckoutError, InvalidRequest
from checkout_async.models import sessions

if TYPE_CHECKING:
    from checkout_async.models import payments

__all__ = ["ThreeDSResult", "Verdict", "verdict_of"]


class Verdict(StrEnum):
    """The outcome of a session, and its meaning for the payment (integration guide, "statuses")."""

    AUTHENTICATED = "authenticated"
    """The cardholder is authenticated: pay."""
    ATTEMPTED = "attempted"
    """A stand-in answered for the issuer. This counts as success: pay."""
    DECLINED = "declined"
    """The issuer denied it: do not pay."""
    REJECTED = "rejected"
    """The issuer rejects the transaction: do not pay."""
    UNAVAILABLE = "unavailable"
    """Authentication was not possible: paying without it is at the merchant's own risk."""
    ABANDONED = "abandoned"
    """The challenge was started but not finished: do not pay."""
    UNDECIDED = "undecided"
    """No final answer yet: do not pay and do not give up; read the session again later."""
    EXPIRED = "expired"
    """The session expired without an authentication: do not pay."""


_VERDICTS: Final = {
    sessions.SessionStatus.APPROVED: Verdict.AUTHENTICATED,
    sessions.SessionStatus.ATTEMPTED: Verdict.ATTEMPTED,
    sessions.SessionStatus.DECLINED: Verdict.DECLINED,
    sessions.SessionStatus.REJECTED: Verdict.REJECTED,
    sessions.SessionStatus.CHALLENGE_ABANDONED: Verdict.ABANDONED,
    sessions.SessionStatus.UNAVAILABLE: Verdict.UNAVAILABLE,
    sessions.SessionStatus.EXPIRED: Verdict.EXPIRED,
}


def verdict_of(session: sessions.Session) -> Verdict:
    """Return what a session's status means. One that is not final, or that this version does not know: `undecided`."""
    return Verdict.UNDECIDED if session.status is None else _VERDICTS.get(session.status, Verdict.UNDECIDED)


class ThreeDSResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of an authentication.

    `session` is the session as it was last read; it contains everything else, including the reason. `completion_error`
    is the error of `complete_session`, if `Options(complete=True)` requested that call; it does not change the verdict.
    """

    verdict: Verdict
    session: sessions.Session
    completion_error: CheckoutError | None = None

    @classmethod
    def from_session(cls, session: sessions.Session, *, timed_out: bool = False) -> ThreeDSResult:
        """Return the result of a session for which nothing is left to do.

        A status that is not final, or that this version does not know, gives `undecided`. A challenge that `timed_out`
        gives `abandoned`.
        """
        status = session.status
        if timed_out and status is sessions.SessionStatus.CHALLENGED:
            return cls(verdict=Verdict.ABANDONED, session=session)
        return cls(verdict=verdict_of(session), session=session)

    @property
    def authenticated(self) -> bool:
        """Whether a payment may be made with this authentication: authenticated or attempted."""
        return self.verdict in {Verdict.AUTHENTICATED, Verdict.ATTEMPTED}

    @property
    def eci(self) -> str | None:
        """Electronic Commerce Indicator, two digits. The API shows it only to callers with an access token."""
        return self.session.eci

    @property
    def cryptogram(self) -> str | None:
        """Proof of the authentication (CAVV), base64. The API shows it for 24 hours, only with an access token."""
        return self.session.cryptogram

    @property
    def xid(self) -> str | None:
        """Transaction identifier of the authentication."""
        return self.session.xid

    def three_ds(self) -> payments.ThreeDsRequest:
        """Return the member `three_ds` (`3ds`) of a payment request that uses this authentication.

        Raises InvalidRequest if the cardholder is not authenticated: such a payment must not be made.
        """
        # Imported here because the payment models take longer to import than the whole flow.
        from checkout_async.models import payments  # noqa: PLC0415

        if not self.authenticated:
            reason = f"the cardholder is not authenticated: {self.verdict}"
            path = "$.3ds.authentication_id"
            raise InvalidRequest(f"request_payment: {reason}", operation="request_payment", path=path, reason=reason)
        return payments.ThreeDsRequest(enabled=True, authentication_id=self.session.id)
