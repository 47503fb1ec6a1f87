"""The blocks inside payment replies: source, destination, balances, risk, retry, links, actions."""

from __future__ import annotations

import math
from collections.abc import Mapping

from checkout_async.sandbox.core.clock import timestamp
from checkout_async.sandbox.core.payload import JsonObject, drop_none, member, text
from checkout_async.sandbox.core.simulation import Simulation
from checkout_async.sandbox.payments.actions import Action, ActionType, Balances
from checkout_async.sandbox.payments.codes import SUMMARIES, auth_code, is_approval, is_risk
from checkout_async.sandbox.payments.instruments import card_block
from checkout_async.sandbox.payments.ledger import PaymentLedger
from checkout_async.sandbox.payments.payment import Payment
from checkout_async.sandbox.payments.status import PaymentOperation, PaymentStatus
from checkout_async.sandbox.sessions import authentication as session_authentication

REDIRECT_PATH = "/_sandbox/payments/{id}/redirect"
CHANNEL = "pc_" + 26 * "a"
"""The processing channel of a request without `processing_channel_id`."""

_RELATION_OF = {
    PaymentOperation.INCREMENT: "authorize",
    PaymentOperation.CAPTURE: "capture",
    PaymentOperation.VOID: "void",
    PaymentOperation.REFUND: "refund",
    PaymentOperation.CANCEL_RETRY: "cancel",
}
"""Operation -> relation of its link, which replies have while the operation is allowed."""
_EARLY_THREE_DS = ("downgraded", "enrolled", "upgrade_reason")
_SHOWN_SOURCE = frozenset({"type", "id", "description", "purpose", "partner_agreement_id"})
"""Members that replies repeat of sources other than cards."""


class Links:
    """Writes the links of replies."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def of(self, payment: Payment) -> JsonObject:
        """Write the links of a payment: itself, its actions, the operations it allows, the customer's redirect."""
        urls = {"self": self._to("get_payment", payment), "actions": self._to("get_payment_actions", payment)}
        for operation, relation in _RELATION_OF.items():
            if payment.ledger.refusal_code(operation) is None:
                urls[relation] = self._to(operation, payment)
        if payment.redirected and payment.ledger.status() is PaymentStatus.PENDING:
            urls["redirect"] = self._simulation.url(REDIRECT_PATH.format(id=payment.id))
        return _links(urls)

    def to_payment(self, payment: Payment) -> JsonObject:
        """Write the only link of the reply to an action."""
        return _links({"payment": self._to("get_payment", payment)})

    def next_page(self, path: str) -> JsonObject:
        """Write the link to the next page of a search."""
        return _links({"next": self._simulation.url(path)})

    def _to(self, operation_id: str, payment: Payment) -> str:
        return self._simulation.operation_url(operation_id, payment.id)


def _links(urls: Mapping[str, str]) -> JsonObject:
    return {relation: {"href": url} for relation, url in urls.items()}


def source(payment: Payment, *, stored: bool) -> JsonObject | None:
    """Write what was charged: a card with the issuer's checks, another method with its type and identifier."""
    request = payment.request
    if request.is_payout:
        return {name: request.source[name] for name in ("type", "id", "amount") if name in request.source}
    if request.instrument is None:
        return {name: value for name, value in request.source.items() if name in _SHOWN_SOURCE}
    if payment.fallback_used and request.fallback is not None:
        return card_block(request.fallback, {}, stored=stored, cvv_given=False)
    return card_block(request.instrument, request.source, stored=stored, cvv_given=request.cvv_given)


def destination(payment: Payment) -> JsonObject | None:
    """Write the instrument that receives a payout, and its holder by reference."""
    request = payment.request
    if not request.is_payout:
        return None
    if request.instrument is None:
        return {"type": "bank_account", "id": payment.ids.identifier("src", "destination")}
    block = card_block(request.instrument, {}, stored=True, cvv_given=False)
    names = ("id", "expiry_month", "expiry_year", "last4", "fingerprint", "bin", "card_type", "card_category")
    return {"type": "card"} | {name: block[name] for name in names if name in block}


def balances(payment: Payment, now: float) -> JsonObject | None:
    """Write the totals; payouts have none."""
    return None if payment.request.is_payout else ledger_balances(payment.ledger, now)


def ledger_balances(ledger: PaymentLedger, now: float = math.inf) -> JsonObject:
    """Write the totals of a ledger, by default once all its actions have taken effect."""
    totals = ledger.balances(now)
    return search_totals(totals) | {
        "total_voided": totals.total_voided,
        "available_to_void": ledger.available_to_void(now),
        "available_to_capture": totals.available_to_capture,
        "available_to_refund": totals.available_to_refund,
    }


def search_totals(totals: Balances) -> JsonObject:
    """Write the three totals that search results have."""
    return {
        "total_authorized": totals.total_authorized,
        "total_captured": totals.total_captured,
        "total_refunded": totals.total_refunded,
    }


def decision_members(payment: Payment, action: Action) -> dict[str, object | None]:
    """Write the decision of issuer and risk engine on an authorization."""
    is_risky = is_risk(action.response_code)
    return {
        "approved": action.approved,
        "auth_code": auth_code(action.response_code, payment.ids.digits(6, f"auth {action.id}")),
        "response_code": action.response_code,
        "response_summary": SUMMARIES.get(action.response_code),
        "risk": {"flagged": is_risky, "score": 90 if is_risky else 10},
    }


def processing(payment: Payment) -> JsonObject:
    """Write the data of scheme and acquirer, and the members of the request's `processing`."""
    request, decision = payment.request, payment.decision
    by_card = request.instrument is not None
    members = {
        "partner_order_id": None if by_card or request.is_payout else payment.ids.token("order").upper()[:17],
        "pan_type_processed": "fpan" if by_card and not request.is_payout else None,
        "fallback_source_used": payment.fallback_used if request.fallback is not None else None,
    }
    acquired = None if decision is None else action_processing(payment, decision)
    return (acquired or {}) | drop_none(members) | member(request.echoed, "processing")


def three_ds(payment: Payment, *, early: bool) -> JsonObject | None:
    """Write the state of 3D Secure; the `early` reply to the request has only some of its members."""
    block = payment.three_ds
    return ({name: block[name] for name in _EARLY_THREE_DS if name in block} if early else block) or None


def eci(payment: Payment) -> str | None:
    """Return the electronic commerce indicator of the authorization; only payments by card have one."""
    request = payment.request
    if request.instrument is None or request.is_payout:
        return None
    return text(payment.three_ds, "eci") or session_authentication.eci(request.instrument.scheme, "N")


def scheme_id(payment: Payment) -> str | None:
    """Return the scheme's identifier of the transaction; only payments by card have one."""
    by_card = payment.request.instrument is not None and not payment.request.is_payout
    return payment.ids.digits(15, "scheme") if by_card else None


def retry(payment: Payment) -> JsonObject | None:
    """Write the state of scheduled retries."""
    plan = payment.retry
    if plan is None:
        return None
    is_waiting = payment.ledger.status() is PaymentStatus.RETRY_SCHEDULED
    state = {
        "attempts_made": plan.attempts_made,
        "max_attempts": plan.max_attempts,
        "ends_on": timestamp(plan.ends_at),
        "next_attempt_on": timestamp(plan.next_at) if is_waiting else None,
    }
    return drop_none(state)


def action_details(payment: Payment, action: Action) -> JsonObject:
    """Write an action as `get_payment_actions` shows it."""
    by_issuer = action.type in {ActionType.AUTHORIZATION, ActionType.CARD_VERIFICATION}
    code = auth_code(action.response_code, payment.ids.digits(6, f"auth {action.id}"))
    return drop_none(
        {
            "id": action.id,
            "type": action.type,
            "processed_on": timestamp(action.processed_on),
            "amount": action.amount,
            "approved": action.approved,
            "auth_code": code if by_issuer else None,
            "response_code": action.response_code,
            "response_summary": SUMMARIES.get(action.response_code),
            "authorization_type": action.authorization_type,
            "reference": action.note.reference,
            "amount_allocations": list(action.note.allocations) or None,
            "processing": action_processing(payment, action),
            "metadata": action.note.metadata,
        }
    )


def action_summary(action: Action) -> JsonObject:
    """Write an action as the reply of a payment lists it."""
    return drop_none(
        {
            "id": action.id,
            "type": action.type,
            "response_code": action.response_code,
            "response_summary": SUMMARIES.get(action.response_code),
        }
    )


def search_action(payment: Payment, action: Action) -> JsonObject:
    """Write an action as search results show it: with `status` instead of `approved`."""
    block = action_details(payment, action)
    del block["approved"]
    return block | {"status": "Approved" if is_approval(action.response_code) else "Declined"}


def action_processing(payment: Payment, action: Action) -> JsonObject | None:
    """Write the acquirer's numbers of an action; only actions on cards have them."""
    if payment.request.instrument is None:
        return None
    numbers: JsonObject = {"acquirer_transaction_id": payment.ids.digits(21, f"acquirer {action.id}")}
    if action.type in {ActionType.AUTHORIZATION, ActionType.CARD_VERIFICATION}:
        numbers["retrieval_reference_number"] = payment.ids.digits(12, f"rrn {action.id}")
    if action.type in {ActionType.CAPTURE, ActionType.REFUND}:
        numbers["acquirer_reference_number"] = payment.ids.digits(23, f"arn {action.id}")
    return numbers
