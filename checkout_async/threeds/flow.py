"""The flow as a value: a session, how far its cardholder has come, and from both the next step. No I/O, no clock.

    flow = Flow(session=session, options=Options(method_notification_url=...))
    step = flow.step()                        # what is to be done
    flow = flow.begun(now)                    # it was shown to the cardholder
    flow = flow.after(event, now)             # something happened
    flow = flow.replied(step, session)        # a call was made and answered
    flow = flow.at(now)                       # time has passed

`now` is in seconds of one clock; time.time() where `progress` is kept between processes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from msgspec.structs import replace as changed

from checkout_async.models import sessions
from checkout_async.threeds import steps
from checkout_async.threeds.emv.messages import (
    ChallengeNotification,
    ChallengeResponse,
    ErrorMessage,
    MethodNotification,
    require_match,
)
from checkout_async.threeds.emv.method import method_completion, method_url
from checkout_async.threeds.state import Options, Progress
from checkout_async.threeds.steps import make_step
from checkout_async.threeds.table import DECISIONS, REACTIONS, TIME_LIMITS, Decision, Effect, Given

__all__ = ["Flow"]

_Completion = sessions.ThreeDsMethodCompletion

_SLACK: Final = 5.0
"""Seconds by which two clocks may differ at the end of 15 minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A session on its way; see the head of the module."""

    session: sessions.Session
    options: Options = field(default_factory=Options)
    progress: Progress = field(default_factory=Progress)

    def step(self) -> steps.Step:
        """Return what is to be done next.

        Raises MalformedMessage for a session that lacks what the step needs, or sends the browser to an unsafe URL.
        """
        if self.progress.looking:
            return steps.ReadSession()
        kind = next(row.step for row in DECISIONS if self._fits(row))
        return make_step(kind, self.session, self.options, self.completion, overdue=self.progress.overdue)

    def begun(self, now: float) -> Flow:
        """Return the flow whose present step was shown to the cardholder: its time runs from the first showing."""
        step, progress = self.step(), self.progress
        if isinstance(step, steps.RunMethod) and progress.method_started_at is None:
            return self._marked(method_started_at=now)
        if isinstance(step, steps.ShowChallenge | steps.ShowAppChallenge) and progress.challenge_started_at is None:
            return self._marked(challenge_started_at=now)
        return self

    def time_left(self, now: float) -> float | None:
        """Return the seconds that the present step still has, 0 or more; None where time does not count."""
        kind = type(self.step())
        if (limit := TIME_LIMITS.get(kind)) is None:
            return None
        started = self.progress.method_started_at if kind is steps.RunMethod else self.progress.challenge_started_at
        return limit if started is None else max(0.0, started + limit - now)

    def at(self, now: float) -> Flow:
        """Return the flow after whatever time alone brings about."""
        return self.after(steps.TimedOut(), now) if self.time_left(now) == 0 else self

    def after(self, event: steps.Event, now: float) -> Flow:
        """Return the flow after an event; one that does not fit the present step changes nothing.

        Raises MalformedMessage for a message about another session.
        """
        if isinstance(event, MethodNotification | ChallengeNotification | ChallengeResponse | ErrorMessage):
            require_match(event, self.session)
        kind = type(self.step())
        effects = (row.effect for row in REACTIONS if row.step is kind and isinstance(event, row.events))
        match next(effects, None):
            case Effect.SETTLE_METHOD:
                return self._marked(method=self._settled(event, now))
            case Effect.LOOK:
                return self._marked(looking=True)
            case Effect.BREAK_OFF:
                return self._marked(looking=True, broken=True)
            case Effect.GIVE_UP:
                return self if self._early(now) else self._marked(looking=True, overdue=True)
            case None:
                return self

    def replied(self, step: steps.Step, session: sessions.Session | None = None) -> Flow:
        """Return the flow after a call that a step asked for, with the session of its reply."""
        moved = session is not None and session.status != self.session.status
        flow = self if session is None else replace(self, session=session)
        return replace(flow, progress=self._noted(step, moved=moved))

    def disregard(self) -> Flow:
        """Return the flow that no longer believes that the session has changed: the cardholder is asked again."""
        return self._marked(looking=False)

    @property
    def completion(self) -> sessions.ThreeDsMethodCompletion | None:
        """The result of the 3DS Method to report: None while it is open, or where there is none to report."""
        if self.options.app:
            return None
        if self.progress.method is not None:
            return self.progress.method
        if method_url(self.session) is None:
            return _Completion.U
        return None if self.options.method_notification_url else _Completion.N

    def _settled(self, event: steps.Event, now: float) -> sessions.ThreeDsMethodCompletion | None:
        if isinstance(event, steps.TimedOut):
            return _Completion.N
        started = self.progress.method_started_at
        return method_completion(started_at=now if started is None else started, now=now, notified_at=now)

    def _early(self, now: float) -> bool:
        left = self.time_left(now)
        return left is not None and left > _SLACK

    def _fits(self, row: Decision) -> bool:
        if row.status is not None and row.status != self.session.status:
            return False
        if row.action is not None and row.action not in (self.session.next_actions or ()):
            return False
        return row.given is None or self._holds(row.given)

    def _holds(self, given: Given) -> bool:
        progress, options = self.progress, self.options
        match given:
            case Given.METHOD_OPEN:
                return not options.app and self.completion is None
            case Given.DATA_UNSENT:
                return not progress.data_sent
            case Given.METHOD_UNREPORTED:
                # The operation is refused without a 3DS Method URL: the API notes `U` by itself.
                return not progress.method_reported and self.completion is not None and self._has_method
            case Given.OVERDUE:
                return progress.overdue
            case Given.BROKEN:
                return progress.broken
            case Given.HOSTED:
                return self._hosted
            case Given.GOOGLE_SPA:
                return self.session.experience is sessions.Experience.GOOGLE_SPA
            case Given.IN_APP:
                return options.app
            case Given.COMPLETION_WANTED:
                return options.complete and not progress.completion_tried

    @property
    def _has_method(self) -> bool:
        return method_url(self.session) is not None

    @property
    def _hosted(self) -> bool:
        links = self.session.links
        return links is not None and (links.success_url is not None or links.redirect_url is not None)

    def _noted(self, step: steps.Step, *, moved: bool) -> Progress:
        """Return the progress after a call that was answered."""
        progress = self.progress
        match step:
            case steps.SendChannelData():
                return changed(progress, data_sent=True, method_reported=True)
            case steps.ReportMethod():
                return changed(progress, method_reported=True)
            case steps.Complete():
                return changed(progress, completion_tried=True)
            case steps.ReadSession():
                return changed(progress, looking=progress.looking and not moved and not progress.overdue)
            case _:
                return progress

    def _marked(self, **changes: object) -> Flow:
        return replace(self, progress=changed(self.progress, **changes))
