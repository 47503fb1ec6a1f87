"""The flow as tables: which step a session asks for, and which effect an event has at a step.

Sources: Checkout.com's integration guide, "statuses" and "next actions", and the time limits of 10 seconds and 15
minutes. scripts/draw_threeds_flow.py draws the diagram in docs/threeds.md from these rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final

from checkout_async.models import sessions
from checkout_async.operations import sessions as operations
from checkout_async.threeds import steps
from checkout_async.threeds.emv.challenge import CHALLENGE_TIME_LIMIT
from checkout_async.threeds.emv.messages import (
    ChallengeNotification,
    ChallengeResponse,
    ErrorMessage,
    MethodNotification,
)
from checkout_async.threeds.emv.method import METHOD_TIME_LIMIT

__all__ = ["CALLS", "DECISIONS", "TIME_LIMITS", "TRANSITIONS", "Condition", "Decision", "Effect", "Transition"]


_Status = sessions.SessionStatus
_Action = sessions.NextAction


class Condition(StrEnum):
    """A condition in addition to status and next action. The value is its text in the diagram."""

    METHOD_PENDING = "3DS Method not finished"
    CHANNEL_DATA_UNSENT = "channel data not sent"
    METHOD_UNREPORTED = "3DS Method not reported"
    TIMED_OUT = "timed out"
    CHALLENGE_FAILED = "issuer's page failed"
    HOSTED = "hosted"
    GOOGLE_SPA = "Google SPA"
    IN_APP = "app"
    COMPLETION_REQUESTED = "if requested"


@dataclass(frozen=True, slots=True)
class Decision:
    """A row: a session in this status that lists this action and meets this condition asks for this step.

    None matches any status, any action, or no condition.
    """

    status: sessions.SessionStatus | None
    action: sessions.NextAction | None
    condition: Condition | None
    step: type[steps.Step]


DECISIONS: Final = (
    Decision(_Status.PENDING, _Action.REDIRECT_CARDHOLDER, None, steps.RedirectCardholder),
    Decision(_Status.PENDING, _Action.ISSUER_FINGERPRINT, Condition.METHOD_PENDING, steps.RunMethod),
    Decision(_Status.PENDING, _Action.COLLECT_CHANNEL_DATA, Condition.CHANNEL_DATA_UNSENT, steps.SendChannelData),
    Decision(_Status.PENDING, _Action.ISSUER_FINGERPRINT, Condition.METHOD_UNREPORTED, steps.ReportMethod),
    Decision(_Status.PENDING, None, None, steps.ReadSession),
    Decision(_Status.PROCESSING, None, None, steps.ReadSession),
    Decision(_Status.CHALLENGED, None, Condition.TIMED_OUT, steps.Done),
    Decision(_Status.CHALLENGED, None, Condition.CHALLENGE_FAILED, steps.Done),
    Decision(_Status.CHALLENGED, None, Condition.HOSTED, steps.ReadSession),
    Decision(_Status.CHALLENGED, None, Condition.GOOGLE_SPA, steps.Done),
    Decision(_Status.CHALLENGED, None, Condition.IN_APP, steps.ShowAppChallenge),
    Decision(_Status.CHALLENGED, None, None, steps.ShowChallenge),
    Decision(None, _Action.COMPLETE, Condition.COMPLETION_REQUESTED, steps.Complete),
    Decision(None, None, None, steps.Done),
)
"""The first matching row decides."""

CALLS: Final[dict[type[steps.Step], str]] = {
    steps.SendChannelData: operations.UPDATE_SESSION.name,
    steps.ReportMethod: operations.UPDATE_THREE_DS_METHOD_COMPLETION.name,
    steps.ReadSession: operations.GET_SESSION.name,
    steps.Complete: operations.COMPLETE_SESSION.name,
}
"""The steps that call the API, with the name of the operation. After the reply the decisions are evaluated again."""


class Effect(Enum):
    """What an event changes."""

    SETTLE_METHOD = "the result of the 3DS Method is known"
    REFRESH = "the session must be read"
    FAIL = "the session must be read, and the challenge is not shown again"
    EXPIRE = "the time limit has passed, and the session is read for the last time"


@dataclass(frozen=True, slots=True)
class Transition:
    """A row: at this step, each of these events has this effect. `label` is its text in the diagram."""

    step: type[steps.Step]
    events: tuple[type[steps.Event], ...]
    effect: Effect
    label: str


_CHALLENGE_OVER = (ChallengeNotification, ChallengeResponse)

TRANSITIONS: Final = (
    Transition(steps.RunMethod, (MethodNotification,), Effect.SETTLE_METHOD, "notification, Y"),
    Transition(steps.RunMethod, (steps.TimedOut,), Effect.SETTLE_METHOD, "10 seconds, N"),
    Transition(steps.ShowChallenge, _CHALLENGE_OVER, Effect.REFRESH, "notification"),
    Transition(steps.ShowChallenge, (ErrorMessage,), Effect.FAIL, "error message"),
    Transition(steps.ShowChallenge, (steps.TimedOut,), Effect.EXPIRE, "15 minutes"),
    Transition(steps.ShowAppChallenge, (steps.CardholderReturned,), Effect.REFRESH, "app returns"),
    Transition(steps.ShowAppChallenge, (steps.TimedOut,), Effect.EXPIRE, "15 minutes"),
    Transition(steps.RedirectCardholder, (steps.CardholderReturned,), Effect.REFRESH, "cardholder returns"),
)

TIME_LIMITS: Final[dict[type[steps.Step], float]] = {
    steps.RunMethod: METHOD_TIME_LIMIT,
    steps.ShowChallenge: CHALLENGE_TIME_LIMIT,
    steps.ShowAppChallenge: CHALLENGE_TIME_LIMIT,
}
"""Seconds after which a step times out, counted from the moment it was first shown."""
