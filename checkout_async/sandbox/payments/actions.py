"""What was done to a payment, and the balances that follow from it.

Balances are never kept: they are the sum of the approved actions, so they cannot disagree with them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from checkout_async.sandbox.core.payload import JsonObject
from checkout_async.sandbox.payments.codes import APPROVED, is_approval


class ActionType(StrEnum):
    """Kind of action."""

    AUTHORIZATION = "Authorization"
    CARD_VERIFICATION = "Card Verification"
    CAPTURE = "Capture"
    VOID = "Void"
    REFUND = "Refund"
    PAYOUT = "Payout"
    RETURN = "Return"


@dataclass(frozen=True, slots=True)
class Note:
    """What a merchant wrote on the request of an action."""

    reference: str | None = None
    metadata: JsonObject | None = field(default=None, repr=False)
    allocations: tuple[object, ...] = field(default=(), repr=False)
    """`amount_allocations`, as sent."""


UNMARKED = Note()


@dataclass(frozen=True, slots=True)
class Moment:
    """When an operation is asked for and when it takes effect, with what the merchant wrote on it."""

    now: float
    effective: float
    note: Note = UNMARKED

    @classmethod
    def at(cls, now: float) -> Moment:
        """Make a moment that takes effect at once."""
        return cls(now, now)


@dataclass(frozen=True, slots=True)
class Answers:
    """Response codes that the other side gives to what is asked of it later."""

    capture: str = APPROVED
    void: str = APPROVED
    refund: str = APPROVED


OBLIGING = Answers()


@dataclass(frozen=True, slots=True)
class Action:
    """Something that was done to a payment, at `processed_on` of the sandbox's clock."""

    id: str
    type: ActionType
    amount: int
    response_code: str
    processed_on: float
    note: Note = UNMARKED
    authorization_type: str | None = None
    refunded_captures: tuple[tuple[str, int], ...] = ()
    """Which captures a refund gives back, and how much of each."""

    @property
    def approved(self) -> bool:
        """Whether it succeeded; one that did not moved no money."""
        return is_approval(self.response_code)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The action that answers an operation: a new one, or the one that had done it `before`."""

    action: Action
    before: bool = False


@dataclass(frozen=True, slots=True)
class Balances:
    """Totals in the minor unit of the currency."""

    total_authorized: int = 0
    total_voided: int = 0
    total_captured: int = 0
    total_refunded: int = 0

    @classmethod
    def of(cls, actions: Iterable[Action]) -> Balances:
        """Add up the approved actions."""
        totals = dict.fromkeys(ActionType, 0)
        for action in actions:
            if action.approved:
                totals[action.type] += action.amount
        return cls(
            total_authorized=totals[ActionType.AUTHORIZATION],
            total_voided=totals[ActionType.VOID],
            total_captured=totals[ActionType.CAPTURE],
            total_refunded=totals[ActionType.REFUND],
        )

    @property
    def available_to_capture(self) -> int:
        """What is authorized and neither captured nor voided."""
        return self.total_authorized - self.total_voided - self.total_captured

    @property
    def available_to_refund(self) -> int:
        """What is captured and not refunded."""
        return self.total_captured - self.total_refunded


def left_of_captures(actions: Iterable[Action]) -> dict[str, int]:
    """Return what can still be refunded of each approved capture, oldest first."""
    left: dict[str, int] = {}
    for action in actions:
        if not action.approved:
            continue
        if action.type is ActionType.CAPTURE:
            left[action.id] = action.amount
        for capture_id, amount in action.refunded_captures:
            left[capture_id] -= amount
    return left
