"""A payment or payout request as the sandbox stores it: the values it acts on and the members that replies repeat.

Business rules that a schema cannot express are checked here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from checkout_async.sandbox.core.errors import payment_invalid, reference_missing
from checkout_async.sandbox.core.payload import JsonObject, array, integer, is_object, member, text
from checkout_async.sandbox.payments.instruments import CARD_TYPES, Instrument, Vault
from checkout_async.sandbox.payments.scenarios import PaymentScenario, for_amount

_ECHOED = (
    "payment_plan",
    "description",
    "sender",
    "billing_descriptor",
    "shipping",
    "payment_ip",
    "amount_allocations",
    "recipient",
    "items",
    "metadata",
    "marketplace",
    "subscription",
)
"""Members of a request that replies repeat unchanged."""
_INSTRUCTION = ("purpose", "charge_bearer", "repair", "scheme", "quote_id")
_PROCESSING = (
    "aft",
    "preferred_scheme",
    "purchase_country",
    "foreign_retailer_amount",
    "reconciliation_id",
    "provision_network_token",
    "airline_data",
    "accommodation_data",
    "tax_amount",
    "surcharge_amount",
    "locale",
    "custom_payment_method_ids",
)
"""Members of the request's `processing` that replies repeat."""
_ALIPAY_PLUS = frozenset({"alipay_plus", "alipay_cn", "alipay_hk", "gcash", "dana", "kakaopay", "truemoney", "tng"})
"""Sources that Alipay+ processes, which needs a reference."""


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """An accepted request for a payment, a payout or an unreferenced refund."""

    kind: str
    """`card`, `apm` (any other way to pay), `payout` or `unreferenced_refund`."""
    source: JsonObject = field(repr=False)
    """Source as sent, without card number, CVV, token and cryptogram."""
    cvv_given: bool
    destination: JsonObject = field(repr=False)
    instrument: Instrument | None
    """The card that pays or receives a payout."""
    fallback: Instrument | None
    scenario: PaymentScenario
    amount: int
    currency: str
    reference: str | None
    payment_type: str | None
    merchant_initiated: bool
    capture: bool
    capture_on: float | None
    estimated: bool
    partial_allowed: bool
    three_ds: JsonObject = field(repr=False)
    retry: JsonObject
    urls: JsonObject
    """success_url and failure_url."""
    customer: JsonObject | None = field(repr=False)
    channel_id: str | None
    echoed: JsonObject = field(repr=False)

    @property
    def is_payout(self) -> bool:
        """Whether the money goes from the merchant to the customer."""
        return self.kind in {"payout", "unreferenced_refund"}


def parse_request(body: JsonObject, vault: Vault, now: float) -> PaymentRequest:
    """Read a request that passed its schema; raises 422 for a broken business rule."""
    _check_rules(body)
    kind = _kind(body)
    today = datetime.fromtimestamp(now, UTC)
    amount = _amount(body)
    charged = member(body, "source" if kind == "card" else "destination")
    instrument = vault.read(charged, (today.year, today.month)) if text(charged, "type") in CARD_TYPES else None
    fallback = member(body, "fallback_source")
    echoed = {name: body[name] for name in _ECHOED if name in body}
    return PaymentRequest(
        kind=kind,
        source=_without_secrets(member(body, "source")),
        cvv_given="cvv" in member(body, "source"),
        destination=_without_secrets(member(body, "destination")),
        instrument=instrument,
        fallback=vault.read(fallback, (today.year, today.month)) if fallback else None,
        scenario=instrument.scenario_for(amount) if instrument else for_amount(amount),
        amount=amount,
        currency=text(body, "currency") or "",
        reference=text(body, "reference"),
        payment_type=text(body, "payment_type") if kind in {"card", "apm"} else None,
        merchant_initiated=body.get("merchant_initiated") is True,
        capture=body.get("capture") is not False or "capture_on" in body,
        capture_on=_instant(body, "capture_on"),
        estimated=text(body, "authorization_type") == "Estimated",
        partial_allowed=member(body, "partial_authorization").get("enabled") is True,
        three_ds={name: value for name, value in member(body, "3ds").items() if value != ""},
        retry=member(body, "retry"),
        urls={name: body[name] for name in ("success_url", "failure_url") if name in body},
        customer=vault.customer(member(body, "customer")),
        channel_id=text(body, "processing_channel_id"),
        echoed=echoed
        | _select_members(body, "instruction", _INSTRUCTION)
        | _select_members(body, "processing", _PROCESSING),
    )


def _kind(body: JsonObject) -> str:
    if "destination" in body:
        return "unreferenced_refund" if "payment_type" in body else "payout"
    return "card" if text(member(body, "source"), "type") in CARD_TYPES else "apm"


def _amount(body: JsonObject) -> int:
    amount = integer(body, "amount")
    if amount is None and "destination" in body:
        amount = integer(member(body, "source"), "amount")
        if amount is None:
            raise payment_invalid("amount_required")
    return amount or 0


def _check_rules(body: JsonObject) -> None:
    """Check the rules between the members of a request."""
    if "source" not in body:
        context = "payment_context_id" in body
        raise payment_invalid("payment_context_not_found" if context else "payment_source_required")
    if body.get("merchant_initiated") is True and text(body, "payment_type") in {None, "Regular"}:
        raise payment_invalid("payment_type_invalid" if "payment_type" in body else "payment_type_required")
    allocations = [entry for entry in array(body, "amount_allocations") if is_object(entry)]
    if allocations and sum(integer(entry, "amount") or 0 for entry in allocations) != integer(body, "amount"):
        raise payment_invalid("amount_allocations_invalid")
    _check_network_token(body)
    if text(member(body, "source"), "type") in _ALIPAY_PLUS and not text(body, "reference"):
        raise reference_missing()


def _check_network_token(body: JsonObject) -> None:
    """Require cryptogram and ECI with a network token, except from Google Pay and for later payments of a series.

    Google Pay gives no ECI with a Mastercard, and neither with the card numbers of its method `PAN_ONLY`.
    """
    source = member(body, "source")
    if text(source, "token_type") == "googlepay":
        return
    later = "previous_payment_id" in body and member(body, "3ds").get("enabled") is not True
    missing = [f"{name}_required" for name in ("cryptogram", "eci") if name not in source]
    if text(source, "type") == "network_token" and missing and not later:
        raise payment_invalid(*missing)


def _without_secrets(source: JsonObject) -> JsonObject:
    """Return a source or destination without the members that must not be stored."""
    return {name: value for name, value in source.items() if name not in {"number", "cvv", "token", "cryptogram"}}


def _instant(body: JsonObject, name: str) -> float | None:
    value = text(body, name)
    if value is None:
        return None
    instant = datetime.fromisoformat(value)
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp()


def _select_members(body: JsonObject, name: str, parts: tuple[str, ...]) -> JsonObject:
    whole = member(body, name)
    repeated = {part: whole[part] for part in parts if part in whole}
    return {name: repeated} if repeated else {}
