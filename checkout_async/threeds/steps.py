"""The vocabulary of the flow: which steps there are, how each is built, and which events may happen meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, field

from checkout_async.errors import MalformedMessage
from checkout_async.models import sessions
from checkout_async.threeds.app import AppChallenge, app_challenge
from checkout_async.threeds.emv.challenge import challenge_form
from checkout_async.threeds.emv.html import FormPost
from checkout_async.threeds.emv.messages import (
    ChallengeNotification,
    ChallengeResponse,
    ErrorMessage,
    MethodNotification,
    WindowSize,
)
from checkout_async.threeds.emv.method import method_form
from checkout_async.threeds.emv.urls import fault_of
from checkout_async.threeds.result import ThreeDSResult
from checkout_async.threeds.state import Options

__all__ = [
    "CardholderReturned",
    "CardholderStep",
    "Complete",
    "Done",
    "Event",
    "ReadSession",
    "RedirectCardholder",
    "ReportMethod",
    "RunMethod",
    "SendChannelData",
    "ShowAppChallenge",
    "ShowChallenge",
    "Step",
    "TimedOut",
    "make_step",
]


@dataclass(frozen=True, slots=True)
class RunMethod:
    """POST the form into a hidden iframe, and wait 10 seconds for the notification."""

    form: FormPost


@dataclass(frozen=True, slots=True)
class SendChannelData:
    """Call `update_session` with the data of the browser or the app."""

    method_completion: sessions.ThreeDsMethodCompletion | None
    """Goes with the data of a browser; None for an app."""


@dataclass(frozen=True, slots=True)
class ReportMethod:
    """Call `update_three_ds_method_completion`: channel data are there already."""

    method_completion: sessions.ThreeDsMethodCompletion


@dataclass(frozen=True, slots=True)
class ShowChallenge:
    """POST the form into an iframe of the given size or the whole window, and wait 15 minutes at most."""

    form: FormPost
    size: WindowSize


@dataclass(frozen=True, slots=True)
class ShowAppChallenge:
    """Have the SDK in the app run the challenge, and wait 15 minutes at most."""

    challenge: AppChallenge


@dataclass(frozen=True, slots=True)
class RedirectCardholder:
    """Send the cardholder's browser to Checkout.com's page, which does all the rest."""

    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ReadSession:
    """Call `get_session`, after a wait where nothing new is known: the answer is on its way."""


@dataclass(frozen=True, slots=True)
class Complete:
    """Call `complete_session`. Optional; it makes Checkout.com call back."""


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing is left to do."""

    result: ThreeDSResult


CardholderStep = RunMethod | SendChannelData | ShowChallenge | ShowAppChallenge | RedirectCardholder
"""Steps that need the cardholder's browser or app."""

Step = CardholderStep | ReportMethod | ReadSession | Complete | Done


@dataclass(frozen=True, slots=True)
class CardholderReturned:
    """The cardholder came back from Checkout.com's page, or the app from its challenge. Says nothing of the outcome."""


@dataclass(frozen=True, slots=True)
class TimedOut:
    """The time of a step is over: 10 seconds of the 3DS Method, 15 minutes of a challenge.

    A page may say so of the 3DS Method before that. Of a challenge it is ignored as long as there is time left.
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
"""What can happen while a step waits for the cardholder. Anything that does not fit the step is ignored."""


def make_step(
    kind: type[Step],
    session: sessions.Session,
    options: Options,
    completion: sessions.ThreeDsMethodCompletion | None,
    *,
    overdue: bool = False,
) -> Step:
    """Return a step of this kind.

    Raises MalformedMessage for a session that lacks what the step needs, or sends the browser to an unsafe URL.
    """
    if kind is RunMethod:
        return _run_method(session, options)
    if kind is SendChannelData:
        return SendChannelData(completion)
    if kind is ReportMethod:
        return ReportMethod(completion or sessions.ThreeDsMethodCompletion.U)
    if kind is ShowChallenge:
        form = challenge_form(session, size=options.size, session_data=options.session_data)
        return ShowChallenge(form, options.size)
    if kind is ShowAppChallenge:
        return ShowAppChallenge(app_challenge(session))
    if kind is RedirectCardholder:
        return _redirect(session)
    if kind is Done:
        return Done(ThreeDSResult.of(session, overdue=overdue))
    return Complete() if kind is Complete else ReadSession()


def _run_method(session: sessions.Session, options: Options) -> RunMethod:
    form = method_form(session, options.method_notification_url or "")
    if form is None:
        raise MalformedMessage("3DS Method", "the session has no link three_ds_method_url")
    return RunMethod(form)


def _redirect(session: sessions.Session) -> RedirectCardholder:
    link = session.links.redirect_url if session.links else None
    fault = "is missing" if link is None or link.href is None else fault_of(link.href)
    if link is None or link.href is None or fault is not None:
        raise MalformedMessage("redirect", f"the session's link redirect_url {fault}")
    return RedirectCardholder(link.href)
