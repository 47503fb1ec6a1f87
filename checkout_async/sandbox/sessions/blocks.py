"""The blocks inside a session reply: 3DS messages, proof of authentication, card, exemption, experiences.

Each function takes a session or its request and returns the block, or None if the reply has no such member. Shapes of
CReq and CRes, error components and codes are those of EMV 3DS 2.2.
"""

from __future__ import annotations

from checkout_async.sandbox.core.payload import JsonObject, base64url, base64url_json, drop_none
from checkout_async.sandbox.sessions.authentication import eci
from checkout_async.sandbox.sessions.request import SessionRequest
from checkout_async.sandbox.sessions.session import Session
from checkout_async.sandbox.sessions.status import ENDED, FINAL, SUCCESSFUL, SessionStatus

PROTOCOL_VERSION = "2.2.0"
CRYPTOGRAM_LIFETIME = 24 * 60 * 60
"""Seconds from creation during which the cryptogram is shown."""

_SCHEMES_WITH_INFO = frozenset({"visa", "mastercard", "cartes_bancaires"})


def creq(session: Session) -> str:
    """Write the challenge request (CReq) of a browser session: base64url without padding."""
    message = {
        "threeDSServerTransID": session.transaction_id,
        "acsTransID": session.ids.uuid("acs"),
        "messageType": "CReq",
        "messageVersion": PROTOCOL_VERSION,
        "challengeWindowSize": "05",
    }
    return base64url_json(message)


def cres(session: Session, trans_status: str) -> str:
    """Write the challenge response (CRes) that the ACS gives the browser to return with."""
    message = {
        "threeDSServerTransID": session.transaction_id,
        "acsTransID": session.ids.uuid("acs"),
        "messageType": "CRes",
        "messageVersion": PROTOCOL_VERSION,
        "transStatus": trans_status,
    }
    return base64url_json(message)


def proof(session: Session, now: float) -> dict[str, object | None]:
    """Write cryptogram, ECI and XID of a finished authentication."""
    result = session.result
    if session.status not in FINAL or result is None or result.response_code is None:
        return {}
    is_fresh = now < session.created_at + CRYPTOGRAM_LIFETIME
    is_authenticated = session.status in SUCCESSFUL
    return {
        "cryptogram": session.cryptogram if is_authenticated and is_fresh else None,
        "eci": eci(session.request.card.scheme, result.response_code),
        "xid": session.ids.base64(20, "xid").rstrip("=") if is_authenticated else None,
    }


def three_ds(session: Session) -> JsonObject | None:
    """Write the challenge request, its interaction counter once it is over, or the error of the exchange."""
    result = session.result
    if result is None:
        return None
    if result.has_error:
        details = {
            "error_code": "203",
            "error_component": "D" if not result.challenged else "A",
            "error_detail": "transStatus",
            "error_description": "Format of one or more data elements is invalid according to the specification.",
        }
        return {"error_details": details}
    if session.status is SessionStatus.CHALLENGED:
        return {"challenge_request": creq(session)} if session.channel == "browser" else None
    return {"interaction_counter": "01"} if result.challenged else None


def ds(session: Session) -> JsonObject:
    """Write the data of the scheme's directory server."""
    return drop_none(
        {
            "ds_id": "A999999999" if session.channel == "app" else None,
            "reference_number": "SANDBOX-DS-0001",
            "transaction_id": session.ids.uuid("ds"),
        }
    )


def certificates(session: Session) -> JsonObject | None:
    """Write the keys for an app's 3DS SDK, unless the session cannot be in an app."""
    if session.request.hosted or session.channel not in {None, "app"}:
        return None
    key = {
        "kty": "EC",
        "crv": "P-256",
        "x": base64url(session.ids.derive_bytes(32, "ds key x")),
        "y": base64url(session.ids.derive_bytes(32, "ds key y")),
    }
    authority = base64url(session.ids.derive_bytes(64, "ds authority"))
    return {"ds_public": base64url_json(key), "ca_public": authority, "ca_public_all": [authority]}


def signed_content(session: Session) -> str:
    """Write the ACS's content for an app challenge in the form of a JWS; its signature is invented."""
    header = base64url_json({"alg": "PS256"})
    payload = base64url_json({"acsURL": "https://acs.example/app", "acsTransID": session.ids.uuid("acs")})
    return f"{header}.{payload}.{base64url(session.ids.derive_bytes(64, 'acs signature'))}"


def card(request: SessionRequest) -> JsonObject | None:
    """Write the card as an instrument; for a source `card` only if the vault can be reached."""
    if request.source_type == "card" and not request.card.scenario.vault:
        return None
    metadata = {
        "card_type": "CREDIT",
        "card_category": "CONSUMER",
        "issuer_name": "Sandbox Bank",
        "issuer_country": "GB",
    }
    return {
        "instrument_id": request.card.instrument_id,
        "fingerprint": request.card.fingerprint,
        "metadata": metadata,
    }


def customer_ip(session: Session) -> str | None:
    """Return the cardholder's IP address, which only Cartes Bancaires sessions report."""
    reported = session.request.card.scheme == "cartes_bancaires" and session.device is not None
    return session.device.ip_address if reported and session.device else None


def cardholder_info(session: Session) -> str | None:
    """Return the text for a cardholder who was declined or rejected."""
    is_refused = session.status in {SessionStatus.DECLINED, SessionStatus.REJECTED}
    return "The card was declined. Please contact your bank." if is_refused else None


def exemption(request: SessionRequest) -> JsonObject | None:
    """Write the exemption that the merchant requested, and the one that was applied."""
    if request.exemption is None:
        return None
    applied = request.challenge_indicator if request.challenge_indicator != "no_challenge_requested" else "none"
    exemption: JsonObject = {"requested": request.exemption, "applied": applied}
    if request.exemption.startswith("trusted_listing"):
        exemption["trusted_beneficiary"] = {"status": "Y", "source": "02"}
    return exemption


def optimization(request: SessionRequest) -> JsonObject | None:
    """Write what was optimized in the request."""
    if request.optimization is None:
        return None
    changed = request.requested_indicator != request.challenge_indicator
    properties = {
        "field": "challenge_indicator",
        "original_value": request.requested_indicator,
        "optimized_value": request.challenge_indicator,
    }
    return {
        "optimized": changed,
        "framework": request.optimization,
        "optimized_properties": [properties] if changed else [],
    }


def scheme_info(scheme: str) -> JsonObject | None:
    """Write the further data of the schemes that provide them."""
    if scheme not in _SCHEMES_WITH_INFO:
        return None
    extra: JsonObject = {"score": "042", "avalgo": "3"} if scheme == "cartes_bancaires" else {}
    return {"name": scheme} | extra


def experience(session: Session) -> JsonObject:
    """Write the experience in use, and the state of each preferred one."""
    request = session.request
    if not request.experiences:
        return {"experience": "3ds"} if session.result else {}
    chosen = "google_spa" if request.google_spa else "3ds"
    statuses: JsonObject = {}
    for name in request.experiences:
        if name == "google_spa" and not request.google_spa:
            statuses[name] = {"status": "unavailable", "reason": ["Card not eligible"]}
        elif name == chosen:
            statuses[name] = {"status": "processed" if session.status in ENDED else "available"}
        else:
            statuses[name] = {"status": "unprocessed"}
    block: JsonObject = {"preferred_experiences": statuses}
    if session.result:
        block |= {"experience": chosen} | ({"google_spa": _google_spa(session)} if request.google_spa else {})
    return block


def _google_spa(session: Session) -> JsonObject:
    """Write the token, and for non-hosted sessions where to run the challenge, with time-outs in minutes."""
    year, month = session.request.card.expiry or (2099, 12)
    token = {"number": session.ids.digits(16, "google token"), "expiry_month": month, "expiry_year": year}
    if session.request.hosted:
        return {"token": token}
    return {
        "challenge_url": f"https://spa.example/challenge/{session.id}",
        "initial_timeout": "1",
        "max_timeout": "5",
        "iframe": {"height": "400", "width": "250"},
        "token": token,
    }
