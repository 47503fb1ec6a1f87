"""Payment replies: which members each operation's reply has, by the state of the payment."""

from __future__ import annotations

import math

from checkout_async.sandbox.core.clock import timestamp
from checkout_async.sandbox.core.payload import JsonObject, member, present
from checkout_async.sandbox.payments import blocks
from checkout_async.sandbox.payments.actions import Action
from checkout_async.sandbox.payments.blocks import Links
from checkout_async.sandbox.payments.instruments import Vault
from checkout_async.sandbox.payments.payment import Payment
from checkout_async.sandbox.payments.status import PaymentStatus

_ECHOED_AT_ONCE = frozenset({"description", "metadata", "payment_plan", "subscription", "recipient", "shipping"})
"""What the 201 reply repeats of the request; later replies repeat more."""
_UNDECIDED = frozenset({PaymentStatus.PENDING, PaymentStatus.ACCEPTED})


class PaymentReplies:
    """Writes payments as the API does."""

    def __init__(self, links: Links, vault: Vault) -> None:
        self._links = links
        self._vault = vault

    def processed(self, payment: Payment, action: Action, now: float) -> JsonObject:
        """Write the 201 body of `request_payment`."""
        order = payment.order
        retry = blocks.retry(payment)
        body: dict[str, object | None] = {
            "id": payment.id,
            "action_id": action.id,
            "amount": action.amount if action.approved else order.amount,
            "amount_requested": order.amount if order.partial_allowed else None,
            "currency": order.currency,
            "status": payment.ledger.status(now),
            **blocks.verdict(payment, action),
            "expires_on": self._expiry(payment),
            "payment_type": order.payment_type,
            "3ds": blocks.three_ds(payment, early=True),
            "source": self._source(payment),
            "customer": order.customer,
            "balances": blocks.balances(payment, now),
            "processed_on": timestamp(action.processed_on),
            "reference": order.reference,
            "processing": blocks.processing(payment) or None,
            "eci": blocks.eci(payment),
            "scheme_id": blocks.scheme_id(payment),
            "retry": {"enabled": True} | retry if retry else None,
            "_links": self._links.of(payment),
        }
        return present(body | {name: value for name, value in order.echoed.items() if name in _ECHOED_AT_ONCE})

    def pending(self, payment: Payment, now: float) -> JsonObject:
        """Write the 202 body of `request_payment`: of a payment that waits, a payout, an unreferenced refund."""
        order = payment.order
        holder = {"account_holder": {"id": payment.mint.identifier("src", "holder")}}
        body: dict[str, object | None] = {
            "id": payment.id,
            "status": payment.ledger.status(now),
            "reference": order.reference,
            "customer": order.customer,
            "3ds": blocks.three_ds(payment, early=True),
            "destination": {"type": str(self._destination_type(payment))} | holder if order.pays_out else None,
            "instruction": {"value_date": timestamp(payment.settle_at)} if order.kind == "payout" else None,
            "processing": blocks.processing(payment) or None if order.kind == "apm" else None,
            "_links": self._links.of(payment),
        }
        return present(body)

    def details(self, payment: Payment, now: float) -> JsonObject:
        """Write the body of `get_payment`, and an item of `list_payments`."""
        summaries = [blocks.action_summary(action) for action in reversed(payment.ledger.actions_by(now))]
        return self._common(payment, now) | {"actions": summaries, "_links": self._links.of(payment)}

    def found(self, payment: Payment, now: float) -> JsonObject:
        """Write an item of `search_payments`, whose index writes some members in other ways."""
        body = self._common(payment, now)
        body["status"] = str(body["status"]).lower()
        if "payment_type" in body:
            body["payment_type"] = str(body["payment_type"]).lower()
        if "balances" in body:
            body["balances"] = blocks.totals_of(payment.ledger.balances(now))
        if "risk" in body:
            risk = member(body, "risk")
            body["risk"] = risk | {"score": str(risk["score"])}
        if "source" in body:
            body["source"] = _indexed_card(member(body, "source"))
        actions = [blocks.found_action(payment, done) for done in reversed(payment.ledger.actions_by(now))]
        return body | {"actions": actions}

    def actions(self, payment: Payment, now: float) -> list[object]:
        """Write the body of `get_payment_actions`, newest first."""
        return [blocks.action(payment, action) for action in reversed(payment.ledger.actions_by(now))]

    def incremented(self, payment: Payment, action: Action, now: float) -> JsonObject:
        """Write the body of `increment_authorization`; its amount is that of the increment."""
        return present(
            {
                "action_id": action.id,
                "amount": action.amount,
                "currency": payment.order.currency,
                **blocks.verdict(payment, action),
                "status": PaymentStatus.AUTHORIZED if action.approved else PaymentStatus.DECLINED,
                "expires_on": self._expiry(payment),
                "balances": blocks.balances(payment, now),
                "processed_on": timestamp(action.processed_on),
                "reference": action.note.reference,
                "processing": blocks.processing(payment) or None,
                "eci": blocks.eci(payment),
                "scheme_id": blocks.scheme_id(payment),
                "_links": self._links.of(payment),
            }
        )

    def accepted(self, payment: Payment, action: Action, **more: object) -> JsonObject:
        """Write the body of 202 for an action."""
        body = {"action_id": action.id, "reference": action.note.reference, **more}
        return present(body) | {"_links": self._links.to_payment(payment)}

    def done_before(self, payment: Payment, action: Action) -> JsonObject:
        """Write the body of 200 for an action that was carried out before."""
        return {"action_id": action.id, "_links": self._links.to_payment(payment)}

    def _common(self, payment: Payment, now: float) -> JsonObject:
        """Write what `get_payment` and `search_payments` share."""
        order, decision = payment.order, payment.decision
        status = payment.ledger.status(now)
        instruction = member(order.echoed, "instruction")
        body: dict[str, object | None] = {
            "id": payment.id,
            "requested_on": timestamp(payment.created_at),
            "source": self._source(payment),
            "destination": blocks.destination(payment),
            "amount": decision.amount if decision and decision.approved else order.amount,
            "amount_requested": order.amount if order.partial_allowed else None,
            "currency": order.currency,
            "payment_type": order.payment_type or (None if order.pays_out else "Regular"),
            "reference": order.reference,
            "approved": None if status in _UNDECIDED or decision is None else decision.approved,
            "status": status,
            "expires_on": self._expiry(payment),
            "balances": blocks.balances(payment, now),
            "3ds": blocks.three_ds(payment, early=False),
            "authentication_id": payment.authentication_id,
            "customer": order.customer,
            "processing": blocks.processing(payment) or None,
            "retry": blocks.retry(payment),
            "processing_channel_id": order.channel_id or blocks.CHANNEL,
            **{name: value for name, value in order.echoed.items() if name not in {"processing", "instruction"}},
            "instruction": instruction or None,
        }
        return present(body | (self._decided(payment, decision) if decision else {}))

    def _decided(self, payment: Payment, decision: Action) -> dict[str, object | None]:
        """Write what is known once somebody decided."""
        verdict = blocks.verdict(payment, decision)
        return {
            "risk": None if payment.order.pays_out else verdict["risk"],
            "response_code": decision.response_code,
            "response_summary": verdict["response_summary"],
            "auth_code": None if payment.order.pays_out else verdict["auth_code"],
            "eci": blocks.eci(payment),
            "scheme_id": blocks.scheme_id(payment),
            "processed_on": timestamp(decision.processed_on),
        }

    def _source(self, payment: Payment) -> JsonObject | None:
        instrument = payment.order.instrument
        return blocks.source(payment, stored=instrument is not None and self._vault.holds(instrument))

    def _destination_type(self, payment: Payment) -> str:
        return "bank_account" if payment.order.instrument is None else "card"

    def _expiry(self, payment: Payment) -> str | None:
        return timestamp(payment.ledger.expires_at) if math.isfinite(payment.ledger.expires_at) else None


def _indexed_card(source: JsonObject) -> JsonObject:
    """Write a card as the search index does."""
    shown = dict(source)
    for name in ("expiry_month", "expiry_year"):
        if name in shown:
            shown[name] = f"{shown[name]:02d}"
    if "card_type" in shown:
        shown["card_type"] = str(shown["card_type"]).lower()
    return shown
