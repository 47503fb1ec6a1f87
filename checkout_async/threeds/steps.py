"""The values of the flow: the merchant's options, the cardholder's progress, the steps, and the events.

A step is what has to be done next, by the cardholder's browser or app (`CardholderStep`) or by a call of the API. An
event is what can happen while a step waits for the cardholder. `build_step` makes a step from a session.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from checkout_async.errors import MalformedMessage
from checkout_async.models import sessions
from checkout_async.redaction import SecretStruct, clears_frames
from checkout_async.threeds.emv.app import AppChallenge, app_challenge
from checkout_async.threeds.emv.challenge import challenge_form
from checkout_async.threeds.emv.html import FormPost, url_problem
from checkout_async.threeds.emv.messages import (
    ChallengeNotification,
    ChallengeResponse,
    ErrorMessage,
    MethodNotification,
    WindowSize,
)
from checkout_async.threeds.emv.method import method_form, require_method_notification_url
from checkout_async.threeds.result import ThreeDSResult

__all__ = [
    "CardholderReturned",
    "CardholderStep",
    "Complete",
    "Done",
    "Event",
    "Options",
    "Progress",
    "ReadSession",
    "RedirectCardholder",
    "ReportMethod",
    "RunMethod",
    "SendChannelData",
    "ShowAppChallenge",
    "ShowChallenge",
    "Step",
    "TimedOut",
    "build_step",
]


class Options(SecretStruct, frozen=True, kw_only=True):
    """The merchant's choices for the flow.

    `method_notification_url` is the URL to which the issuer sends the browser after the 3DS Method. Without it the 3DS
    Method is not run, and is reported as `N`. `size` is the size of the challenge window. `session_data` are sent with
    the challenge and come back with its response. `complete` requests a call of `complete_session` at the end. `app`
    says that the cardholder is in an app with a 3DS SDK. Raises ConfigurationError if the issuer cannot use the
    notification URL.
    """

    __hidden__: ClassVar[tuple[str, ...]] = ("session_data",)

    method_notification_url: str | None = None
    size: WindowSize = WindowSize.W390_H400
    session_data: bytes | None = None
    complete: bool = False
    app: bool = False

    @clears_frames
    def __post_init__(self) -> None:
        if self.method_notification_url is not None:
            require_method_notification_url(self.method_notification_url)


class Progress(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far the cardholder has come, as far as the session does not show it. Store it as JSON between requests.

    Times are in seconds, on the clock that the caller of the flow uses.
    """

    method_completion: sessions.ThreeDsMethodCompletion | None = None
    """The result of the 3DS Method."""
    method_started_at: float | None = None
    method_reported: bool = False
    channel_data_sent: bool = False
    challenge_started_at: float | None = None
    refresh_pending: bool = False
    """An event said that the session has changed, and no reply has confirmed it yet."""
    challenge_failed: bool = False
    """The issuer's page reported that it cannot continue the challenge."""
    timed_out: bool = False
    """The time limit of the challenge has passed."""
    completion_attempted: bool = False
    """`complete_session` was called, with or without success."""


class RunMethod(msgspec.Struct, frozen=True):
    """POST the form into a hidden iframe, and wait up to 10 seconds for the notification."""

    form: FormPost


class SendChannelData(msgspec.Struct, frozen=True):
    """Call `update_session` with the channel data of the browser or the app."""

    method_completion: sessions.ThreeDsMethodCompletion | None
    """Sent with the channel data of a browser; None for an app."""


class ReportMethod(msgspec.Struct, frozen=True):
    """Call `update_three_ds_method_completion`: the session has its channel data already."""

    method_completion: sessions.ThreeDsMethodCompletion


class ShowChallenge(msgspec.Struct, frozen=True):
    """POST the form into an iframe of the given size or into the whole window, and wait up to 15 minutes."""

    form: FormPost
    size: WindowSize


class ShowAppChallenge(msgspec.Struct, frozen=True):
    """Have the SDK in the app run the challenge, and wait up to 15 minutes."""

    challenge: AppChallenge


class RedirectCardholder(SecretStruct, frozen=True):
    """Redirect the cardholder's browser to Checkout.com's page, which does the rest."""

    __hidden__: ClassVar[tuple[str, ...]] = ("url",)

    url: str


class ReadSession(msgspec.Struct, frozen=True):
    """Call `get_session`. If nothing new is known, wait first: the session is still being processed."""


class Complete(msgspec.Struct, frozen=True):
    """Call `complete_session`. Optional; it makes Checkout.com call the callback URL."""


class Done(msgspec.Struct, frozen=True):
    """Nothing is left to do."""

    result: ThreeDSResult


CardholderStep = RunMethod | SendChannelData | ShowChallenge | ShowAppChallenge | RedirectCardholder
"""The steps that need the cardholder's browser or app."""

Step = CardholderStep | ReportMethod | ReadSession | Complete | Done


class CardholderReturned(msgspec.Struct, frozen=True):
    """The cardholder came back from Checkout.com's page, or the app from its challenge. It proves nothing."""


class TimedOut(msgspec.Struct, frozen=True):
    """The time limit of a step has passed: 10 seconds for the 3DS Method, 15 minutes for a challenge.

    A page may report it earlier for the 3DS Method. For a challenge the event is ignored while there is time left.
    """


Event = (
    MethodNotification
    | ChallengeNotification
    | ChallengeResponse
    | ErrorMessage
    | CardholderReturned
    | TimedOut
    | sessions.BrowserChannelData
    | sessions.AppChannelData
)
"""What can happen while a step waits for the cardholder. An event that does not fit the step is ignored."""


def build_step(
    kind: type[Step],
    session: sessions.Session,
    options: Options,
    method_completion: sessions.ThreeDsMethodCompletion | None,
    *,
    timed_out: bool = False,
) -> Step:
    """Return a step of this kind.

    Raises MalformedMessage if the session lacks a member that the step needs, or would send the browser to an unsafe
    URL.
    """
    if kind is RunMethod:
        return _run_method(session, options)
    if kind is SendChannelData:
        return SendChannelData(method_completion)
    if kind is ReportMethod:
        return ReportMethod(method_completion or sessions.ThreeDsMethodCompletion.U)
    if kind is ShowChallenge:
        form = challenge_form(session, size=options.size, session_data=options.session_data)
        return ShowChallenge(form, options.size)
    if kind is ShowAppChallenge:
        return ShowAppChallenge(app_challenge(session))
    if kind is RedirectCardholder:
        return _redirect(session)
    if kind is Done:
        return Done(ThreeDSResult.from_session(session, timed_out=timed_out))
    return Complete() if kind is Complete else ReadSession()


def _run_method(session: sessions.Session, options: Options) -> RunMethod:
    form = method_form(session, options.method_notification_url or "")
    if form is None:
        raise MalformedMessage("3DS Method", "the session has no link three_ds_method_url")
    return RunMethod(form)


def _redirect(session: sessions.Session) -> RedirectCardholder:
    link = session.links.redirect_url if session.links else None
    problem = "is missing" if link is None or link.href is None else url_problem(link.href)
    if link is None or link.href is None or problem is not None:
        raise MalformedMessage("redirect", f"the session's link redirect_url {problem}")
    return RedirectCardholder(link.href)
