"""Events of payments: which ones a payment's life gives, and what they say."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from checkout_async.sandbox.core.clock import timestamp
from checkout_async.sandbox.core.dispatch import Happening
from checkout_async.sandbox.core.payload import JsonObject, present
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
"""Action -> the events of one that succeeded and of one that did not."""
_INCREMENT_EVENTS = ("payment_authorization_incremented", "payment_authorization_increment_declined")
_CHARGES = frozenset({ActionType.AUTHORIZATION, ActionType.CARD_VERIFICATION})
_EVENT_OF = {
    PaymentStatus.PENDING: "payment_pending",
    PaymentStatus.EXPIRED: "payment_expired",
    PaymentStatus.CANCELED: "payment_canceled",
    PaymentStatus.RETRY_SCHEDULED: "payment_retry_scheduled",
}
"""Status that no action tells -> the event that does."""


@dataclass(slots=True, eq=False)
class PaymentTeller:
    """Tells of one payment: each action once it took effect, then the status where no action says it."""

    payment: Payment
    vault: Vault = field(repr=False)
    actions_told: int = 0
    status_told: PaymentStatus | None = None
    count: int = 0

    def tell(self, now: float) -> list[Happening]:
        """Return what has happened since it was last asked, step by step."""
        told: list[Happening] = []
        while (due := self.due()) <= now:
            told += self._step(due)
        return told + self._step(now)

    def due(self) -> float:
        """Return when time alone will move the payment, or have an accepted action take effect."""
        untold = self.payment.ledger.actions[self.actions_told :]
        return min([flow.due(self.payment), *(action.processed_on for action in untold)], default=math.inf)

    def _step(self, at: float) -> list[Happening]:
        flow.tick(self.payment, at)
        ledger = self.payment.ledger
        new = ledger.actions_by(at)[self.actions_told :]
        self.actions_told += len(new)
        # A void of nothing only shows that a scheduled retry was stopped.
        told = [self._of_action(action) for action in new if action.amount or action.type is not ActionType.VOID]
        status = ledger.status(at)
        if status in _EVENT_OF and (status is not self.status_told or new):
            told.append(self._happening(_EVENT_OF[status], at, {}))
        self.status_told = status
        return told

    def _of_action(self, action: Action) -> Happening:
        raised = action.authorization_type == "Incremental"
        succeeded, failed = _INCREMENT_EVENTS if raised else _EVENTS_OF[action.type]
        verdict = blocks.verdict(self.payment, action)
        data: dict[str, object | None] = {
            "action_id": action.id,
            "amount": action.amount,
            "auth_code": verdict["auth_code"] if action.type is ActionType.AUTHORIZATION else None,
            "response_code": verdict["response_code"],
            "response_summary": verdict["response_summary"],
            "reference": action.note.reference,
            "metadata": action.note.metadata,
            "processed_on": timestamp(action.processed_on),
            "processing": None if self.payment.order.pays_out else blocks.action_processing(self.payment, action),
        }
        if action.type in _CHARGES and not raised:
            data |= self._charge(action) | {"risk": verdict["risk"]}
        return self._happening(succeeded if action.approved else failed, action.processed_on, present(data))

    def _charge(self, action: Action) -> dict[str, object | None]:
        """Write what is told of an authorization or a verification alone."""
        payment, order = self.payment, self.payment.order
        stored = order.instrument is not None and (action.approved or self.vault.holds(order.instrument))
        return {
            "source": _told(blocks.source(payment, stored=stored)),
            "customer": order.customer,
            "payment_ip": order.echoed.get("payment_ip"),
            "3ds": blocks.three_ds(payment, early=False),
            "eci": blocks.eci(payment),
            "scheme_id": blocks.scheme_id(payment),
        }

    def _happening(self, type_: str, at: float, data: JsonObject) -> Happening:
        order = self.payment.order
        about: dict[str, object | None] = {
            "id": self.payment.id,
            "payment_type": order.payment_type,
            "reference": order.reference,
            "amount": order.amount,
            "currency": order.currency,
            "metadata": order.echoed.get("metadata"),
            "balances": blocks.balances(self.payment, at),
        }
        self.count += 1
        return Happening(
            id=self.payment.mint.identifier("evt", f"event {self.count}"),
            type=type_,
            subject=self.payment.id,
            at=at,
            data=present(about) | data,
        )


def _told(source: JsonObject | None) -> JsonObject | None:
    """Name the last digits of a card as events do."""
    return source and {"last_4" if name == "last4" else name: value for name, value in source.items()}
