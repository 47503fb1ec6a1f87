"""The ledger of one payment: its actions, the balances and status that follow, and the operations it still allows.

There is no HTTP and no clock here: times are arguments, in seconds. An action that takes effect later counts at once
for what is still allowed (no second capture can overtake the first), but status and balances show it only then.
A refused operation raises an ApiRefusal and changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from checkout_async.sandbox.core.errors import not_allowed, payment_invalid
from checkout_async.sandbox.payments.actions import (
    ALWAYS_APPROVE,
    Action,
    ActionResult,
    ActionType,
    Balances,
    EffectiveTime,
    FollowUpCodes,
    refundable_by_capture,
)
from checkout_async.sandbox.payments.codes import APPROVED
from checkout_async.sandbox.payments.status import ALLOWED_IN, DONE_IN, PaymentOperation, PaymentStatus

VALIDITY = 7 * 24 * 60 * 60
"""Seconds for which an authorization is valid, from its approval or its last extension."""

_PARTIAL_VOIDS = frozenset({"amex", "mastercard", "visa"})
_INCREMENTS = frozenset({"amex", "mastercard", "visa"})
_EXTENSIONS = frozenset({"mastercard"})


@dataclass(slots=True, eq=False)
class PaymentLedger:
    """The actions of one payment in order, and its status."""

    scheme: str | None
    """Scheme of the card; None for other payment methods."""
    new_id: Callable[[str], str] = field(repr=False)
    """Returns the identifier of an action from a name that is unique in the payment."""
    estimated: bool = False
    follow_up_codes: FollowUpCodes = ALWAYS_APPROVE
    phase: PaymentStatus = PaymentStatus.PENDING
    """The status, unless the balances decide it: `Authorized` stands for all statuses that follow an authorization."""
    actions: list[Action] = field(default_factory=list[Action])
    expires_at: float = math.inf
    """When the authorization ends."""

    def balances(self, now: float = math.inf) -> Balances:
        """Add up the actions that have taken effect by `now`; by default all that were accepted."""
        return Balances.of(self.actions_by(now))

    def actions_by(self, now: float) -> list[Action]:
        """List the actions that have taken effect, oldest first."""
        return [action for action in self.actions if action.processed_on <= now]

    def after(self, action: Action) -> PaymentLedger:
        """Return the ledger of an authorized payment as it was right after an action."""
        until = self.actions[: self.actions.index(action) + 1]
        return replace(self, actions=until, phase=PaymentStatus.AUTHORIZED)

    def status(self, now: float = math.inf) -> PaymentStatus:
        """Return the status at `now`; by default the status once all accepted actions have taken effect."""
        effective = self.actions_by(now)
        if self.phase is PaymentStatus.RETRY_SCHEDULED:
            cancelled = any(action.type is ActionType.VOID for action in effective)
            return PaymentStatus.CANCELED if cancelled else self.phase
        return _status_by_balances(Balances.of(effective)) if self.phase is PaymentStatus.AUTHORIZED else self.phase

    def refusal_code(self, operation: PaymentOperation) -> str | None:
        """Return the error code that says why an operation is not allowed; None if it is allowed."""
        status = self.status()
        if status not in ALLOWED_IN[operation]:
            return "operation_not_allowed_in_status"
        if operation is PaymentOperation.INCREMENT and not self.estimated:
            return "authorization_not_estimated"
        if (
            operation is PaymentOperation.VOID
            and status is PaymentStatus.PARTIALLY_CAPTURED
            and self.scheme not in _PARTIAL_VOIDS
        ):
            return "void_not_supported_by_scheme"
        return None

    def available_to_void(self, now: float) -> int:
        """Return the amount that a void would release."""
        return self.balances(now).available_to_capture if self.refusal_code(PaymentOperation.VOID) is None else 0

    def authorize(self, amount: int, response_code: str, when: EffectiveTime) -> Action:
        """Record the issuer's answer to an authorization, or to the verification of a card if `amount` is 0."""
        verification = amount == 0
        kind = ActionType.CARD_VERIFICATION if verification else ActionType.AUTHORIZATION
        action = self._add(
            kind,
            amount,
            response_code,
            when,
            authorization_type=None if verification else "Estimated" if self.estimated else "Final",
        )
        if not action.approved:
            self.phase = PaymentStatus.DECLINED
        elif verification:
            self.phase = PaymentStatus.CARD_VERIFIED
        else:
            self.phase = PaymentStatus.AUTHORIZED
            self.expires_at = when.requested_at + VALIDITY
        return action

    def increment(self, amount: int, response_code: str, when: EffectiveTime) -> Action:
        """Raise the authorization by `amount`, or extend its validity if that is 0."""
        self._require(PaymentOperation.INCREMENT)
        if self.scheme not in (_INCREMENTS if amount else _EXTENSIONS):
            raise not_allowed("increment_not_supported_by_scheme")
        action = self._add(ActionType.AUTHORIZATION, amount, response_code, when, authorization_type="Incremental")
        if action.approved and amount == 0:
            self.expires_at = when.requested_at + VALIDITY
        return action

    def capture(self, amount: int | None, when: EffectiveTime, *, final: bool = True) -> ActionResult:
        """Capture `amount`, or all that is left; a final capture voids the rest."""
        if (previous := self._previous_action(PaymentOperation.CAPTURE, ActionType.CAPTURE)) is not None:
            return previous
        self._require(PaymentOperation.CAPTURE)
        balances = self.balances()
        left = balances.available_to_capture
        amount = left if amount is None else amount
        if amount > left:
            whole = amount > balances.total_authorized
            raise payment_invalid(f"capture_value_greater_than_{'' if whole else 'remaining_'}authorized")
        _check_positive(amount)
        action = self._add(ActionType.CAPTURE, amount, self.follow_up_codes.capture, when)
        if final and action.approved and amount < left:
            self._add(ActionType.VOID, left - amount, APPROVED, EffectiveTime(when.requested_at, when.effective_at))
        return ActionResult(action)

    def void(self, when: EffectiveTime) -> ActionResult:
        """Void all that is authorized and not captured."""
        if (previous := self._previous_action(PaymentOperation.VOID, ActionType.VOID)) is not None:
            return previous
        self._require(PaymentOperation.VOID)
        return ActionResult(self._add_void(when))

    def refund(self, amount: int | None, when: EffectiveTime, capture_id: str | None = None) -> ActionResult:
        """Refund `amount`, or all that is left, from one capture or from all of them, the oldest first."""
        if (previous := self._previous_action(PaymentOperation.REFUND, ActionType.REFUND)) is not None:
            return previous
        self._require(PaymentOperation.REFUND)
        left = refundable_by_capture(self.actions_by(math.inf))
        if capture_id is not None:
            if capture_id not in left:
                raise payment_invalid("capture_action_id_invalid")
            left = {capture_id: left[capture_id]}
        available = sum(left.values())
        amount = available if amount is None else amount
        if amount > available or not available:
            raise payment_invalid("amount_exceeds_balance")
        _check_positive(amount)
        return ActionResult(self._add_refund(amount, left, when))

    def reverse(self, when: EffectiveTime) -> ActionResult:
        """Undo the whole payment: refund what is captured, void the rest, or cancel a scheduled retry."""
        if (
            previous := self._previous_action(PaymentOperation.REVERSE, ActionType.REFUND, ActionType.VOID)
        ) is not None:
            return previous
        self._require(PaymentOperation.REVERSE)
        if self.phase is PaymentStatus.RETRY_SCHEDULED:
            return self.cancel_retry(when)
        balances = self.balances()
        if not balances.available_to_refund:
            return ActionResult(self._add_void(when))
        left = refundable_by_capture(self.actions_by(math.inf))
        refund = self._add_refund(balances.available_to_refund, left, when)
        if balances.available_to_capture:
            self._add_void(when)
        return ActionResult(refund)

    def cancel_retry(self, when: EffectiveTime) -> ActionResult:
        """Cancel the scheduled retries; a void of 0 records it."""
        self._require(PaymentOperation.CANCEL_RETRY)
        return ActionResult(self._add(ActionType.VOID, 0, APPROVED, when))

    def expire_authorization(self) -> None:
        """End the authorization: void what is left of it; the payment is `Expired` if nothing was captured."""
        balances = self.balances()
        if not balances.available_to_capture:
            return
        self._add(ActionType.VOID, balances.available_to_capture, APPROVED, EffectiveTime.immediately(self.expires_at))
        if not balances.total_captured:
            self.phase = PaymentStatus.EXPIRED

    def record_payout(self, amount: int, response_code: str, when: EffectiveTime) -> None:
        """Record that a payout was paid, or declined."""
        action = self._add(ActionType.PAYOUT, amount, response_code, when)
        self.phase = PaymentStatus.PAID if action.approved else PaymentStatus.DECLINED

    def record_return(self, amount: int, response_code: str, when: EffectiveTime) -> None:
        """Record that a payout was returned."""
        self._add(ActionType.RETURN, amount, response_code, when)
        self.phase = PaymentStatus.RETURNED

    def _previous_action(self, operation: PaymentOperation, *types: ActionType) -> ActionResult | None:
        """Find the action that has carried out an operation already."""
        if self.status() not in DONE_IN[operation]:
            return None
        matching = [action for action in self.actions if action.approved and action.type in types]
        return ActionResult(matching[-1], already_done=True) if matching else None

    def _require(self, operation: PaymentOperation) -> None:
        code = self.refusal_code(operation)
        if code is not None:
            raise not_allowed(code)

    def _add_void(self, when: EffectiveTime) -> Action:
        return self._add(ActionType.VOID, self.balances().available_to_capture, self.follow_up_codes.void, when)

    def _add_refund(self, amount: int, left: dict[str, int], when: EffectiveTime) -> Action:
        """Refund an amount from captures, in their order."""
        shares: list[tuple[str, int]] = []
        remaining = amount
        for capture_id, available in left.items():
            share = min(available, remaining)
            if share:
                shares.append((capture_id, share))
            remaining -= share
        return self._add(ActionType.REFUND, amount, self.follow_up_codes.refund, when, refunded_captures=tuple(shares))

    def _add(
        self,
        kind: ActionType,
        amount: int,
        response_code: str,
        when: EffectiveTime,
        *,
        authorization_type: str | None = None,
        refunded_captures: tuple[tuple[str, int], ...] = (),
    ) -> Action:
        """Append an action; none takes effect before those that were accepted earlier."""
        action = Action(
            id=self.new_id(f"action {len(self.actions)}"),
            type=kind,
            amount=amount,
            response_code=response_code,
            processed_on=max(when.effective_at, self.actions[-1].processed_on if self.actions else 0),
            note=when.note,
            authorization_type=authorization_type,
            refunded_captures=refunded_captures,
            by_hand=when.by_hand,
        )
        self.actions.append(action)
        return action


def _status_by_balances(balances: Balances) -> PaymentStatus:
    """Return the status of an authorized payment by its balances."""
    if balances.total_refunded:
        whole = balances.total_refunded == balances.total_captured
        return PaymentStatus.REFUNDED if whole else PaymentStatus.PARTIALLY_REFUNDED
    if balances.total_captured:
        return PaymentStatus.PARTIALLY_CAPTURED if balances.available_to_capture else PaymentStatus.CAPTURED
    return PaymentStatus.VOIDED if balances.total_voided else PaymentStatus.AUTHORIZED


def _check_positive(amount: int) -> None:
    if amount == 0:
        raise payment_invalid("amount_invalid")
