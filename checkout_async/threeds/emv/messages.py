"""The messages that pass through the cardholder's browser, with the names that EMV 3DS 2.2 gives them.

Every name of the protocol is defined here once. The callers map them to the API's names (`transaction_id`,
`acs.transaction_id`, `protocol_version`). The values of transStatus are those of `sessions.ResponseCode`.
"""

from __future__ import annotations

import hmac
from enum import StrEnum
from typing import Final

import msgspec

from checkout_async.errors import MalformedMessage
from checkout_async.models import sessions

__all__ = [
    "CREQ_FIELD",
    "CRES_FIELD",
    "METHOD_FIELD",
    "SESSION_DATA_FIELD",
    "ChallengeNotification",
    "ChallengeRequest",
    "ChallengeResponse",
    "ErrorMessage",
    "MethodData",
    "MethodNotification",
    "SessionMessage",
    "WindowSize",
    "belongs_to",
    "require_match",
]

METHOD_FIELD: Final = "threeDSMethodData"
"""Form field of the 3DS Method, in both directions."""
CREQ_FIELD: Final = "creq"
"""Form field of the challenge request."""
CRES_FIELD: Final = "cres"
"""Form field of the challenge response."""
SESSION_DATA_FIELD: Final = "threeDSSessionData"
"""Form field of the merchant's own data, which the issuer's server sends back unchanged."""

_MESSAGE_TYPE: Final = "messageType"
_SERVER_ID: Final = "threeDSServerTransID"
_ACS_ID: Final = "acsTransID"
_VERSION: Final = "messageVersion"


class WindowSize(StrEnum):
    """Size of the challenge window, challengeWindowSize. Issuers need not follow it exactly."""

    W250_H400 = "01"
    W390_H400 = "02"
    W500_H600 = "03"
    W600_H400 = "04"
    FULL_SCREEN = "05"

    @property
    def pixels(self) -> tuple[int, int] | None:
        """Width and height in CSS pixels; None for the full screen."""
        return _PIXELS.get(self)


_PIXELS: Final = {
    WindowSize.W250_H400: (250, 400),
    WindowSize.W390_H400: (390, 400),
    WindowSize.W500_H600: (500, 600),
    WindowSize.W600_H400: (600, 400),
}


class _Message(msgspec.Struct, frozen=True, kw_only=True):
    """The member that all messages share: the identifier of the transaction at the 3DS server."""

    server_transaction_id: str = msgspec.field(name=_SERVER_ID)


class _AcsMessage(_Message, frozen=True, kw_only=True):
    """A message to or from the access control server. Its `messageType` is the tag of the class."""

    acs_transaction_id: str | None = msgspec.field(name=_ACS_ID, default=None)
    version: str | None = msgspec.field(name=_VERSION, default=None)


class MethodData(_Message, frozen=True, kw_only=True):
    """The message that the browser sends to the 3DS Method URL."""

    notification_url: str = msgspec.field(name="threeDSMethodNotificationURL")


class MethodNotification(_Message, frozen=True, kw_only=True):
    """The 3DS Method is finished. The message contains the transaction and nothing else."""


class ChallengeNotification(_Message, frozen=True, kw_only=True):
    """The challenge is finished, reported by the browser event of Checkout.com's own endpoint. A hint, not a proof."""

    trans_status: sessions.ResponseCode = msgspec.field(name="transStatus")


class ChallengeRequest(_AcsMessage, frozen=True, kw_only=True, tag_field=_MESSAGE_TYPE, tag="CReq"):
    """The message that the browser sends to the access control server to start the challenge."""

    window_size: WindowSize = msgspec.field(name="challengeWindowSize")


class ChallengeResponse(_AcsMessage, frozen=True, kw_only=True, tag_field=_MESSAGE_TYPE, tag="CRes"):
    """The challenge is finished, reported by the access control server through the browser. A hint, not a proof."""

    trans_status: sessions.ResponseCode | None = msgspec.field(name="transStatus", default=None)


class ErrorMessage(msgspec.Struct, frozen=True, kw_only=True, tag_field=_MESSAGE_TYPE, tag="Erro"):
    """The access control server failed. Unlike other messages it may name no transaction. A hint, not a proof."""

    server_transaction_id: str | None = msgspec.field(name=_SERVER_ID, default=None)
    acs_transaction_id: str | None = msgspec.field(name=_ACS_ID, default=None)
    version: str | None = msgspec.field(name=_VERSION, default=None)
    error_code: str | None = msgspec.field(name="errorCode", default=None)
    error_component: str | None = msgspec.field(name="errorComponent", default=None)
    error_description: str | None = msgspec.field(name="errorDescription", default=None)
    error_detail: str | None = msgspec.field(name="errorDetail", default=None)
    error_message_type: str | None = msgspec.field(name="errorMessageType", default=None)


SessionMessage = (
    MethodNotification | ChallengeNotification | ChallengeResponse | ErrorMessage | sessions.SessionCompletedCallback
)
"""A message from outside about one session."""


def belongs_to(message: SessionMessage, session: sessions.Session) -> bool:
    """Return whether a message names this session, or its transaction at the 3DS server.

    An error message need not name a transaction (EMV 3DS 2.2); each one that it names must be the session's.
    """
    if isinstance(message, sessions.SessionCompletedCallback):
        return _same_text(message.session_id, session.id)
    if isinstance(message, ErrorMessage):
        at_acs = session.acs.transaction_id if session.acs else None
        pairs = ((message.server_transaction_id, session.transaction_id), (message.acs_transaction_id, at_acs))
        return all(_same_uuid(named, known) for named, known in pairs if named is not None)
    return _same_uuid(message.server_transaction_id, session.transaction_id)


def require_match(message: SessionMessage, session: sessions.Session) -> None:
    """Raise MalformedMessage if a message is about another session."""
    if not belongs_to(message, session):
        raise MalformedMessage(type(message).__name__, "is about another session")


def _same_uuid(named: str, known: str | None) -> bool:
    # A UUID is the same in either letter case (RFC 9562 section 4).
    return known is not None and _same_text(named.lower(), known.lower())


def _same_text(left: str, right: str) -> bool:
    """Compare two texts in constant time."""
    return hmac.compare_digest(left.encode("utf-8", "replace"), right.encode("utf-8", "replace"))
