"""The 3DS Method: the issuer's script in a hidden iframe, its notification, and the ten seconds it has.

Browser channel only (integration guide, "issuer fingerprint"; EMV 3DS 2.2, "3DS Method").
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from checkout_async.errors import ConfigurationError, MalformedMessage
from checkout_async.models import sessions
from checkout_async.threeds.emv.encoding import decode_message, encode_json, field_of
from checkout_async.threeds.emv.html import FormPost
from checkout_async.threeds.emv.messages import METHOD_FIELD, MethodData, MethodNotification
from checkout_async.threeds.emv.urls import fault_of

__all__ = [
    "CHECKOUT_METHOD_NOTIFICATION_URL",
    "METHOD_TIME_LIMIT",
    "method_completion",
    "method_data",
    "method_form",
    "read_method_notification",
    "require_method_notification_url",
]

METHOD_TIME_LIMIT: Final = 10.0
"""Seconds from the start within which the notification must come (integration guide)."""

CHECKOUT_METHOD_NOTIFICATION_URL: Final = "https://api.checkout.com/sessions-interceptor/3ds-method-notification"
"""Checkout.com's own notification endpoint in production, which tells the page by a `message` event."""

_LONGEST_URL: Final = 256
"""Limit of threeDSMethodNotificationURL in EMV 3DS 2.2, in characters."""

_notification = msgspec.json.Decoder(MethodNotification)


def require_method_notification_url(url: str) -> str:
    """Return the URL; raise ConfigurationError for one that the 3DS Method cannot be told."""
    if (fault := fault_of(url, longest=_LONGEST_URL)) is not None:
        raise ConfigurationError(f"the 3DS Method's notification URL {fault}")
    return url


def method_data(session: sessions.Session, notification_url: str) -> str:
    """Return the value of the form field for the 3DS Method: base64url JSON.

    Raises ConfigurationError for a notification URL that is not https or too long, MalformedMessage for a session
    without `transaction_id`.
    """
    require_method_notification_url(notification_url)
    if session.transaction_id is None:
        raise MalformedMessage(METHOD_FIELD, "the session has no transaction_id")
    return encode_json(MethodData(server_transaction_id=session.transaction_id, notification_url=notification_url))


def method_url(session: sessions.Session) -> str | None:
    """Return the issuer's 3DS Method URL, or None where there is none: the completion is then `U`."""
    link = session.links.three_ds_method_url if session.links else None
    return link.href if link else None


def method_form(session: sessions.Session, notification_url: str) -> FormPost | None:
    """Return the form for the hidden iframe, or None where the issuer has no 3DS Method.

    Raises what `method_data` raises, and MalformedMessage for a 3DS Method URL that is not https.
    """
    if (url := method_url(session)) is None:
        return None
    return FormPost(url, {METHOD_FIELD: method_data(session, notification_url)})


def read_method_notification(form: Mapping[str, object]) -> MethodNotification:
    """Read the form that the issuer makes the browser POST to the notification URL. Raises MalformedMessage."""
    return decode_message(_notification, field_of(form, METHOD_FIELD), METHOD_FIELD)


def method_completion(
    *, started_at: float, now: float, notified_at: float | None = None
) -> sessions.ThreeDsMethodCompletion | None:
    """Return what to report of a 3DS Method that was started: `Y`, `N`, or None while there is still time.

    Times are in seconds of one clock. Without a 3DS Method URL there is nothing to start, and the answer is `U`.
    """
    if notified_at is not None and notified_at <= started_at + METHOD_TIME_LIMIT:
        return sessions.ThreeDsMethodCompletion.Y
    if notified_at is not None or now >= started_at + METHOD_TIME_LIMIT:
        return sessions.ThreeDsMethodCompletion.N
    return None
