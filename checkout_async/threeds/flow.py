"""The flow as a value: a session and its cardholder's progress give the next step. No I/O, no clock.

    flow = Flow(session=session, options=Options(method_notification_url=...))
    step = flow.step()                        # what has to be done next
    flow = flow.mark_shown(now)               # the step was shown to the cardholder
    flow = flow.handle_event(event, now)      # something happened
    flow = flow.apply_reply(step, session)    # the API replied to the step's call
    flow = flow.tick(now)                     # time has passed

`now` is in seconds on one clock. Use time.time() if `progress` is shared between processes.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

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
from checkout_async.threeds.steps import Options, Progress
from checkout_async.threeds.table import DECISIONS, TIME_LIMITS, TRANSITIONS, Condition, Decision, Effect

__all__ = ["Flow"]

_Completion = sessions.ThreeDsMethodCompletion

_CLOCK_TOLERANCE: Final = 5.0
"""Seconds by which two clocks may differ at the end of the 15 minutes."""


class Flow(Struct, frozen=True, kw_only=True):
    """The state of one session's authentication. The module's docstring shows how to use it."""

    session: sessions.Session
    options: Options = field(default_factory=Options)
    progress: Progress = field(default_factory=Progress)

    def step(self) -> steps.Step:
        """Return the next step.

        Raises MalformedMessage if the session lacks a member that the step needs, or would send the browser to an
        unsafe URL.
        """
        if self.progress.refresh_pending:
            return steps.ReadSession()
        kind = next(row.step for row in DECISIONS if self._matches(row))
        timed_out = self.progress.timed_out
        return steps.build_step(kind, self.session, self.options, self.method_completion, timed_out=timed_out)

    def mark_shown(self, now: float) -> Flow:
        """Return the flow after the current step was shown to the cardholder. Its time runs from the first showing."""
        step, progress = self.step(), self.progress
        if isinstance(step, steps.RunMethod) and progress.method_started_at is None:
            return self._with_progress(method_started_at=now)
        if isinstance(step, steps.ShowChallenge | steps.ShowAppChallenge) and progress.challenge_started_at is None:
            return self._with_progress(challenge_started_at=now)
        return self

    def time_left(self, now: float) -> float | None:
        """Return the seconds until the current step times out, at least 0; None if it has no time limit."""
        kind = type(self.step())
        if (limit := TIME_LIMITS.get(kind)) is None:
            return None
        started = self.progress.method_started_at if kind is steps.RunMethod else self.progress.challenge_started_at
        return limit if started is None else max(0.0, started + limit - now)

    def tick(self, now: float) -> Flow:
        """Return the flow at this time: if the current step's time limit has passed, the step times out."""
        return self.handle_event(steps.TimedOut(), now) if self.time_left(now) == 0 else self

    def handle_event(self, event: steps.Event, now: float) -> Flow:
        """Return the flow after an event. An event that does not fit the current step changes nothing.

        Raises MalformedMessage for a message about another session.
        """
        if isinstance(event, MethodNotification | ChallengeNotification | ChallengeResponse | ErrorMessage):
            require_match(event, self.session)
        kind = type(self.step())
        effects = (row.effect for row in TRANSITIONS if row.step is kind and isinstance(event, row.events))
        match next(effects, None):
            case Effect.SETTLE_METHOD:
                return self._with_progress(method_completion=self._settle_method(event, now))
            case Effect.REFRESH:
                return self._with_progress(refresh_pending=True)
            case Effect.FAIL:
                return self._with_progress(refresh_pending=True, challenge_failed=True)
            case Effect.EXPIRE:
                return self if self._is_early(now) else self._with_progress(refresh_pending=True, timed_out=True)
            case None:
                return self

    def apply_reply(self, step: steps.Step, session: sessions.Session | None = None) -> Flow:
        """Return the flow after the call that a step asked for. `session` is the one in the reply, if there is one."""
        changed = session is not None and session.status != self.session.status
        flow = self if session is None else replace(self, session=session)
        return replace(flow, progress=self._progress_after(step, status_changed=changed))

    def stop_refreshing(self) -> Flow:
        """Clear the pending refresh and return to the current step."""
        return self._with_progress(refresh_pending=False)

    @property
    def method_completion(self) -> sessions.ThreeDsMethodCompletion | None:
        """The result of the 3DS Method to report; None while it is unknown, and for an app."""
        if self.options.app:
            return None
        if self.progress.method_completion is not None:
            return self.progress.method_completion
        if method_url(self.session) is None:
            return _Completion.U
        return None if self.options.method_notification_url else _Completion.N

    def _settle_method(self, event: steps.Event, now: float) -> sessions.ThreeDsMethodCompletion | None:
        if isinstance(event, steps.TimedOut):
            return _Completion.N
        started = self.progress.method_started_at
        return method_completion(started_at=now if started is None else started, now=now, notified_at=now)

    def _is_early(self, now: float) -> bool:
        left = self.time_left(now)
        return left is not None and left > _CLOCK_TOLERANCE

    def _matches(self, row: Decision) -> bool:
        if row.status is not None and row.status != self.session.status:
            return False
        if row.action is not None and row.action not in (self.session.next_actions or ()):
            return False
        return row.condition is None or self._is_met(row.condition)

    def _is_met(self, condition: Condition) -> bool:
        progress, options = self.progress, self.options
        match condition:
            case Condition.METHOD_PENDING:
                return not options.app and self.method_completion is None
            case Condition.CHANNEL_DATA_UNSENT:
                return not progress.channel_data_sent
            case Condition.METHOD_UNREPORTED:
                # The API refuses the operation for a session without a 3DS Method URL, and records `U` by itself.
                return not progress.method_reported and self.method_completion is not None and self._has_method
            case Condition.TIMED_OUT:
                return progress.timed_out
            case Condition.CHALLENGE_FAILED:
                return progress.challenge_failed
            case Condition.HOSTED:
                return self._is_hosted
            case Condition.GOOGLE_SPA:
                return self.session.experience is sessions.Experience.GOOGLE_SPA
            case Condition.IN_APP:
                return options.app
            case Condition.COMPLETION_REQUESTED:
                return options.complete and not progress.completion_attempted

    @property
    def _has_method(self) -> bool:
        return method_url(self.session) is not None

    @property
    def _is_hosted(self) -> bool:
        links = self.session.links
        return links is not None and (links.success_url is not None or links.redirect_url is not None)

    def _progress_after(self, step: steps.Step, *, status_changed: bool) -> Progress:
        """Return the progress after the API has replied to a step's call."""
        progress = self.progress
        match step:
            case steps.SendChannelData():
                return replace(progress, channel_data_sent=True, method_reported=True)
            case steps.ReportMethod():
                return replace(progress, method_reported=True)
            case steps.Complete():
                return replace(progress, completion_attempted=True)
            case steps.ReadSession():
                # After a timeout the session is read once more, whether or not it has changed.
                still_pending = progress.refresh_pending and not status_changed and not progress.timed_out
                return replace(progress, refresh_pending=still_pending)
            case _:
                return progress

    def _with_progress(self, **changes: object) -> Flow:
        return replace(self, progress=replace(self.progress, **changes))
