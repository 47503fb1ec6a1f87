"""The life of one payment as state: its actions, what they add up to, and what may be done to it next.

There is no HTTP and no clock here: instants are given, in seconds. An action that takes effect later counts at once
for what may still be done (no second capture can overtake the first), and shows in status and balances only then.
A refused operation raises and changes nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from checkout_async.sandbox.core.errors import not_allowed, payment_invalid
from checkout_async.sandbox.payments.actions import (
    OBLIGING,
    Action,
    ActionType,
    Answers,
    Balances,
    Moment,
    Outcome,
    left_of_captures,
)
from checkout_async.sandbox.payments.codes import APPROVED
from checkout_async.sandbox.payments.status import ALLOWED, DONE, Deed, PaymentStatus

VALIDITY = 7 * 24 * 60 * 60
"""Seconds that an authorization holds, from its approval or its last extension."""

_PARTIAL_VOIDS = frozenset({"amex", "mastercard", "visa"})
_INCREMENTS = frozenset({"amex", "mastercard", "visa"})
_EXTENSIONS = frozenset({"mastercard"})


@dataclass(slots=True, eq=False)
class Ledger:
    """One payment's actions in order, and where it stands."""

    scheme: str | None
    """Scheme of the card; None for other methods."""
    new_id: Callable[[str], str] = field(repr=False)
    """Makes an action's identifier from a name that is unique in the payment."""
    estimated: bool = False
    answers: Answers = OBLIGING
    phase: PaymentStatus = PaymentStatus.PENDING
    """The status, as long as no money decides it: `Authorized` stands for all that follows an authorization."""
    actions: list[Action] = field(default_factory=list[Action])
    expires_at: float = math.inf
    """When the authorization ends."""

    def balances(self, now: float = math.inf) -> Balances:
        """Add up what has taken effect by `now`; without it, all that was accepted."""
        return Balances.of(self.actions_by(now))

    def actions_by(self, now: float) -> list[Action]:
        """List the actions that have taken effect, oldest first."""
        return [action for action in self.actions if action.processed_on <= now]

    def status(self, now: float = math.inf) -> PaymentStatus:
        """Tell where the payment stands at `now`; without it, where it comes to by what was accepted."""
        taken = self.actions_by(now)
        if self.phase is PaymentStatus.RETRY_SCHEDULED:
            stopped = any(action.type is ActionType.VOID for action in taken)
            return PaymentStatus.CANCELED if stopped else self.phase
        return _by_money(Balances.of(taken)) if self.phase is PaymentStatus.AUTHORIZED else self.phase

    def obstacle(self, deed: Deed) -> str | None:
        """Say as an error code why an operation is not allowed; None where it is."""
        status = self.status()
        if status not in ALLOWED[deed]:
            return "operation_not_allowed_in_status"
        if deed is Deed.INCREMENT and not self.estimated:
            return "authorization_not_estimated"
        if deed is Deed.VOID and status is PaymentStatus.PARTIALLY_CAPTURED and self.scheme not in _PARTIAL_VOIDS:
            return "void_not_supported_by_scheme"
        return None

    def available_to_void(self, now: float) -> int:
        """Return what a void would release."""
        return self.balances(now).available_to_capture if self.obstacle(Deed.VOID) is None else 0

    def authorize(self, amount: int, response_code: str, moment: Moment) -> Action:
        """Note the issuer's answer to an authorization, or to the verification of a card where `amount` is 0."""
        verification = amount == 0
        kind = ActionType.CARD_VERIFICATION if verification else ActionType.AUTHORIZATION
        action = self._add(
            kind,
            amount,
            response_code,
            moment,
            authorization_type=None if verification else "Estimated" if self.estimated else "Final",
        )
        if not action.approved:
            self.phase = PaymentStatus.DECLINED
        elif verification:
            self.phase = PaymentStatus.CARD_VERIFIED
        else:
            self.phase = PaymentStatus.AUTHORIZED
            self.expires_at = moment.now + VALIDITY
        return action

    def increment(self, amount: int, response_code: str, moment: Moment) -> Action:
        """Raise the authorization by `amount`, or extend its validity where that is 0."""
        self._require(Deed.INCREMENT)
        if self.scheme not in (_INCREMENTS if amount else _EXTENSIONS):
            raise not_allowed("increment_not_supported_by_scheme")
        action = self._add(ActionType.AUTHORIZATION, amount, response_code, moment, authorization_type="Incremental")
        if action.approved and amount == 0:
            self.expires_at = moment.now + VALIDITY
        return action

    def capture(self, amount: int | None, moment: Moment, *, final: bool = True) -> Outcome:
        """Capture `amount`, or all that is left; a final capture voids what it leaves."""
        if (done := self._done(Deed.CAPTURE, ActionType.CAPTURE)) is not None:
            return done
        self._require(Deed.CAPTURE)
        balances = self.balances()
        left = balances.available_to_capture
        amount = left if amount is None else amount
        if amount > left:
            whole = amount > balances.total_authorized
            raise payment_invalid(f"capture_value_greater_than_{'' if whole else 'remaining_'}authorized")
        _check_positive(amount)
        action = self._add(ActionType.CAPTURE, amount, self.answers.capture, moment)
        if final and action.approved and amount < left:
            self._add(ActionType.VOID, left - amount, APPROVED, Moment(moment.now, moment.effective))
        return Outcome(action)

    def void(self, moment: Moment) -> Outcome:
        """Release all that is authorized and not captured."""
        if (done := self._done(Deed.VOID, ActionType.VOID)) is not None:
            return done
        self._require(Deed.VOID)
        return Outcome(self._release(moment))

    def refund(self, amount: int | None, moment: Moment, capture_id: str | None = None) -> Outcome:
        """Give back `amount`, or all that is left, of one capture or of all of them, the oldest first."""
        if (done := self._done(Deed.REFUND, ActionType.REFUND)) is not None:
            return done
        self._require(Deed.REFUND)
        left = left_of_captures(self.actions_by(math.inf))
        if capture_id is not None:
            if capture_id not in left:
                raise payment_invalid("capture_action_id_invalid")
            left = {capture_id: left[capture_id]}
        available = sum(left.values())
        amount = available if amount is None else amount
        if amount > available or not available:
            raise payment_invalid("amount_exceeds_balance")
        _check_positive(amount)
        return Outcome(self._give_back(amount, left, moment))

    def reverse(self, moment: Moment) -> Outcome:
        """Undo the whole payment: refund what is captured, void the rest, or stop a scheduled retry."""
        if (done := self._done(Deed.REVERSE, ActionType.REFUND, ActionType.VOID)) is not None:
            return done
        self._require(Deed.REVERSE)
        if self.phase is PaymentStatus.RETRY_SCHEDULED:
            return self.cancel_retry(moment)
        balances = self.balances()
        if not balances.available_to_refund:
            return Outcome(self._release(moment))
        left = left_of_captures(self.actions_by(math.inf))
        refund = self._give_back(balances.available_to_refund, left, moment)
        if balances.available_to_capture:
            self._release(moment)
        return Outcome(refund)

    def cancel_retry(self, moment: Moment) -> Outcome:
        """Stop the scheduled retries; the action that shows it is a void of nothing."""
        self._require(Deed.CANCEL_RETRY)
        return Outcome(self._add(ActionType.VOID, 0, APPROVED, moment))

    def lapse(self) -> None:
        """Let the authorization end: what is left of it is voided, and nothing captured means `Expired`."""
        balances = self.balances()
        if not balances.available_to_capture:
            return
        self._add(ActionType.VOID, balances.available_to_capture, APPROVED, Moment.at(self.expires_at))
        if not balances.total_captured:
            self.phase = PaymentStatus.EXPIRED

    def pay_out(self, amount: int, response_code: str, moment: Moment) -> None:
        """Note that a payout arrived, or was refused."""
        action = self._add(ActionType.PAYOUT, amount, response_code, moment)
        self.phase = PaymentStatus.PAID if action.approved else PaymentStatus.DECLINED

    def take_back(self, amount: int, response_code: str, moment: Moment) -> None:
        """Note that a payout came back."""
        self._add(ActionType.RETURN, amount, response_code, moment)
        self.phase = PaymentStatus.RETURNED

    def _done(self, deed: Deed, *types: ActionType) -> Outcome | None:
        """Find the action that has done an operation already."""
        if self.status() not in DONE[deed]:
            return None
        done = [action for action in self.actions if action.approved and action.type in types]
        return Outcome(done[-1], before=True) if done else None

    def _require(self, deed: Deed) -> None:
        obstacle = self.obstacle(deed)
        if obstacle is not None:
            raise not_allowed(obstacle)

    def _release(self, moment: Moment) -> Action:
        return self._add(ActionType.VOID, self.balances().available_to_capture, self.answers.void, moment)

    def _give_back(self, amount: int, left: dict[str, int], moment: Moment) -> Action:
        """Refund an amount from captures in their order."""
        shares: list[tuple[str, int]] = []
        remaining = amount
        for capture_id, available in left.items():
            share = min(available, remaining)
            if share:
                shares.append((capture_id, share))
            remaining -= share
        return self._add(ActionType.REFUND, amount, self.answers.refund, moment, refunded_captures=tuple(shares))

    def _add(
        self,
        kind: ActionType,
        amount: int,
        response_code: str,
        moment: Moment,
        *,
        authorization_type: str | None = None,
        refunded_captures: tuple[tuple[str, int], ...] = (),
    ) -> Action:
        """Note an action; none takes effect before those that were accepted earlier."""
        action = Action(
            id=self.new_id(f"action {len(self.actions)}"),
            type=kind,
            amount=amount,
            response_code=response_code,
            processed_on=max(moment.effective, self.actions[-1].processed_on if self.actions else 0),
            note=moment.note,
            authorization_type=authorization_type,
            refunded_captures=refunded_captures,
        )
        self.actions.append(action)
        return action


def _by_money(balances: Balances) -> PaymentStatus:
    """Tell where an authorized payment stands by what happened to the money."""
    if balances.total_refunded:
        whole = balances.total_refunded == balances.total_captured
        return PaymentStatus.REFUNDED if whole else PaymentStatus.PARTIALLY_REFUNDED
    if balances.total_captured:
        return PaymentStatus.PARTIALLY_CAPTURED if balances.available_to_capture else PaymentStatus.CAPTURED
    return PaymentStatus.VOIDED if balances.total_voided else PaymentStatus.AUTHORIZED


def _check_positive(amount: int) -> None:
    if amount == 0:
        raise payment_invalid("amount_invalid")
