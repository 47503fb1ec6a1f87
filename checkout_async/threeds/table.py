"""The flow as tables: what a session's reply asks for, and what an event at a step leads to.

Checkout.com's integration guide, "statuses" and "next actions", and the rules of 10 seconds and of 15 minutes. The
diagram in docs/threeds.md is drawn from these rows.
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

__all__ = ["CALLS", "DECISIONS", "REACTIONS", "TIME_LIMITS", "Decision", "Effect", "Given", "Reaction"]


_Status = sessions.SessionStatus
_Action = sessions.NextAction


class Given(StrEnum):
    """What must hold beside status and next action; the value is its text in the diagram."""

    METHOD_OPEN = "3DS Method not settled"
    DATA_UNSENT = "channel data not sent"
    METHOD_UNREPORTED = "3DS Method not reported"
    OVERDUE = "time is over"
    BROKEN = "issuer's page failed"
    HOSTED = "hosted"
    GOOGLE_SPA = "Google SPA"
    IN_APP = "app"
    COMPLETION_WANTED = "if wanted"


@dataclass(frozen=True, slots=True)
class Decision:
    """A row: a session in this status (None: any) that lists this action (None: whichever) asks for this step."""

    status: sessions.SessionStatus | None
    action: sessions.NextAction | None
    given: Given | None
    step: type[steps.Step]


DECISIONS: Final = (
    Decision(_Status.PENDING, _Action.REDIRECT_CARDHOLDER, None, steps.RedirectCardholder),
    Decision(_Status.PENDING, _Action.ISSUER_FINGERPRINT, Given.METHOD_OPEN, steps.RunMethod),
    Decision(_Status.PENDING, _Action.COLLECT_CHANNEL_DATA, Given.DATA_UNSENT, steps.SendChannelData),
    Decision(_Status.PENDING, _Action.ISSUER_FINGERPRINT, Given.METHOD_UNREPORTED, steps.ReportMethod),
    Decision(_Status.PENDING, None, None, steps.ReadSession),
    Decision(_Status.PROCESSING, None, None, steps.ReadSession),
    Decision(_Status.CHALLENGED, None, Given.OVERDUE, steps.Done),
    Decision(_Status.CHALLENGED, None, Given.BROKEN, steps.Done),
    Decision(_Status.CHALLENGED, None, Given.HOSTED, steps.ReadSession),
    Decision(_Status.CHALLENGED, None, Given.GOOGLE_SPA, steps.Done),
    Decision(_Status.CHALLENGED, None, Given.IN_APP, steps.ShowAppChallenge),
    Decision(_Status.CHALLENGED, None, None, steps.ShowChallenge),
    Decision(None, _Action.COMPLETE, Given.COMPLETION_WANTED, steps.Complete),
    Decision(None, None, None, steps.Done),
)
"""The first row that fits decides."""

CALLS: Final[dict[type[steps.Step], str]] = {
    steps.SendChannelData: operations.UPDATE_SESSION.name,
    steps.ReportMethod: operations.UPDATE_THREE_DS_METHOD_COMPLETION.name,
    steps.ReadSession: operations.GET_SESSION.name,
    steps.Complete: operations.COMPLETE_SESSION.name,
}
"""Steps that are a call of the API, with the name of its operation. The reply decides anew."""


class Effect(Enum):
    """What an event changes."""

    SETTLE_METHOD = "the result of the 3DS Method is known"
    LOOK = "the session is to be read"
    BREAK_OFF = "the session is to be read, and the challenge is not shown again"
    GIVE_UP = "the time is over, and the session is to be read for the last time"


@dataclass(frozen=True, slots=True)
class Reaction:
    """A row: at this step, any of these events has this effect; `label` is its text in the diagram."""

    step: type[steps.Step]
    events: tuple[type[steps.Event], ...]
    effect: Effect
    label: str


_CHALLENGE_OVER = (ChallengeNotification, ChallengeResponse)

REACTIONS: Final = (
    Reaction(steps.RunMethod, (MethodNotification,), Effect.SETTLE_METHOD, "notification, Y"),
    Reaction(steps.RunMethod, (steps.TimedOut,), Effect.SETTLE_METHOD, "10 seconds, N"),
    Reaction(steps.ShowChallenge, _CHALLENGE_OVER, Effect.LOOK, "notification"),
    Reaction(steps.ShowChallenge, (ErrorMessage,), Effect.BREAK_OFF, "error message"),
    Reaction(steps.ShowChallenge, (steps.TimedOut,), Effect.GIVE_UP, "15 minutes"),
    Reaction(steps.ShowAppChallenge, (steps.CardholderReturned,), Effect.LOOK, "app returns"),
    Reaction(steps.ShowAppChallenge, (steps.TimedOut,), Effect.GIVE_UP, "15 minutes"),
    Reaction(steps.RedirectCardholder, (steps.CardholderReturned,), Effect.LOOK, "cardholder returns"),
)

TIME_LIMITS: Final[dict[type[steps.Step], float]] = {
    steps.RunMethod: METHOD_TIME_LIMIT,
    steps.ShowChallenge: CHALLENGE_TIME_LIMIT,
    steps.ShowAppChallenge: CHALLENGE_TIME_LIMIT,
}
"""Seconds after which a step that was begun times out."""
