"""The blocks inside a session reply: 3DS messages, proof of authentication, card, exemption, experiences.

Each function takes a session or its order and gives the block's value, or None where the reply has no such member.
Shapes of CReq and CRes, error components and codes are those of EMV 3DS 2.2.
"""

from __future__ import annotations

from checkout_async.sandbox.core.payload import JsonObject, base64url, encoded, present
from checkout_async.sandbox.sessions.authentication import eci
from checkout_async.sandbox.sessions.order import Order
from checkout_async.sandbox.sessions.session import Session
from checkout_async.sandbox.sessions.status import ENDED, FINAL, SUCCESSFUL, Status

PROTOCOL_VERSION = "2.2.0"
CRYPTOGRAM_LIFETIME = 24 * 60 * 60
"""Seconds from creation during which the cryptogram is shown."""

_SCHEMES_WITH_INFO = frozenset({"visa", "mastercard", "cartes_bancaires"})


def creq(session: Session) -> str:
    """Write the challenge request (CReq) of a browser session: base64url without padding."""
    message = {
        "threeDSServerTransID": session.transaction_id,
        "acsTransID": session.mint.uuid("acs"),
        "messageType": "CReq",
        "messageVersion": PROTOCOL_VERSION,
        "challengeWindowSize": "05",
    }
    return encoded(message)


def cres(session: Session, trans_status: str) -> str:
    """Write the challenge response (CRes) with which the ACS sends the browser back."""
    message = {
        "threeDSServerTransID": session.transaction_id,
        "acsTransID": session.mint.uuid("acs"),
        "messageType": "CRes",
        "messageVersion": PROTOCOL_VERSION,
        "transStatus": trans_status,
    }
    return encoded(message)


def proof(session: Session, now: float) -> dict[str, object | None]:
    """Write cryptogram, ECI and XID of a finished authentication."""
    outcome = session.outcome
    if session.status not in FINAL or outcome is None or outcome.response_code is None:
        return {}
    fresh = now < session.created_at + CRYPTOGRAM_LIFETIME
    proven = session.status in SUCCESSFUL
    return {
        "cryptogram": session.cryptogram if proven and fresh else None,
        "eci": eci(session.order.card.scheme, outcome.response_code),
        "xid": session.mint.base64(20, "xid").rstrip("=") if proven else None,
    }


def three_ds(session: Session) -> JsonObject | None:
    """Write the challenge request, what became of it, or the error of the exchange."""
    outcome = session.outcome
    if outcome is None:
        return None
    if outcome.faulty:
        details = {
            "error_code": "203",
            "error_component": "D" if not outcome.challenged else "A",
            "error_detail": "transStatus",
            "error_description": "Format of one or more data elements is invalid according to the specification.",
        }
        return {"error_details": details}
    if session.status is Status.CHALLENGED:
        return {"challenge_request": creq(session)} if session.channel == "browser" else None
    return {"interaction_counter": "01"} if outcome.challenged else None


def ds(session: Session) -> JsonObject:
    """Write the scheme's directory server."""
    return present(
        {
            "ds_id": "A999999999" if session.channel == "app" else None,
            "reference_number": "SANDBOX-DS-0001",
            "transaction_id": session.mint.uuid("ds"),
        }
    )


def certificates(session: Session) -> JsonObject | None:
    """Write the keys for the 3DS SDK of an app, as long as the cardholder may be in one."""
    if session.order.hosted or session.channel not in {None, "app"}:
        return None
    key = {
        "kty": "EC",
        "crv": "P-256",
        "x": base64url(session.mint.octets(32, "ds key x")),
        "y": base64url(session.mint.octets(32, "ds key y")),
    }
    authority = base64url(session.mint.octets(64, "ds authority"))
    return {"ds_public": encoded(key), "ca_public": authority, "ca_public_all": [authority]}


def signed_content(session: Session) -> str:
    """Write the ACS's content for an app challenge in the form of a JWS; its signature is made up."""
    header = encoded({"alg": "PS256"})
    payload = encoded({"acsURL": "https://acs.example/app", "acsTransID": session.mint.uuid("acs")})
    return f"{header}.{payload}.{base64url(session.mint.octets(64, 'acs signature'))}"


def card(order: Order) -> JsonObject | None:
    """Write the card as an instrument; a source `card` needs the vault for that."""
    if order.source_type == "card" and not order.card.scenario.vault:
        return None
    metadata = {
        "card_type": "CREDIT",
        "card_category": "CONSUMER",
        "issuer_name": "Sandbox Bank",
        "issuer_country": "GB",
    }
    return {
        "instrument_id": order.card.instrument_id,
        "fingerprint": order.card.fingerprint,
        "metadata": metadata,
    }


def customer_ip(session: Session) -> str | None:
    """Give the cardholder's address, which Cartes Bancaires asks for."""
    reported = session.order.card.scheme == "cartes_bancaires" and session.device is not None
    return session.device.ip_address if reported and session.device else None


def cardholder_info(session: Session) -> str | None:
    """Give the text for a refused cardholder."""
    refused = session.status in {Status.DECLINED, Status.REJECTED}
    return "The card was declined. Please contact your bank." if refused else None


def exemption(order: Order) -> JsonObject | None:
    """Say what became of the exemption the merchant asked for."""
    if order.exemption is None:
        return None
    applied = order.challenge_indicator if order.challenge_indicator != "no_challenge_requested" else "none"
    exemption: JsonObject = {"requested": order.exemption, "applied": applied}
    if order.exemption.startswith("trusted_listing"):
        exemption["trusted_beneficiary"] = {"status": "Y", "source": "02"}
    return exemption


def optimization(order: Order) -> JsonObject | None:
    """Say what was adjusted in the request."""
    if order.optimization is None:
        return None
    changed = order.requested_indicator != order.challenge_indicator
    properties = {
        "field": "challenge_indicator",
        "original_value": order.requested_indicator,
        "optimized_value": order.challenge_indicator,
    }
    return {
        "optimized": changed,
        "framework": order.optimization,
        "optimized_properties": [properties] if changed else [],
    }


def scheme_info(scheme: str) -> JsonObject | None:
    """Write the further data of the schemes that have any."""
    if scheme not in _SCHEMES_WITH_INFO:
        return None
    extra: JsonObject = {"score": "042", "avalgo": "3"} if scheme == "cartes_bancaires" else {}
    return {"name": scheme} | extra


def experience(session: Session) -> JsonObject:
    """Write the experience in use, and the state of each one the request preferred."""
    order = session.order
    if not order.experiences:
        return {"experience": "3ds"} if session.outcome else {}
    chosen = "google_spa" if order.google_spa else "3ds"
    statuses: JsonObject = {}
    for name in order.experiences:
        if name == "google_spa" and not order.google_spa:
            statuses[name] = {"status": "unavailable", "reason": ["Card not eligible"]}
        elif name == chosen:
            statuses[name] = {"status": "processed" if session.status in ENDED else "available"}
        else:
            statuses[name] = {"status": "unprocessed"}
    shown: JsonObject = {"preferred_experiences": statuses}
    if session.outcome:
        shown |= {"experience": chosen} | ({"google_spa": _google_spa(session)} if order.google_spa else {})
    return shown


def _google_spa(session: Session) -> JsonObject:
    """Write the token, and for non-hosted sessions where to run the challenge; timeouts in minutes."""
    year, month = session.order.card.expiry or (2099, 12)
    token = {"number": session.mint.digits(16, "google token"), "expiry_month": month, "expiry_year": year}
    if session.order.hosted:
        return {"token": token}
    return {
        "challenge_url": f"https://spa.example/challenge/{session.id}",
        "initial_timeout": "1",
        "max_timeout": "5",
        "iframe": {"height": "400", "width": "250"},
        "token": token,
    }
