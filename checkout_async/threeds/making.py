"""Steps made from a session: which of its members each one needs."""

from __future__ import annotations

from checkout_async.errors import MalformedMessage
from checkout_async.models import sessions
from checkout_async.threeds import steps
from checkout_async.threeds.app import app_challenge
from checkout_async.threeds.challenge import challenge_form
from checkout_async.threeds.method import method_form
from checkout_async.threeds.result import Result
from checkout_async.threeds.state import Options
from checkout_async.threeds.urls import fault_of

__all__ = ["make_step"]


def make_step(
    kind: type[steps.Step],
    session: sessions.Session,
    options: Options,
    completion: sessions.ThreeDsMethodCompletion | None,
    *,
    overdue: bool = False,
) -> steps.Step:
    """Return a step of this kind.

    Raises MalformedMessage for a session that lacks what the step needs, or sends the browser to an unsafe URL.
    """
    if kind is steps.RunMethod:
        return _run_method(session, options)
    if kind is steps.SendChannelData:
        return steps.SendChannelData(completion)
    if kind is steps.ReportMethod:
        return steps.ReportMethod(completion or sessions.ThreeDsMethodCompletion.U)
    if kind is steps.ShowChallenge:
        form = challenge_form(session, size=options.size, session_data=options.session_data)
        return steps.ShowChallenge(form, options.size)
    if kind is steps.ShowAppChallenge:
        return steps.ShowAppChallenge(app_challenge(session))
    if kind is steps.RedirectCardholder:
        return _redirect(session)
    if kind is steps.Done:
        return steps.Done(Result.of(session, overdue=overdue))
    return steps.Complete() if kind is steps.Complete else steps.ReadSession()


def _run_method(session: sessions.Session, options: Options) -> steps.RunMethod:
    form = method_form(session, options.method_notification_url or "")
    if form is None:
        raise MalformedMessage.of("3DS Method", "the session has no link three_ds_method_url")
    return steps.RunMethod(form)


def _redirect(session: sessions.Session) -> steps.RedirectCardholder:
    link = session.links.redirect_url if session.links else None
    fault = "is missing" if link is None or link.href is None else fault_of(link.href)
    if link is None or link.href is None or fault is not None:
        raise MalformedMessage.of("redirect", f"the session's link redirect_url {fault}")
    return steps.RedirectCardholder(link.href)
