"""A session request as the sandbox stores it: the values it acts on and the members that replies repeat.

Business rules that a schema cannot express are checked here. A card number is reduced to its last four digits and a
fingerprint before anything is stored.
"""

from __future__ import annotations

from dataclasses import dataclass

from checkout_async.sandbox.core.errors import ApiRefusal, invalid
from checkout_async.sandbox.core.ids import DeterministicIds
from checkout_async.sandbox.core.payload import JsonObject, integer, member, text, texts
from checkout_async.sandbox.sessions import scenarios
from checkout_async.sandbox.sessions.scenarios import Scenario

EXEMPTIONS = frozenset(
    {"low_value", "trusted_listing", "trusted_listing_prompt", "transaction_risk_assessment", "data_share"}
)
LOW_VALUE_LIMIT = 3000
"""Highest amount, in the minor unit of the currency, for which the sandbox applies the low-value exemption."""

_AGREEMENT_DEFAULTS: JsonObject = {"days_between_payments": 1, "expiry": "99991231"}
_ECHOED = ("account_info", "merchant_risk_info", "reference", "initial_transaction")


@dataclass(frozen=True, slots=True)
class Card:
    """The card of a source, without its number."""

    scheme: str
    scenario: Scenario
    instrument_id: str
    fingerprint: str
    last_four: str | None
    expiry: tuple[int, int] | None
    """Year and month."""


@dataclass(frozen=True, slots=True)
class SessionRequest:
    """An accepted session request."""

    source_type: str
    card: Card
    amount: int
    currency: str
    hosted: bool
    urls: JsonObject
    """The completion's URLs: success_url, failure_url, callback_url, challenge_notification_url."""
    authentication_type: str
    authentication_category: str
    transaction_type: str
    challenge_indicator: str
    requested_indicator: str
    optimization: str | None
    experiences: tuple[str, ...]
    echoed: JsonObject

    @property
    def exemption(self) -> str | None:
        """The exemption that the merchant requested."""
        return self.requested_indicator if self.requested_indicator in EXEMPTIONS else None

    @property
    def google_spa(self) -> bool:
        """Whether the cardholder is authenticated with Google SPA."""
        return self.card.scenario.google_spa and "google_spa" in self.experiences


def parse_request(body: JsonObject, ids: DeterministicIds) -> SessionRequest:
    """Read a request that passed its schema; raises 422 for a broken business rule, or the error of the scenario."""
    _check_agreement(body)
    _check_completion(body)
    card = read_card(body, ids)
    if card.scenario.failure is not None:
        failure = card.scenario.failure
        raise ApiRefusal(failure.status, failure.error_type, [failure.error_code])
    completion = member(body, "completion")
    requested = text(body, "challenge_indicator") or "no_preference"
    return SessionRequest(
        source_type=text(member(body, "source"), "type") or "",
        card=card,
        amount=integer(body, "amount") or 0,
        currency=text(body, "currency") or "",
        hosted=text(completion, "type") == "hosted",
        urls={name: value for name, value in completion.items() if name != "type"},
        authentication_type=text(body, "authentication_type") or "regular",
        authentication_category=_category(body),
        transaction_type=text(body, "transaction_type") or "goods_service",
        challenge_indicator=_indicator(requested, body),
        requested_indicator=requested,
        optimization=text(member(body, "optimization"), "framework"),
        experiences=texts(body, "preferred_experiences"),
        echoed=_echoed_members(body),
    )


def read_card(body: JsonObject, ids: DeterministicIds) -> Card:
    """Return the card of a source; raises 422 for one that cannot be used."""
    source = member(body, "source")
    _check_source(source)
    number, instrument = text(source, "number"), text(source, "id")
    identity = number or instrument or text(source, "token") or ""
    year, month = integer(source, "expiry_year"), integer(source, "expiry_month")
    return Card(
        scheme=_scheme(source),
        scenario=scenarios.for_card(number) if number else scenarios.for_amount(integer(body, "amount") or 0),
        instrument_id=instrument or instrument_of(ids, identity),
        fingerprint=fingerprint_of(ids, identity),
        last_four=number[-4:] if number else None,
        expiry=None if year is None or month is None else (year, month),
    )


def fingerprint_of(ids: DeterministicIds, identity: str) -> str:
    """Return the fingerprint of a card by its number, or by the identifier or token that replaces it."""
    return ids.token(f"fingerprint {identity}")


def instrument_of(ids: DeterministicIds, identity: str) -> str:
    """Return the identifier under which a card is stored."""
    return ids.identifier("src", identity)


def _check_source(source: JsonObject) -> None:
    kind, token = text(source, "type"), text(source, "token") or ""
    number, instrument = text(source, "number"), text(source, "id")
    if number is not None and not scenarios.is_card_number(number):
        raise invalid("number_invalid")
    if kind == "network_token" and not (token.isascii() and token.isdigit()):
        raise invalid("token_invalid")
    if kind == "token" and not token.startswith("tok_"):
        raise invalid("invalid_token")
    if instrument is not None and not instrument.startswith("src_"):
        raise invalid("error_getting_instrument")


def _scheme(source: JsonObject) -> str:
    """Return the scheme that authenticates: the cardholder's choice if the card supports it, else the card's own."""
    number, chosen = text(source, "number"), text(source, "scheme")
    digits = text(source, "token") if number is None and text(source, "type") == "network_token" else number
    own = None if digits is None else scenarios.scheme_of(digits)
    if own is None and number is not None:
        raise invalid("scheme_not_supported")
    if own is None:
        return chosen or "visa"
    return "cartes_bancaires" if chosen == "cartes_bancaires" and own in {"visa", "mastercard"} else own


def _check_agreement(body: JsonObject) -> None:
    """Require an amount above zero for `recurring` and `installment`, and `installment` for instalments."""
    kind = text(body, "authentication_type")
    if kind not in {"recurring", "installment"}:
        return
    problems: list[str] = []
    if "amount" not in body:
        problems.append("amount_required")
    elif body["amount"] == 0:
        problems.append("amount_invalid")
    if kind == "installment" and "installment" not in body:
        problems.append("installment_required")
    if problems:
        raise invalid(*problems)


def _check_completion(body: JsonObject) -> None:
    """Refuse hosted sessions in channels without a browser or a cardholder."""
    channel = text(member(body, "channel_data"), "channel")
    if text(member(body, "completion"), "type") != "hosted":
        return
    if channel == "app":
        raise invalid("hosted_not_supported_for_app")
    if channel == "merchant_initiated":
        raise invalid("channel_invalid")


def _category(body: JsonObject) -> str:
    return text(body, "authentication_category") or "payment" if "amount" in body else "non_payment"


def _indicator(requested: str, body: JsonObject) -> str:
    """Return the indicator for the issuer: `low_value` for too high an amount becomes `no_challenge_requested`."""
    if requested == "trusted_listing" and member(body, "optimization"):
        return "transaction_risk_assessment"
    if requested == "low_value" and (integer(body, "amount") or 0) > LOW_VALUE_LIMIT:
        return "no_challenge_requested"
    return requested


def _echoed_members(body: JsonObject) -> JsonObject:
    echoed = {name: body[name] for name in _ECHOED if name in body}
    kind = text(body, "authentication_type")
    if kind in {"recurring", "installment"}:
        echoed[kind] = _AGREEMENT_DEFAULTS | member(body, kind)
    return echoed
