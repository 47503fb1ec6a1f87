"""The blocks inside payment replies: source, destination, balances, risk, retry, links, actions."""

from __future__ import annotations

from collections.abc import Mapping

from checkout_async.sandbox.core.clock import timestamp
from checkout_async.sandbox.core.payload import JsonObject, member, present, text
from checkout_async.sandbox.core.spec import ApiSpec
from checkout_async.sandbox.payments.actions import Action, ActionType, Balances
from checkout_async.sandbox.payments.codes import SUMMARIES, auth_code, is_approval, is_risk
from checkout_async.sandbox.payments.instruments import shown_card
from checkout_async.sandbox.payments.payment import Payment
from checkout_async.sandbox.payments.status import Deed, PaymentStatus
from checkout_async.sandbox.sessions import authentication as exchange

REDIRECT_PATH = "/_sandbox/payments/{id}/redirect"
CHANNEL = "pc_" + 26 * "a"
"""The processing channel of a request that names none."""

_OPERATION_OF = {
    Deed.INCREMENT: ("authorize", "increment_authorization"),
    Deed.CAPTURE: ("capture", "capture_payment"),
    Deed.VOID: ("void", "void_payment"),
    Deed.REFUND: ("refund", "refund_payment"),
    Deed.CANCEL_RETRY: ("cancel", "cancel_scheduled_retry"),
}
"""What may be done -> relation of its link, and its operation."""
_EARLY_THREE_DS = ("downgraded", "enrolled", "upgrade_reason")
_SHOWN_SOURCE = frozenset({"type", "id", "description", "purpose", "partner_agreement_id"})
"""Members of other sources than cards that replies repeat."""


class Links:
    """Writes links to a given base URL."""

    def __init__(self, spec: ApiSpec, base_url: str) -> None:
        self._spec = spec
        self._base_url = base_url

    def to(self, operation_id: str, payment: Payment) -> str:
        """Return the address of an operation on a payment."""
        return self._base_url + self._spec.path(operation_id, id=payment.id)

    def of(self, payment: Payment) -> JsonObject:
        """Write a payment's links: itself, its actions, what may be done to it, where to send the customer."""
        urls = {"self": self.to("get_payment", payment), "actions": self.to("get_payment_actions", payment)}
        for deed, (relation, operation_id) in _OPERATION_OF.items():
            if payment.ledger.obstacle(deed) is None:
                urls[relation] = self.to(operation_id, payment)
        if payment.redirected and payment.ledger.status() is PaymentStatus.PENDING:
            urls["redirect"] = self._base_url + REDIRECT_PATH.format(id=payment.id)
        return hrefs(urls)

    def to_payment(self, payment: Payment) -> JsonObject:
        """Write the one link of the reply to an action."""
        return hrefs({"payment": self.to("get_payment", payment)})

    def next_page(self, path: str) -> JsonObject:
        """Write the link to the next page of a search."""
        return hrefs({"next": self._base_url + path})


def hrefs(urls: Mapping[str, str]) -> JsonObject:
    """Write link objects by relation."""
    return {name: {"href": url} for name, url in urls.items()}


def source(payment: Payment, *, stored: bool) -> JsonObject | None:
    """Write what was charged: cards with what the issuer said, other methods with their type and identity."""
    order = payment.order
    if order.pays_out:
        return {name: order.source[name] for name in ("type", "id", "amount") if name in order.source}
    if order.instrument is None:
        return {name: value for name, value in order.source.items() if name in _SHOWN_SOURCE}
    if payment.fallback_used and order.fallback is not None:
        return shown_card(order.fallback, {}, stored=stored, cvv_given=False)
    return shown_card(order.instrument, order.source, stored=stored, cvv_given=order.cvv_given)


def destination(payment: Payment) -> JsonObject | None:
    """Write where a payout goes: the instrument, and its holder by reference."""
    order = payment.order
    if not order.pays_out:
        return None
    if order.instrument is None:
        return {"type": "bank_account", "id": payment.mint.identifier("src", "destination")}
    shown = shown_card(order.instrument, {}, stored=True, cvv_given=False)
    names = ("id", "expiry_month", "expiry_year", "last4", "fingerprint", "bin", "card_type", "card_category")
    return {"type": "card"} | {name: shown[name] for name in names if name in shown}


def balances(payment: Payment, now: float) -> JsonObject | None:
    """Write the totals; payouts have none."""
    if payment.order.pays_out:
        return None
    totals = payment.ledger.balances(now)
    return totals_of(totals) | {
        "total_voided": totals.total_voided,
        "available_to_void": payment.ledger.available_to_void(now),
        "available_to_capture": totals.available_to_capture,
        "available_to_refund": totals.available_to_refund,
    }


def totals_of(totals: Balances) -> JsonObject:
    """Write the three totals that search results have."""
    return {
        "total_authorized": totals.total_authorized,
        "total_captured": totals.total_captured,
        "total_refunded": totals.total_refunded,
    }


def verdict(payment: Payment, action: Action) -> dict[str, object | None]:
    """Write what issuer and risk engine said to an authorization."""
    risky = is_risk(action.response_code)
    return {
        "approved": action.approved,
        "auth_code": auth_code(action.response_code, payment.mint.digits(6, f"auth {action.id}")),
        "response_code": action.response_code,
        "response_summary": SUMMARIES.get(action.response_code),
        "risk": {"flagged": risky, "score": 90 if risky else 10},
    }


def processing(payment: Payment) -> JsonObject:
    """Write what scheme and acquirer said, and what the request's `processing` had."""
    order, decision = payment.order, payment.decision
    by_card = order.instrument is not None
    said = {
        "partner_order_id": None if by_card or order.pays_out else payment.mint.token("order").upper()[:17],
        "pan_type_processed": "fpan" if by_card and not order.pays_out else None,
        "fallback_source_used": payment.fallback_used if order.fallback is not None else None,
    }
    acquired = None if decision is None else action_processing(payment, decision)
    return (acquired or {}) | present(said) | member(order.echoed, "processing")


def three_ds(payment: Payment, *, early: bool) -> JsonObject | None:
    """Write what became of 3D Secure; an `early` reply to the request knows little of it."""
    shown = payment.three_ds
    return ({name: shown[name] for name in _EARLY_THREE_DS if name in shown} if early else shown) or None


def eci(payment: Payment) -> str | None:
    """Give the electronic commerce indicator that counted in the end; only cards that pay have one."""
    order = payment.order
    if order.instrument is None or order.pays_out:
        return None
    return text(payment.three_ds, "eci") or exchange.eci(order.instrument.scheme, "N")


def scheme_id(payment: Payment) -> str | None:
    """Give the scheme's identifier of the transaction; only cards that pay have one."""
    by_card = payment.order.instrument is not None and not payment.order.pays_out
    return payment.mint.digits(15, "scheme") if by_card else None


def retry(payment: Payment) -> JsonObject | None:
    """Write the state of scheduled retries."""
    plan = payment.retry
    if plan is None:
        return None
    waits = payment.ledger.status() is PaymentStatus.RETRY_SCHEDULED
    state = {
        "attempts_made": plan.attempts_made,
        "max_attempts": plan.max_attempts,
        "ends_on": timestamp(plan.ends_at),
        "next_attempt_on": timestamp(plan.next_at) if waits else None,
    }
    return present(state)


def action(payment: Payment, done: Action) -> JsonObject:
    """Write an action as `get_payment_actions` shows it."""
    by_issuer = done.type in {ActionType.AUTHORIZATION, ActionType.CARD_VERIFICATION}
    code = auth_code(done.response_code, payment.mint.digits(6, f"auth {done.id}"))
    return present(
        {
            "id": done.id,
            "type": done.type,
            "processed_on": timestamp(done.processed_on),
            "amount": done.amount,
            "approved": done.approved,
            "auth_code": code if by_issuer else None,
            "response_code": done.response_code,
            "response_summary": SUMMARIES.get(done.response_code),
            "authorization_type": done.authorization_type,
            "reference": done.note.reference,
            "amount_allocations": list(done.note.allocations) or None,
            "processing": action_processing(payment, done),
            "metadata": done.note.metadata,
        }
    )


def action_summary(done: Action) -> JsonObject:
    """Write an action as payments list it."""
    return present(
        {
            "id": done.id,
            "type": done.type,
            "response_code": done.response_code,
            "response_summary": SUMMARIES.get(done.response_code),
        }
    )


def found_action(payment: Payment, done: Action) -> JsonObject:
    """Write an action as search results show it: with a status in place of `approved`."""
    shown = action(payment, done)
    del shown["approved"]
    return shown | {"status": "Approved" if is_approval(done.response_code) else "Declined"}


def action_processing(payment: Payment, done: Action) -> JsonObject | None:
    """Write the numbers that the acquirer gave an action; only those of cards have any."""
    if payment.order.instrument is None:
        return None
    numbers: JsonObject = {"acquirer_transaction_id": payment.mint.digits(21, f"acquirer {done.id}")}
    if done.type in {ActionType.AUTHORIZATION, ActionType.CARD_VERIFICATION}:
        numbers["retrieval_reference_number"] = payment.mint.digits(12, f"rrn {done.id}")
    if done.type in {ActionType.CAPTURE, ActionType.REFUND}:
        numbers["acquirer_reference_number"] = payment.mint.digits(23, f"arn {done.id}")
    return numbers
