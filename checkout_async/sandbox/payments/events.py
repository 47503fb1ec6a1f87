"""Events of payments: which events a payment causes, and their data."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from checkout_async.sandbox.core.clock import timestamp
from checkout_async.sandbox.core.dispatch import DomainEvent
from checkout_async.sandbox.core.payload import JsonObject, drop_none
from checkout_async.sandbox.payments import blocks, flow
from checkout_async.sandbox.payments.actions import Action, ActionType
from checkout_async.sandbox.payments.instruments import Vault
from checkout_async.sandbox.payments.payment import Payment
from checkout_async.sandbox.payments.status import PaymentStatus

_EVENTS_OF = {
    ActionType.AUTHORIZATION: ("payment_approved", "payment_declined"),
    ActionType.CARD_VERIFICATION: ("card_verified", "card_verification_declined"),
    ActionType.CAPTURE: ("payment_captured", "payment_capture_declined"),
    ActionType.VOID: ("payment_voided", "payment_void_declined"),
    ActionType.REFUND: ("payment_refunded", "payment_refund_declined"),
    ActionType.PAYOUT: ("payment_paid", "payment_declined"),
    ActionType.RETURN: ("payment_returned", "payment_returned"),
}
"""Type of action -> the event if it was approved, and the event if it was declined."""
_INCREMENT_EVENTS = ("payment_authorization_incremented", "payment_authorization_increment_declined")
_CHARGES = frozenset({ActionType.AUTHORIZATION, ActionType.CARD_VERIFICATION})
_EVENT_OF = {
    PaymentStatus.PENDING: "payment_pending",
    PaymentStatus.EXPIRED: "payment_expired",
    PaymentStatus.CANCELED: "payment_canceled",
    PaymentStatus.RETRY_SCHEDULED: "payment_retry_scheduled",
}
"""Status that no event of an action reports -> its event."""


@dataclass(slots=True, eq=False)
class PaymentEventSource:
    """Derives the events of one payment: each action once it took effect, then statuses that no action reports."""

    payment: Payment
    vault: Vault = field(repr=False)
    actions_returned: int = 0
    last_status: PaymentStatus | None = None
    count: int = 0

    def new_events(self, now: float) -> list[DomainEvent]:
        """Return the events since the last call, oldest first; each change is made at its own time."""
        events: list[DomainEvent] = []
        while (due := self.next_change()) <= now:
            events += self._step(due)
        return events + self._step(now)

    def next_change(self) -> float:
        """Return when time alone will change the payment, or an accepted action will take effect."""
        pending = self.payment.ledger.actions[self.actions_returned :]
        return min([flow.due(self.payment), *(action.processed_on for action in pending)], default=math.inf)

    def _step(self, at: float) -> list[DomainEvent]:
        flow.tick(self.payment, at)
        ledger = self.payment.ledger
        new = ledger.actions_by(at)[self.actions_returned :]
        self.actions_returned += len(new)
        # A void of 0 only shows that a scheduled retry was cancelled.
        events = [self._action_event(action) for action in new if action.amount or action.type is not ActionType.VOID]
        status = ledger.status(at)
        if status in _EVENT_OF and (status is not self.last_status or new):
            events.append(self._event(_EVENT_OF[status], at, {}))
        self.last_status = status
        return events

    def _action_event(self, action: Action) -> DomainEvent:
        is_increment = action.authorization_type == "Incremental"
        succeeded, failed = _INCREMENT_EVENTS if is_increment else _EVENTS_OF[action.type]
        decision_members = blocks.decision_members(self.payment, action)
        data: dict[str, object | None] = {
            "action_id": action.id,
            "amount": action.amount,
            "auth_code": decision_members["auth_code"] if action.type is ActionType.AUTHORIZATION else None,
            "response_code": decision_members["response_code"],
            "response_summary": decision_members["response_summary"],
            "reference": action.note.reference,
            "metadata": action.note.metadata,
            "processed_on": timestamp(action.processed_on),
            "processing": None if self.payment.request.is_payout else blocks.action_processing(self.payment, action),
        }
        if action.type in _CHARGES and not is_increment:
            data |= self._charge_members(action) | {"risk": decision_members["risk"]}
        return self._event(succeeded if action.approved else failed, action.processed_on, drop_none(data))

    def _charge_members(self, action: Action) -> dict[str, object | None]:
        """Write the members that only events of authorizations and verifications have."""
        payment, request = self.payment, self.payment.request
        stored = request.instrument is not None and (action.approved or self.vault.contains(request.instrument))
        return {
            "source": _source_as_in_events(blocks.source(payment, stored=stored)),
            "customer": request.customer,
            "payment_ip": request.echoed.get("payment_ip"),
            "3ds": blocks.three_ds(payment, early=False),
            "eci": blocks.eci(payment),
            "scheme_id": blocks.scheme_id(payment),
        }

    def _event(self, type_: str, at: float, data: JsonObject) -> DomainEvent:
        request = self.payment.request
        about: dict[str, object | None] = {
            "id": self.payment.id,
            "payment_type": request.payment_type,
            "reference": request.reference,
            "amount": request.amount,
            "currency": request.currency,
            "metadata": request.echoed.get("metadata"),
            "balances": blocks.balances(self.payment, at),
        }
        self.count += 1
        return DomainEvent(
            id=self.payment.ids.identifier("evt", f"event {self.count}"),
            type=type_,
            subject=self.payment.id,
            at=at,
            data=drop_none(about) | data,
        )


def _source_as_in_events(source: JsonObject | None) -> JsonObject | None:
    """Rename `last4` to `last_4`, as events spell it."""
    return source and {"last_4" if name == "last4" else name: value for name, value in source.items()}
