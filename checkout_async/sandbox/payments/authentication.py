"""3D Secure that was done before the payment, in a session of this sandbox or by a third party.

Its result is checked as an issuer would: the session must have the payment's card, amount and currency, the cryptogram
must have the right form, and ECI and XID must belong to it. Values of the indicators are those of the schemes'
programmes.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from checkout_async.sandbox.core.errors import payment_invalid
from checkout_async.sandbox.core.payload import JsonObject, drop_none, text
from checkout_async.sandbox.payments.codes import AUTHENTICATION_FAILED, AUTHENTICATION_INVALID
from checkout_async.sandbox.payments.instruments import Instrument
from checkout_async.sandbox.payments.request import PaymentRequest
from checkout_async.sandbox.sessions import authentication as session_authentication
from checkout_async.sandbox.sessions import blocks
from checkout_async.sandbox.sessions.session import Session
from checkout_async.sandbox.sessions.status import FINAL, SUCCESSFUL
from checkout_async.sandbox.sessions.store import SessionStore

_CRYPTOGRAM_BYTES = 20


@dataclass(frozen=True, slots=True)
class Proof:
    """The result of an authentication as the payment uses it."""

    authenticated: bool
    block: JsonObject
    """The complete `3ds` block of replies."""
    refusal: str | None = None
    """Response code with which the payment is declined because of it."""
    session_id: str | None = None


def prior_proof(request: PaymentRequest, instrument: Instrument, sessions: SessionStore, now: float) -> Proof | None:
    """Check the authentication result in a request; None if there is none.

    Raises 422 for a session that does not exist or is not finished, and for an ECI or cryptogram alone.
    """
    three_ds = request.three_ds
    session_id = text(three_ds, "authentication_id")
    if session_id is not None:
        session = sessions.find(session_id)
        if session is None or session.status not in FINAL:
            raise payment_invalid("authentication_id_invalid")
        return _from_session(session, request, instrument, now)
    if "eci" in three_ds or "cryptogram" in three_ds:
        return _from_third_party(request, instrument, sessions, now)
    return None


def integrated_proof(cryptogram: str, xid: str, scheme: str) -> Proof:
    """Return the result of 3D Secure that succeeded on the redirect page."""
    block: JsonObject = {
        "downgraded": False,
        "enrolled": "Y",
        "signature_valid": "Y",
        "authentication_response": "Y",
        "cryptogram": cryptogram,
        "xid": xid,
        "eci": session_authentication.eci(scheme, "Y"),
        "version": blocks.PROTOCOL_VERSION,
        "challenged": True,
    }
    return Proof(authenticated=True, block=block)


def _from_session(session: Session, request: PaymentRequest, instrument: Instrument, now: float) -> Proof:
    proof = blocks.proof(session, now)
    result = session.result
    block = drop_none(
        {
            "downgraded": False,
            "enrolled": "Y",
            "authentication_response": _trans_status(session),
            "authentication_status_reason": result.reason if result else None,
            "version": blocks.PROTOCOL_VERSION,
            "challenged": result.challenged if result else None,
            **proof,
        }
    )
    if session.status not in SUCCESSFUL:
        return Proof(False, block, AUTHENTICATION_FAILED, session.id)
    is_valid = proof.get("cryptogram") is not None and _is_for_payment(session, request, instrument)
    return Proof(is_valid, block, None if is_valid else AUTHENTICATION_INVALID, session.id)


def _from_third_party(request: PaymentRequest, instrument: Instrument, sessions: SessionStore, now: float) -> Proof:
    three_ds = request.three_ds
    eci, cryptogram = (text(three_ds, "eci") or "").zfill(2), text(three_ds, "cryptogram")
    block: JsonObject = {"downgraded": False, "enrolled": "Y"}
    block |= {name: three_ds[name] for name in ("cryptogram", "xid", "eci", "version") if name in three_ds}
    if "eci" not in three_ds:
        raise payment_invalid("eci_required")
    if eci == session_authentication.eci(instrument.scheme, "N"):
        return Proof(False, block)
    if eci not in {session_authentication.eci(instrument.scheme, letter) for letter in "YA"}:
        return Proof(False, block, AUTHENTICATION_INVALID)
    if cryptogram is None:
        raise payment_invalid("cryptogram_required")
    cryptogram = _padded(cryptogram)
    session = sessions.find_by_cryptogram(cryptogram)
    if session is None:
        is_valid = _is_cryptogram(cryptogram)
        return Proof(is_valid, block, None if is_valid else AUTHENTICATION_INVALID)
    proof = blocks.proof(session, now)
    is_consistent = eci == proof.get("eci") and text(three_ds, "xid") in {None, proof.get("xid")}
    is_valid = is_consistent and proof.get("cryptogram") is not None and _is_for_payment(session, request, instrument)
    return Proof(is_valid, block, None if is_valid else AUTHENTICATION_INVALID, session.id)


def _is_for_payment(session: Session, request: PaymentRequest, instrument: Instrument) -> bool:
    """Return whether a session authenticated this payment: the card if both are known, currency and amount."""
    known = session.request.card.last_four is not None and instrument.scenario is not None
    same_card = not known or session.request.card.fingerprint == instrument.fingerprint
    return same_card and session.request.currency == request.currency and request.amount <= session.request.amount


def _trans_status(session: Session) -> str | None:
    """Return the transStatus as payments show it: they report a rejection (R) as a failure (N)."""
    code = session.result.response_code if session.result else None
    return {"R": "N"}.get(code, code) if code is not None else None


def _padded(value: str) -> str:
    """Return base64 with its padding, which the API does not ask for."""
    return value + "=" * (-len(value) % 4)


def _is_cryptogram(value: str) -> bool:
    try:
        return len(base64.b64decode(value, validate=True)) == _CRYPTOGRAM_BYTES
    except binascii.Error:
        return False
