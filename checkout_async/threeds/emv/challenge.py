"""The challenge in a browser: its request (CReq), its response (CRes), and the merchant's data sent along with them.

Sources: EMV 3DS 2.2 and the integration guide, "challenge". The response is only a hint; `get_session` has the result.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from checkout_async.errors import MalformedMessage
from checkout_async.models import sessions
from checkout_async.redaction import clears_frames
from checkout_async.threeds.emv.encoding import (
    decode_base64url,
    decode_message,
    encode_base64url,
    encode_json,
    require_field,
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
"""Seconds after which a challenge times out, counted from its start (integration guide)."""

SESSION_DATA_LIMIT: Final = 1024
"""Maximum length of the encoded threeDSSessionData, in characters (EMV 3DS 2.2)."""

_response: msgspec.json.Decoder[ChallengeResponse | ErrorMessage] = msgspec.json.Decoder(
    ChallengeResponse | ErrorMessage
)


def challenge_request(session: sessions.Session, size: WindowSize = WindowSize.W390_H400) -> str:
    """Return the challenge request (CReq) of a challenged session as base64url JSON.

    Raises MalformedMessage, which names the members that the session lacks.
    """
    acs_transaction_id = session.acs.transaction_id if session.acs else None
    transaction_id, version = session.transaction_id, session.protocol_version
    if transaction_id is None or acs_transaction_id is None or version is None:
        needed = {
            "transaction_id": transaction_id,
            "acs.transaction_id": acs_transaction_id,
            "protocol_version": version,
        }
        raise _missing_error(*(name for name, value in needed.items() if value is None))
    return encode_json(
        ChallengeRequest(
            server_transaction_id=transaction_id,
            acs_transaction_id=acs_transaction_id,
            version=version,
            window_size=size,
        )
    )


@clears_frames
def challenge_form(
    session: sessions.Session, *, size: WindowSize = WindowSize.W390_H400, session_data: bytes | None = None
) -> FormPost:
    """Return the form that starts the challenge, for an iframe of `size` or for the whole window.

    The issuer returns `session_data` (up to 768 bytes) with the response. The data pass through the browser, so sign
    them if they matter. Raises MalformedMessage, which names the members that the session lacks, or if the data are
    too long.
    """
    fields = {CREQ_FIELD: challenge_request(session, size)}
    if session.acs is None or session.acs.url is None:
        raise _missing_error("acs.url")
    if session_data is not None:
        fields[SESSION_DATA_FIELD] = _encode_session_data(session_data)
    return FormPost(session.acs.url, fields)


@clears_frames
def read_challenge_response(form: Mapping[str, object]) -> ChallengeResponse | ErrorMessage:
    """Read the form that the issuer makes the browser POST to `challenge_notification_url`. Raises MalformedMessage."""
    return decode_message(_response, require_field(form, CRES_FIELD), CRES_FIELD)


@clears_frames
def read_session_data(form: Mapping[str, object]) -> bytes | None:
    """Return the merchant's own data from the same form, or None if it has none. Raises MalformedMessage."""
    if SESSION_DATA_FIELD not in form:
        return None
    text = require_field(form, SESSION_DATA_FIELD)
    return decode_base64url(text, SESSION_DATA_FIELD, limit=SESSION_DATA_LIMIT)


def _encode_session_data(session_data: bytes) -> str:
    text = encode_base64url(session_data)
    if len(text) > SESSION_DATA_LIMIT:
        raise MalformedMessage(SESSION_DATA_FIELD, f"is longer than {SESSION_DATA_LIMIT} characters when encoded")
    return text


def _missing_error(*names: str) -> MalformedMessage:
    return MalformedMessage(CREQ_FIELD, f"the session has no {', '.join(names)}; only a challenged session has")
