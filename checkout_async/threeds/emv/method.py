"""The 3DS Method: the issuer's script in a hidden iframe, its notification, and its time limit of ten seconds.

Browser channel only. Sources: integration guide, "issuer fingerprint"; EMV 3DS 2.2, "3DS Method".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from checkout_async.errors import ConfigurationError, MalformedMessage
from checkout_async.models import sessions
from checkout_async.redaction import clears_frames
from checkout_async.threeds.emv.encoding import decode_message, encode_json, require_field
from checkout_async.threeds.emv.html import FormPost, url_problem
from checkout_async.threeds.emv.messages import METHOD_FIELD, MethodData, MethodNotification

__all__ = [
    "CHECKOUT_METHOD_NOTIFICATION_URL",
    "METHOD_TIME_LIMIT",
    "method_completion",
    "method_data",
    "method_form",
    "method_url",
    "read_method_notification",
    "require_method_notification_url",
]

METHOD_TIME_LIMIT: Final = 10.0
"""Seconds within which the notification must arrive, counted from the start (integration guide)."""

CHECKOUT_METHOD_NOTIFICATION_URL: Final = "https://api.checkout.com/sessions-interceptor/3ds-method-notification"
"""Checkout.com's own notification endpoint in production. It notifies the page with a `message` event."""

_MAX_URL_LENGTH: Final = 256
"""Maximum length of threeDSMethodNotificationURL, in characters (EMV 3DS 2.2)."""

_notification = msgspec.json.Decoder(MethodNotification)


@clears_frames
def require_method_notification_url(url: str) -> str:
    """Return the URL if the 3DS Method can notify it. Raises ConfigurationError if it is not https or too long."""
    if (problem := url_problem(url, max_length=_MAX_URL_LENGTH)) is not None:
        raise ConfigurationError(f"the 3DS Method's notification URL {problem}")
    return url


@clears_frames
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
    """Return the issuer's 3DS Method URL, or None if it has none; the completion is then `U`."""
    link = session.links.three_ds_method_url if session.links else None
    return link.href if link else None


@clears_frames
def method_form(session: sessions.Session, notification_url: str) -> FormPost | None:
    """Return the form for the hidden iframe, or None if the issuer has no 3DS Method.

    Raises the errors of `method_data`, and MalformedMessage for a 3DS Method URL that is not https.
    """
    if (url := method_url(session)) is None:
        return None
    return FormPost(url, {METHOD_FIELD: method_data(session, notification_url)})


@clears_frames
def read_method_notification(form: Mapping[str, object]) -> MethodNotification:
    """Read the form that the issuer makes the browser POST to the notification URL. Raises MalformedMessage."""
    return decode_message(_notification, require_field(form, METHOD_FIELD), METHOD_FIELD)


def method_completion(
    *, started_at: float, now: float, notified_at: float | None = None
) -> sessions.ThreeDsMethodCompletion | None:
    """Return the completion to report for a 3DS Method that was started: `Y`, `N`, or None while there is time left.

    Times are in seconds of one clock. Without a 3DS Method URL there is nothing to start and the completion is `U`.
    """
    if notified_at is not None and notified_at <= started_at + METHOD_TIME_LIMIT:
        return sessions.ThreeDsMethodCompletion.Y
    if notified_at is not None or now >= started_at + METHOD_TIME_LIMIT:
        return sessions.ThreeDsMethodCompletion.N
    return None
