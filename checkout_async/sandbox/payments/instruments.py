"""Cards that pay or receive payouts, and the vault that stores cards and customers for later payments.

A card number is reduced to its first six and last four digits and a fingerprint before anything is stored.
"""

from __future__ import annotations

from dataclasses import dataclass

from checkout_async.sandbox.core.errors import card_expired, payment_invalid
from checkout_async.sandbox.core.ids import DeterministicIds
from checkout_async.sandbox.core.payload import JsonObject, drop_none, integer, text
from checkout_async.sandbox.payments import scenarios
from checkout_async.sandbox.payments.scenarios import PaymentScenario
from checkout_async.sandbox.sessions.request import fingerprint_of, instrument_of
from checkout_async.sandbox.sessions.scenarios import is_card_number, scheme_of

"""Scheme -> its name in replies, where that is not the same word with a capital letter."""
CARD_TYPES = frozenset({"card", "token", "id", "customer", "network_token"})
"""Types of sources and destinations that the sandbox treats as a card."""


@dataclass(frozen=True, slots=True)
class Instrument:
    """A card, without its number."""

    id: str
    scheme: str
    fingerprint: str
    bin: str
    last_four: str
    expiry: tuple[int, int] | None = None
    """Year and month."""
    scenario: PaymentScenario | None = None
    """The scenario of the card number; None if the sandbox does not know the number, so that the amount decides."""
    account_reference: str | None = None
    """The payment account reference (PAR) of a network token."""

    def scenario_for(self, amount: int) -> PaymentScenario:
        """Return the scenario of a payment of this amount."""
        return scenarios.for_amount(amount) if self.scenario is None else self.scenario


class Vault:
    """The instruments and customers stored by earlier payments."""

    def __init__(self, ids: DeterministicIds) -> None:
        self._ids = ids
        self._instruments: dict[str, Instrument] = {}
        self._customers: dict[str, JsonObject] = {}
        self._defaults: dict[str, str] = {}

    def store(self, instrument: Instrument, customer_id: str | None) -> None:
        """Store an instrument; it becomes the default of its customer if there is none yet."""
        self._instruments[instrument.id] = instrument
        if customer_id is not None:
            self._defaults.setdefault(customer_id, instrument.id)

    def contains(self, instrument: Instrument) -> bool:
        """Return whether an instrument is stored."""
        return instrument.id in self._instruments

    def customer(self, given: JsonObject) -> JsonObject | None:
        """Return the customer of a request, with an identifier if new; raises 422 for an unknown identifier."""
        if not given:
            return None
        known_id = text(given, "id")
        if known_id is not None and known_id not in self._customers:
            raise payment_invalid("customer_not_found")
        identity = text(given, "email") or text(given, "name") or str(given)
        customer_id = known_id or self._ids.identifier("cus", identity)
        return self._customers.get(customer_id, {}) | given | {"id": customer_id}

    def store_customer(self, customer: JsonObject) -> None:
        """Store a customer for later payments."""
        self._customers[str(customer["id"])] = customer

    def read(self, source: JsonObject, now: tuple[int, int]) -> Instrument:
        """Return the card of a source or destination; raises 422 for one that cannot be used.

        `now` is year and month on the sandbox's clock.
        """
        number = text(source, "number")
        if number is not None:
            return self._read_number(number, source, now)
        kind = text(source, "type")
        if kind == "customer":
            return self._default_of_customer(text(source, "id") or "")
        identity = text(source, "id") or text(source, "token") or ""
        stored = self._instruments.get(identity)
        return stored or self._placeholder_card(identity, kind == "id", source)

    def _read_number(self, number: str, source: JsonObject, now: tuple[int, int]) -> Instrument:
        scheme = scheme_of(number) if is_card_number(number) else None
        if scheme is None:
            raise payment_invalid("card_number_invalid")
        expiry = _expiry(source)
        if expiry is not None and expiry < now:
            raise card_expired()
        return Instrument(
            id=instrument_of(self._ids, number),
            scheme=scheme,
            fingerprint=fingerprint_of(self._ids, number),
            bin=number[:6],
            last_four=number[-4:],
            expiry=expiry,
            scenario=scenarios.for_card(number),
        )

    def _default_of_customer(self, customer_id: str) -> Instrument:
        if customer_id not in self._customers:
            raise payment_invalid("customer_not_found")
        instrument = self._instruments.get(self._defaults.get(customer_id, ""))
        if instrument is None:
            raise payment_invalid("card_not_found")
        return instrument

    def _placeholder_card(self, identity: str, is_instrument: bool, source: JsonObject) -> Instrument:
        """Invent the card behind a token, or behind an instrument that is not in the vault."""
        is_number = identity.isascii() and identity.isdigit()
        return Instrument(
            id=identity if is_instrument else instrument_of(self._ids, identity),
            scheme=(scheme_of(identity) if is_number else None) or "visa",
            fingerprint=fingerprint_of(self._ids, identity),
            bin="400000",
            last_four=self._ids.digits(4, f"last four {identity}"),
            expiry=_expiry(source),
            account_reference=self._account_reference(identity) if text(source, "type") == "network_token" else None,
        )

    def _account_reference(self, identity: str) -> str:
        """Return a payment account reference: 4 characters name its issuer, 25 follow (EMV payment tokenisation)."""
        return f"V001{self._ids.token(f'account {identity}').upper()[:25]}"


# How replies name the schemes that they do not just capitalise.
_SCHEME_NAMES = {"amex": "American Express", "cartes_bancaires": "Cartes Bancaires", "jcb": "JCB", "upi": "UPI"}


def card_block(instrument: Instrument, source: JsonObject, *, stored: bool, cvv_given: bool) -> JsonObject:
    """Write the card as replies show it; with its identifier only if it is `stored`."""
    year, month = instrument.expiry or (None, None)
    wrong_cvv = instrument.scenario is not None and instrument.scenario.name == "wrong_cvv"
    return drop_none(
        {
            "type": "card",
            "id": instrument.id if stored else None,
            "billing_address": source.get("billing_address"),
            "phone": source.get("phone"),
            "expiry_month": month,
            "expiry_year": year,
            "name": source.get("name"),
            "scheme": _SCHEME_NAMES.get(instrument.scheme, instrument.scheme.capitalize()),
            "last4": instrument.last_four,
            "fingerprint": instrument.fingerprint,
            "bin": instrument.bin,
            "card_type": "CREDIT",
            "card_category": "CONSUMER",
            "issuer": "Sandbox Bank",
            "issuer_country": "US" if instrument.scheme == "amex" else "GB",
            "payment_account_reference": instrument.account_reference,
            "product_id": "F",
            "product_type": "CLASSIC",
            "avs_check": "Y" if "billing_address" in source else None,
            "cvv_check": "P" if not cvv_given else "D" if wrong_cvv else "Y",
        }
    )


def _expiry(source: JsonObject) -> tuple[int, int] | None:
    year, month = integer(source, "expiry_year"), integer(source, "expiry_month")
    return None if year is None or month is None else (year, month)
