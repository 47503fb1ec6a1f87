"""The actions of a payment, and the balances that follow from them.

Balances are not stored: they are the sum of the approved actions, so they cannot disagree with them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from checkout_async.sandbox.core.payload import JsonObject
from checkout_async.sandbox.core.spec import check_enum
from checkout_async.sandbox.payments.codes import APPROVED, is_approval


class ActionType(StrEnum):
    """Type of an action, as the API names it."""

    AUTHORIZATION = "Authorization"
    CARD_VERIFICATION = "Card Verification"
    CAPTURE = "Capture"
    VOID = "Void"
    REFUND = "Refund"
    PAYOUT = "Payout"
    RETURN = "Return"


check_enum("PaymentActionType", ActionType)


@dataclass(frozen=True, slots=True)
class Note:
    """What the merchant attached to the request of an action."""

    reference: str | None = None
    metadata: JsonObject | None = field(default=None, repr=False)
    allocations: tuple[object, ...] = field(default=(), repr=False)
    """`amount_allocations`, as sent."""


NO_NOTE = Note()


@dataclass(frozen=True, slots=True)
class EffectiveTime:
    """When an operation is requested and when it takes effect, in seconds, and what the merchant attached to it."""

    requested_at: float
    effective_at: float
    note: Note = NO_NOTE
    by_hand: bool = False
    """Whether the merchant called the operation; False for what follows by itself."""

    @classmethod
    def immediately(cls, now: float) -> EffectiveTime:
        """Return the time of an operation that takes effect at once."""
        return cls(now, now)


@dataclass(frozen=True, slots=True)
class FollowUpCodes:
    """Response codes of the operations that follow an authorization."""

    capture: str = APPROVED
    void: str = APPROVED
    refund: str = APPROVED


ALWAYS_APPROVE = FollowUpCodes()


@dataclass(frozen=True, slots=True)
class Action:
    """Something that was done to a payment; it takes effect at `processed_on` of the sandbox's clock.

    `amount` is in the minor unit of the currency.
    """

    id: str
    type: ActionType
    amount: int
    response_code: str
    processed_on: float
    note: Note = NO_NOTE
    authorization_type: str | None = None
    refunded_captures: tuple[tuple[str, int], ...] = ()
    """Identifiers of the captures that a refund is taken from, and the amount from each."""
    by_hand: bool = False
    """Whether the merchant called the operation; False for what follows by itself."""

    @property
    def approved(self) -> bool:
        """Whether it succeeded; a declined action moves no money."""
        return is_approval(self.response_code)


@dataclass(frozen=True, slots=True)
class ActionResult:
    """The action of an operation: a new one, or the earlier one that had `already_done` it."""

    action: Action
    already_done: bool = False


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
        """The authorized amount that is neither captured nor voided."""
        return self.total_authorized - self.total_voided - self.total_captured

    @property
    def available_to_refund(self) -> int:
        """The captured amount that is not refunded."""
        return self.total_captured - self.total_refunded


def refundable_by_capture(actions: Iterable[Action]) -> dict[str, int]:
    """Return the amount that can still be refunded of each approved capture, oldest first."""
    left: dict[str, int] = {}
    for action in actions:
        if not action.approved:
            continue
        if action.type is ActionType.CAPTURE:
            left[action.id] = action.amount
        for capture_id, amount in action.refunded_captures:
            left[capture_id] -= amount
    return left
