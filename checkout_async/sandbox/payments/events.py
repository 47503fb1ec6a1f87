"""Events of payments: which events a payment causes, and their data.

The data depend on the type, as in what Checkout.com delivers: the event of an authorization says what was charged, that
of a later action has its outcome and the balances, that of waiting has neither. What is unknown is left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from checkout_async.sandbox.core.clock import timestamp
from checkout_async.sandbox.core.dispatch import DomainEvent
from checkout_async.sandbox.core.payload import JsonObject, drop_none, member
from checkout_async.sandbox.core.simulation import Simulation
from checkout_async.sandbox.payments import blocks, flow
from checkout_async.sandbox.payments.actions import Action, ActionType
from checkout_async.sandbox.payments.codes import AUTHENTICATION_FAILED, AUTHENTICATION_TIMED_OUT
from checkout_async.sandbox.payments.instruments import Vault
from checkout_async.sandbox.payments.ledger import PaymentLedger
from checkout_async.sandbox.payments.payment import Payment
from checkout_async.sandbox.payments.status import PaymentOperation, PaymentStatus
from checkout_async.sandbox.sessions.blocks import PROTOCOL_VERSION

LAYOUT_VERSION = "1.0.43"
"""`version` of events of payments."""

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
_CARD_PAYOUT_EVENTS = _EVENTS_OF[ActionType.AUTHORIZATION]
_AUTHENTICATION_CODES = frozenset({AUTHENTICATION_FAILED, AUTHENTICATION_TIMED_OUT})
_EVENT_OF = {
    PaymentStatus.PENDING: "payment_pending",
    PaymentStatus.EXPIRED: "payment_expired",
    PaymentStatus.CANCELED: "payment_canceled",
    PaymentStatus.RETRY_SCHEDULED: "payment_retry_scheduled",
}
"""Status that no event of an action reports -> its event."""
_CHARGES = frozenset({ActionType.AUTHORIZATION, ActionType.CARD_VERIFICATION})
_LATER = frozenset({ActionType.CAPTURE, ActionType.VOID, ActionType.REFUND})
_TRIGGERED = frozenset({"payment_captured", "payment_voided", "payment_void_declined"})
"""Events that say what set the action off."""
_LINKED = {
    "payment_approved": (PaymentOperation.CAPTURE, PaymentOperation.VOID),
    "payment_captured": (PaymentOperation.REFUND,),
    "payment_capture_declined": (PaymentOperation.CAPTURE,),
    "payment_void_declined": (PaymentOperation.CAPTURE,),
}
"""Event -> the operations that it links to if they are possible after its action."""
_RELATION_OF = {PaymentOperation.CAPTURE: "capture", PaymentOperation.VOID: "void", PaymentOperation.REFUND: "refund"}
_CARD_MEMBERS = {"last4": "last_4", "payment_account_reference": "payment_account_reference_number"}
"""Member of a card in replies -> its name in events."""
_ADDRESS_MEMBERS = {"address_line1": "line1", "address_line2": "line2", "city": "town_city"}
"""Member of a billing address in replies -> its name in events."""
_THREE_DS_MEMBERS = {
    name: "cavv" if name == "cryptogram" else name
    for name in (
        "downgraded",
        "enrolled",
        "upgrade_reason",
        "authentication_response",
        "authentication_status_reason",
        "cryptogram",
        "xid",
        "eci",
        "version",
        "challenged",
    )
}
"""Member of the outcome of 3D Secure in replies -> its name in events; others are not in events."""


@dataclass(slots=True, eq=False)
class PaymentEventSource:
    """Derives the events of one payment: each action once it took effect, then statuses that no action reports."""

    payment: Payment
    vault: Vault = field(repr=False)
    simulation: Simulation = field(repr=False)
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
        if status in _EVENT_OF and (status is not self.last_status or new) and self._is_reported(status):
            events.append(self._status_event(status, at, new[-1] if new else None))
        self.last_status = status
        return events

    def _is_reported(self, status: PaymentStatus) -> bool:
        """Return whether a status has an event; a card does not expire, its authentication or authorization ends."""
        return status is not PaymentStatus.EXPIRED or self.payment.request.instrument is None

    def _status_event(self, status: PaymentStatus, at: float, action: Action | None) -> DomainEvent:
        data: dict[str, object | None] = {}
        if status is PaymentStatus.RETRY_SCHEDULED and action is not None:
            data = self._action_members(action) | self._charge_members(action) | {"retry": blocks.retry(self.payment)}
        elif action is not None:
            data["action_id"] = action.id
        return self._event(_EVENT_OF[status], at, data)

    def _action_event(self, action: Action) -> DomainEvent:
        type_, ledger = self._type_of(action), self.payment.ledger.after(action)
        data = self._action_members(action)
        if type_ == "payment_authentication_failed":
            data |= {"processing": None, "3ds": self._three_ds(failed=True)}
        elif action.authorization_type == "Incremental":
            data |= self._increment_members(action, ledger)
        elif action.type in _CHARGES:
            data |= self._charge_members(action)
            data["balances"] = blocks.ledger_balances(ledger) if type_ == "payment_approved" else None
        elif action.type in _LATER:
            data["balances"] = blocks.ledger_balances(ledger)
            data["trigger"] = "manual" if action.by_hand and type_ in _TRIGGERED else None
            if type_ == "payment_voided":
                data["processing"] = None
        else:
            data |= self._payout_members(action)
        return self._event(type_, action.processed_on, data, ledger)

    def _type_of(self, action: Action) -> str:
        if action.type is ActionType.AUTHORIZATION and action.response_code in _AUTHENTICATION_CODES:
            return "payment_authentication_failed"
        succeeded, failed = _EVENTS_OF[action.type]
        if action.authorization_type == "Incremental":
            succeeded, failed = _INCREMENT_EVENTS
        elif action.type is ActionType.PAYOUT and self.payment.request.instrument is not None:
            succeeded, failed = _CARD_PAYOUT_EVENTS
        return succeeded if action.approved else failed

    def _action_members(self, action: Action) -> dict[str, object | None]:
        """Write the members that every event of an action has."""
        decision = blocks.decision_members(self.payment, action)
        is_payout = self.payment.request.is_payout
        members: dict[str, object | None] = {
            "action_id": action.id,
            "amount": action.amount,
            "response_code": decision["response_code"],
            "response_summary": decision["response_summary"],
            "processed_on": timestamp(action.processed_on),
            "processing": None if is_payout else blocks.action_processing(self.payment, action),
        }
        given = {"reference": action.note.reference, "metadata": action.note.metadata}
        return members | drop_none(given)

    def _charge_members(self, action: Action) -> dict[str, object | None]:
        """Write the members that only events of authorizations and verifications have."""
        payment, request = self.payment, self.payment.request
        stored = request.instrument is not None and (action.approved or self.vault.contains(request.instrument))
        decision = blocks.decision_members(payment, action)
        return {
            "payment_type": request.payment_type or "Regular",
            "auth_code": decision["auth_code"],
            "risk": decision["risk"],
            "source": _card_as_in_events(blocks.source(payment, stored=stored)),
            "customer": _select(request.customer, "id", "email"),
            "payment_ip": request.echoed.get("payment_ip"),
            "3ds": self._three_ds(),
            "eci": blocks.eci(payment),
            "scheme_id": blocks.scheme_id(payment),
            "pan_type_processed": blocks.processing(payment).get("pan_type_processed"),
            "upgrade_reason": payment.three_ds.get("upgrade_reason"),
            "processing_channel_id": request.channel_id or blocks.CHANNEL,
        }

    def _increment_members(self, action: Action, ledger: PaymentLedger) -> dict[str, object | None]:
        """Write the members of an event of an increment; reference and metadata are those of the increment."""
        return blocks.decision_members(self.payment, action) | {
            "reference": action.note.reference,
            "metadata": action.note.metadata,
            "eci": blocks.eci(self.payment),
            "scheme_id": blocks.scheme_id(self.payment),
            "balances": blocks.ledger_balances(ledger) if action.approved else None,
        }

    def _payout_members(self, action: Action) -> dict[str, object | None]:
        """Write from where to where the money goes; for a bank account also when it is credited."""
        payment, request = self.payment, self.payment.request
        destination = _card_as_in_events(blocks.destination(payment)) or {}
        if request.instrument is not None:
            return {"destination": destination}
        settled = action if payment.decision is None else payment.decision
        account = _select(request.source, "type", "id") or {}
        return {
            "source": account | {"card_on_file": False},
            "destination": destination | {"fingerprint": payment.ids.token("fingerprint of the destination")},
            "instruction": {"value_date": timestamp(settled.processed_on)},
        }

    def _three_ds(self, *, failed: bool = False) -> JsonObject | None:
        """Write the outcome of 3D Secure; one that `failed` does not say whether the payment went on without it."""
        payment = self.payment
        block = blocks.three_ds(payment, early=False)
        if block is None:
            return None
        asked = payment.request.three_ds
        known = {_THREE_DS_MEMBERS[name]: value for name, value in block.items() if name in _THREE_DS_MEMBERS}
        if failed:
            known.pop("downgraded", None)
        if payment.redirected:
            known = {"version": PROTOCOL_VERSION} | known
            known["authentication_id"] = payment.session_id
            known["redirect_url"] = self.simulation.url(blocks.REDIRECT_PATH.format(id=payment.id))
        elif payment.authentication_id is not None:
            known["authentication_id"] = payment.authentication_id
        if "authentication_response" in known and "challenged" in known:
            known["flow_type"] = "challenged" if known["challenged"] else "frictionless"
        known["exemption"] = asked.get("exemption") or "none"
        known["challenge_indicator"] = asked.get("challenge_indicator") or "no_preference"
        return known

    def _links(self, type_: str, ledger: PaymentLedger | None) -> dict[str, str]:
        """Write the addresses of the payment, its actions, and the operations that are possible after the action."""
        urls = {"payment": self._to("get_payment"), "payment_actions": self._to("get_payment_actions")}
        if ledger is None or self.payment.request.is_payout:
            return urls
        possible = [operation for operation in _LINKED.get(type_, ()) if ledger.refusal_code(operation) is None]
        return urls | {_RELATION_OF[operation]: self._to(operation) for operation in possible}

    def _to(self, operation_id: str) -> str:
        return self.simulation.operation_url(operation_id, self.payment.id)

    def _event(
        self, type_: str, at: float, data: Mapping[str, object | None], ledger: PaymentLedger | None = None
    ) -> DomainEvent:
        request = self.payment.request
        core: dict[str, object | None] = {
            "id": self.payment.id,
            "reference": request.reference,
            "amount": request.amount,
            "currency": request.currency,
            "metadata": request.echoed.get("metadata"),
            "processed_on": timestamp(at),
        }
        links = self._links(type_, ledger)
        self.count += 1
        return DomainEvent(
            id=self.payment.ids.identifier("evt", f"event {self.count}"),
            type=type_,
            subject=self.payment.id,
            at=at,
            version=LAYOUT_VERSION,
            data=drop_none({**core, **data, "event_links": links}),
            links=links,
        )


def _select(block: JsonObject | None, *names: str) -> JsonObject | None:
    """Return some members of a block; None without a block."""
    return block and {name: block[name] for name in names if name in block}


def _card_as_in_events(card: JsonObject | None) -> JsonObject | None:
    """Rename the members of a source or destination as events spell them."""
    if card is None:
        return None
    block = {_CARD_MEMBERS.get(name, name): value for name, value in card.items()}
    if "billing_address" in block:
        address = drop_none(member(block, "billing_address"))
        block["billing_address"] = {_ADDRESS_MEMBERS.get(name, name): value for name, value in address.items()}
    return block
