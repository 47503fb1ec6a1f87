"""3D Secure done before the payment: the result of one of this sandbox's sessions, or of a third party.

What the merchant hands over is checked as an issuer would: the session must belong to card, amount and currency, a
cryptogram must be one, ECI and XID must fit it. Values of the indicators are those of the schemes' programmes.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from checkout_async.sandbox.core.errors import payment_invalid
from checkout_async.sandbox.core.payload import JsonObject, present, text
from checkout_async.sandbox.payments.codes import AUTHENTICATION_FAILED, AUTHENTICATION_INVALID
from checkout_async.sandbox.payments.instruments import Instrument
from checkout_async.sandbox.payments.order import PaymentOrder
from checkout_async.sandbox.sessions import authentication as exchange
from checkout_async.sandbox.sessions import blocks
from checkout_async.sandbox.sessions.session import Session
from checkout_async.sandbox.sessions.status import FINAL, SUCCESSFUL
from checkout_async.sandbox.sessions.store import SessionStore

_CRYPTOGRAM_BYTES = 20


@dataclass(frozen=True, slots=True)
class Proof:
    """What an authentication is worth to the payment."""

    authenticated: bool
    shown: JsonObject
    """The `3ds` block of replies, with everything that is known."""
    refusal: str | None = None
    """Response code with which the payment is declined for it."""
    session_id: str | None = None


def prior_proof(order: PaymentOrder, instrument: Instrument, sessions: SessionStore, now: float) -> Proof | None:
    """Examine the authentication that a request brings along; None if it brings none.

    Raises 422 for a session that is not there or not finished, and for an ECI or cryptogram alone.
    """
    given = order.three_ds
    session_id = text(given, "authentication_id")
    if session_id is not None:
        session = sessions.find(session_id)
        if session is None or session.status not in FINAL:
            raise payment_invalid("authentication_id_invalid")
        return _from_session(session, order, instrument, now)
    if "eci" in given or "cryptogram" in given:
        return _from_third_party(order, instrument, sessions, now)
    return None


def integrated_proof(cryptogram: str, xid: str, scheme: str) -> Proof:
    """Write the result of 3D Secure that ran on the redirect page and succeeded."""
    shown: JsonObject = {
        "downgraded": False,
        "enrolled": "Y",
        "signature_valid": "Y",
        "authentication_response": "Y",
        "cryptogram": cryptogram,
        "xid": xid,
        "eci": exchange.eci(scheme, "Y"),
        "version": blocks.PROTOCOL_VERSION,
        "challenged": True,
    }
    return Proof(authenticated=True, shown=shown)


def _from_session(session: Session, order: PaymentOrder, instrument: Instrument, now: float) -> Proof:
    proof = blocks.proof(session, now)
    outcome = session.outcome
    shown = present(
        {
            "downgraded": False,
            "enrolled": "Y",
            "authentication_response": _letter(session),
            "authentication_status_reason": outcome.reason if outcome else None,
            "version": blocks.PROTOCOL_VERSION,
            "challenged": outcome.challenged if outcome else None,
            **proof,
        }
    )
    if session.status not in SUCCESSFUL:
        return Proof(False, shown, AUTHENTICATION_FAILED, session.id)
    sound = proof.get("cryptogram") is not None and _belongs(session, order, instrument)
    return Proof(sound, shown, None if sound else AUTHENTICATION_INVALID, session.id)


def _from_third_party(order: PaymentOrder, instrument: Instrument, sessions: SessionStore, now: float) -> Proof:
    given = order.three_ds
    eci, cryptogram = (text(given, "eci") or "").zfill(2), text(given, "cryptogram")
    shown: JsonObject = {"downgraded": False, "enrolled": "Y"}
    shown |= {name: given[name] for name in ("cryptogram", "xid", "eci", "version") if name in given}
    if "eci" not in given:
        raise payment_invalid("eci_required")
    if eci == exchange.eci(instrument.scheme, "N"):
        return Proof(False, shown)
    if eci not in {exchange.eci(instrument.scheme, letter) for letter in "YA"}:
        return Proof(False, shown, AUTHENTICATION_INVALID)
    if cryptogram is None:
        raise payment_invalid("cryptogram_required")
    session = sessions.with_cryptogram(cryptogram)
    if session is None:
        sound = _is_cryptogram(cryptogram)
        return Proof(sound, shown, None if sound else AUTHENTICATION_INVALID)
    proof = blocks.proof(session, now)
    agrees = eci == proof.get("eci") and text(given, "xid") in {None, proof.get("xid")}
    sound = agrees and proof.get("cryptogram") is not None and _belongs(session, order, instrument)
    return Proof(sound, shown, None if sound else AUTHENTICATION_INVALID, session.id)


def _belongs(session: Session, order: PaymentOrder, instrument: Instrument) -> bool:
    """Tell whether a session authenticated this payment: its card where both are known, its currency and amount."""
    known = session.order.card.last_four is not None and instrument.scenario is not None
    same_card = not known or session.order.card.fingerprint == instrument.fingerprint
    return same_card and session.order.currency == order.currency and order.amount <= session.order.amount


def _letter(session: Session) -> str | None:
    """Give the answer as payments show it, where a rejection is no more than a failure."""
    code = session.outcome.response_code if session.outcome else None
    return {"R": "N"}.get(code, code) if code is not None else None


def _is_cryptogram(value: str) -> bool:
    try:
        return len(base64.b64decode(value, validate=True)) == _CRYPTOGRAM_BYTES
    except binascii.Error:
        return False
