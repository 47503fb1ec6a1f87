"""What the flow knows beside the session: how the merchant wants it to go, and how far the cardholder has come."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from checkout_async.models import sessions
from checkout_async.threeds.emv.messages import WindowSize
from checkout_async.threeds.emv.method import require_method_notification_url

__all__ = ["Options", "Progress"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a merchant wants the flow to go.

    `method_notification_url` is where the issuer sends the browser after the 3DS Method; without one it is not run, and
    reported as `N`. `size` is the challenge window's, `session_data` travel through the challenge and come back.
    `complete` calls `complete_session` at the end. `app` says that the cardholder is in an app with a 3DS SDK.
    Raises ConfigurationError for a notification URL that the issuer cannot be given.
    """

    method_notification_url: str | None = None
    size: WindowSize = WindowSize.W390_H400
    session_data: bytes | None = field(default=None, repr=False)
    complete: bool = False
    app: bool = False

    def __post_init__(self) -> None:
        if self.method_notification_url is not None:
            require_method_notification_url(self.method_notification_url)


class Progress(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far the cardholder has come, as far as the session does not tell. Keep it as JSON between requests.

    Times are in seconds, of the clock that the flow is given.
    """

    method: sessions.ThreeDsMethodCompletion | None = None
    """ThreeDSResult of the 3DS Method."""
    method_started_at: float | None = None
    method_reported: bool = False
    data_sent: bool = False
    challenge_started_at: float | None = None
    looking: bool = False
    """An event said that the session has changed, and no reply has confirmed it yet."""
    broken: bool = False
    """The issuer's page said that it cannot go on with the challenge."""
    overdue: bool = False
    """The challenge's time is over."""
    completion_tried: bool = False
