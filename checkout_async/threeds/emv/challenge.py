"""The challenge in a browser: its request (CReq), its response (CRes), and the merchant's data that travel along.

EMV 3DS 2.2 and the integration guide, "challenge". The response is a hint: the result is what `get_session` says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from checkout_async.errors import MalformedMessage
from checkout_async.models import sessions
from checkout_async.threeds.emv.encoding import (
    decode_base64url,
    decode_message,
    encode_base64url,
    encode_json,
    field_of,
)
from checkout_async.threeds.emv.html import FormPost
from checkout_async.threeds.emv.messages import (
    CREQ_FIELD,
    CRES_FIELD,
    SESSION_DATA_FIELD,
    ChallengeRequest,
    ChallengeResponse,
    ErrorMessage,
    WindowSize,
)

__all__ = [
    "CHALLENGE_TIME_LIMIT",
    "SESSION_DATA_LIMIT",
    "challenge_form",
    "challenge_request",
    "read_challenge_response",
    "read_session_data",
]

CHALLENGE_TIME_LIMIT: Final = 15 * 60.0
"""Seconds from the start after which a challenge need not be waited for any longer (integration guide)."""

SESSION_DATA_LIMIT: Final = 1024
"""Longest encoded threeDSSessionData, in characters (EMV 3DS 2.2)."""

_response: msgspec.json.Decoder[ChallengeResponse | ErrorMessage] = msgspec.json.Decoder(
    ChallengeResponse | ErrorMessage
)


def challenge_request(session: sessions.Session, size: WindowSize = WindowSize.W390_H400) -> str:
    """Return the challenge request (CReq) of a challenged session as base64url JSON.

    Raises MalformedMessage naming what the session lacks.
    """
    acs_transaction_id = session.acs.transaction_id if session.acs else None
    transaction_id, version = session.transaction_id, session.protocol_version
    if transaction_id is None or acs_transaction_id is None or version is None:
        needed = {
            "transaction_id": transaction_id,
            "acs.transaction_id": acs_transaction_id,
            "protocol_version": version,
        }
        raise _lacking(*(name for name, value in needed.items() if value is None))
    return encode_json(
        ChallengeRequest(
            server_transaction_id=transaction_id,
            acs_transaction_id=acs_transaction_id,
            version=version,
            window_size=size,
        )
    )


def challenge_form(
    session: sessions.Session, *, size: WindowSize = WindowSize.W390_H400, session_data: bytes | None = None
) -> FormPost:
    """Return the form that begins the challenge, for an iframe of `size` or the whole window.

    `session_data`, up to 768 bytes, come back with the response; they pass through the browser, so sign them if they
    matter. Raises MalformedMessage naming what the session lacks, or for data that are too long.
    """
    fields = {CREQ_FIELD: challenge_request(session, size)}
    if session.acs is None or session.acs.url is None:
        raise _lacking("acs.url")
    if session_data is not None:
        fields[SESSION_DATA_FIELD] = _encoded(session_data)
    return FormPost(session.acs.url, fields)


def read_challenge_response(form: Mapping[str, object]) -> ChallengeResponse | ErrorMessage:
    """Read the form that the issuer makes the browser POST to `challenge_notification_url`. Raises MalformedMessage."""
    return decode_message(_response, field_of(form, CRES_FIELD), CRES_FIELD)


def read_session_data(form: Mapping[str, object]) -> bytes | None:
    """Return the merchant's own data from the same form, or None where there are none. Raises MalformedMessage."""
    if SESSION_DATA_FIELD not in form:
        return None
    text = field_of(form, SESSION_DATA_FIELD)
    return decode_base64url(text, SESSION_DATA_FIELD, limit=SESSION_DATA_LIMIT)


def _encoded(session_data: bytes) -> str:
    text = encode_base64url(session_data)
    if len(text) > SESSION_DATA_LIMIT:
        raise MalformedMessage(SESSION_DATA_FIELD, f"is longer than {SESSION_DATA_LIMIT} characters when encoded")
    return text


def _lacking(*names: str) -> MalformedMessage:
    return MalformedMessage(CREQ_FIELD, f"the session has no {', '.join(names)}; only a challenged one has")
