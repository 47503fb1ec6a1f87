"""Payment replies: which members the reply of each operation has, by the state of the payment."""

from __future__ import annotations

import math

from checkout_async.sandbox.core.clock import timestamp
from checkout_async.sandbox.core.payload import JsonObject, drop_none, member
from checkout_async.sandbox.payments import blocks
from checkout_async.sandbox.payments.actions import Action
from checkout_async.sandbox.payments.blocks import Links
from checkout_async.sandbox.payments.instruments import Vault
from checkout_async.sandbox.payments.payment import Payment
from checkout_async.sandbox.payments.status import PaymentStatus

_ECHOED_AT_ONCE = frozenset({"description", "metadata", "payment_plan", "subscription", "recipient", "shipping"})
"""Members of the request that the 201 reply repeats; later replies repeat more."""
_UNDECIDED = frozenset({PaymentStatus.PENDING, PaymentStatus.ACCEPTED})


class PaymentReplies:
    """Writes payments as the API does."""

    def __init__(self, links: Links, vault: Vault) -> None:
        self._links = links
        self._vault = vault

    def processed(self, payment: Payment, action: Action, now: float) -> JsonObject:
        """Write the 201 body of `request_payment`."""
        request = payment.request
        retry = blocks.retry(payment)
        body: dict[str, object | None] = {
            "id": payment.id,
            "action_id": action.id,
            "amount": action.amount if action.approved else request.amount,
            "amount_requested": request.amount if request.partial_allowed else None,
            "currency": request.currency,
            "status": payment.ledger.status(now),
            **blocks.decision_members(payment, action),
            "expires_on": self._expiry(payment),
            "payment_type": request.payment_type,
            "3ds": blocks.three_ds(payment, early=True),
            "source": self._source(payment),
            "customer": request.customer,
            "balances": blocks.balances(payment, now),
            "processed_on": timestamp(action.processed_on),
            "reference": request.reference,
            "processing": blocks.processing(payment) or None,
            "eci": blocks.eci(payment),
            "scheme_id": blocks.scheme_id(payment),
            "retry": {"enabled": True} | retry if retry else None,
            "_links": self._links.of(payment),
        }
        return drop_none(body | {name: value for name, value in request.echoed.items() if name in _ECHOED_AT_ONCE})

    def pending(self, payment: Payment, now: float) -> JsonObject:
        """Write the 202 body of `request_payment`, for a payment that waits, a payout or an unreferenced refund."""
        request = payment.request
        holder = {"account_holder": {"id": payment.ids.identifier("src", "holder")}}
        body: dict[str, object | None] = {
            "id": payment.id,
            "status": payment.ledger.status(now),
            "reference": request.reference,
            "customer": request.customer,
            "3ds": blocks.three_ds(payment, early=True),
            "destination": {"type": str(self._destination_type(payment))} | holder if request.is_payout else None,
            "instruction": {"value_date": timestamp(payment.settle_at)} if request.kind == "payout" else None,
            "processing": blocks.processing(payment) or None if request.kind == "apm" else None,
            "_links": self._links.of(payment),
        }
        return drop_none(body)

    def details(self, payment: Payment, now: float) -> JsonObject:
        """Write the body of `get_payment`, and an item of `list_payments`."""
        summaries = [blocks.action_summary(action) for action in reversed(payment.ledger.actions_by(now))]
        return self._common(payment, now) | {"actions": summaries, "_links": self._links.of(payment)}

    def search_item(self, payment: Payment, now: float) -> JsonObject:
        """Write an item of `search_payments`; the search index writes some members differently."""
        body = self._common(payment, now)
        body["status"] = str(body["status"]).lower()
        if "payment_type" in body:
            body["payment_type"] = str(body["payment_type"]).lower()
        if "balances" in body:
            body["balances"] = blocks.search_totals(payment.ledger.balances(now))
        if "risk" in body:
            risk = member(body, "risk")
            body["risk"] = risk | {"score": str(risk["score"])}
        if "source" in body:
            body["source"] = _card_as_indexed(member(body, "source"))
        actions = [blocks.search_action(payment, action) for action in reversed(payment.ledger.actions_by(now))]
        return body | {"actions": actions}

    def actions(self, payment: Payment, now: float) -> list[object]:
        """Write the body of `get_payment_actions`, newest first."""
        return [blocks.action_details(payment, action) for action in reversed(payment.ledger.actions_by(now))]

    def incremented(self, payment: Payment, action: Action, now: float) -> JsonObject:
        """Write the body of `increment_authorization`; `amount` is that of the increment."""
        return drop_none(
            {
                "action_id": action.id,
                "amount": action.amount,
                "currency": payment.request.currency,
                **blocks.decision_members(payment, action),
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
        """Write the 202 body of an operation on a payment."""
        body = {"action_id": action.id, "reference": action.note.reference, **more}
        return drop_none(body) | {"_links": self._links.to_payment(payment)}

    def already_done(self, payment: Payment, action: Action) -> JsonObject:
        """Write the 200 body of an operation that was carried out before."""
        return {"action_id": action.id, "_links": self._links.to_payment(payment)}

    def _common(self, payment: Payment, now: float) -> JsonObject:
        """Write the members that `get_payment` and `search_payments` share."""
        request, decision = payment.request, payment.decision
        status = payment.ledger.status(now)
        instruction = member(request.echoed, "instruction")
        body: dict[str, object | None] = {
            "id": payment.id,
            "requested_on": timestamp(payment.created_at),
            "source": self._source(payment),
            "destination": blocks.destination(payment),
            "amount": decision.amount if decision and decision.approved else request.amount,
            "amount_requested": request.amount if request.partial_allowed else None,
            "currency": request.currency,
            "payment_type": request.payment_type or (None if request.is_payout else "Regular"),
            "reference": request.reference,
            "approved": None if status in _UNDECIDED or decision is None else decision.approved,
            "status": status,
            "expires_on": self._expiry(payment),
            "balances": blocks.balances(payment, now),
            "3ds": blocks.three_ds(payment, early=False),
            "authentication_id": payment.authentication_id,
            "customer": request.customer,
            "processing": blocks.processing(payment) or None,
            "retry": blocks.retry(payment),
            "processing_channel_id": request.channel_id or blocks.CHANNEL,
            **{name: value for name, value in request.echoed.items() if name not in {"processing", "instruction"}},
            "instruction": instruction or None,
        }
        return drop_none(body | (self._decision(payment, decision) if decision else {}))

    def _decision(self, payment: Payment, decision: Action) -> dict[str, object | None]:
        """Write the members that exist once the payment is approved or declined."""
        decision_members = blocks.decision_members(payment, decision)
        return {
            "risk": None if payment.request.is_payout else decision_members["risk"],
            "response_code": decision.response_code,
            "response_summary": decision_members["response_summary"],
            "auth_code": None if payment.request.is_payout else decision_members["auth_code"],
            "eci": blocks.eci(payment),
            "scheme_id": blocks.scheme_id(payment),
            "processed_on": timestamp(decision.processed_on),
        }

    def _source(self, payment: Payment) -> JsonObject | None:
        instrument = payment.request.instrument
        return blocks.source(payment, stored=instrument is not None and self._vault.contains(instrument))

    def _destination_type(self, payment: Payment) -> str:
        return "bank_account" if payment.request.instrument is None else "card"

    def _expiry(self, payment: Payment) -> str | None:
        return timestamp(payment.ledger.expires_at) if math.isfinite(payment.ledger.expires_at) else None


def _card_as_indexed(source: JsonObject) -> JsonObject:
    """Write a card as the search index does."""
    block = dict(source)
    for name in ("expiry_month", "expiry_year"):
        if name in block:
            block[name] = f"{block[name]:02d}"
    if "card_type" in block:
        block["card_type"] = str(block["card_type"]).lower()
    return block
