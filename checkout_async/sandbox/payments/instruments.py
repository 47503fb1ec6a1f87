"""Cards that pay or are paid to, and the vault that keeps cards and customers for later payments.

A card number is reduced to its first six and last four digits and a fingerprint before anything is stored.
"""

from __future__ import annotations

from dataclasses import dataclass

from checkout_async.sandbox.core.errors import payment_invalid
from checkout_async.sandbox.core.ids import Mint
from checkout_async.sandbox.core.payload import JsonObject, integer, present, text
from checkout_async.sandbox.payments import scenarios
from checkout_async.sandbox.payments.scenarios import PaymentScenario
from checkout_async.sandbox.sessions.order import fingerprint_of, instrument_of
from checkout_async.sandbox.sessions.scenarios import is_card_number, scheme_of

CARD_TYPES = frozenset({"card", "token", "id", "customer", "network_token"})
"""Types of sources and destinations behind which the sandbox sees a card."""


@dataclass(frozen=True, slots=True)
class Instrument:
    """A card, as far as the sandbox may know it."""

    id: str
    scheme: str
    fingerprint: str
    bin: str
    last_four: str
    expiry: tuple[int, int] | None = None
    """Year and month."""
    scenario: PaymentScenario | None = None
    """What the card number selects; None where the number was not seen and the amount decides."""

    def scenario_for(self, amount: int) -> PaymentScenario:
        """Return what happens to a payment of this amount."""
        return scenarios.for_amount(amount) if self.scenario is None else self.scenario


class Vault:
    """The instruments and customers that payments left behind."""

    def __init__(self, mint: Mint) -> None:
        self._mint = mint
        self._instruments: dict[str, Instrument] = {}
        self._customers: dict[str, JsonObject] = {}
        self._defaults: dict[str, str] = {}

    def keep(self, instrument: Instrument, customer_id: str | None) -> None:
        """Store an instrument; it becomes its customer's default if that one has none."""
        self._instruments[instrument.id] = instrument
        if customer_id is not None:
            self._defaults.setdefault(customer_id, instrument.id)

    def holds(self, instrument: Instrument) -> bool:
        """Tell whether an instrument is stored."""
        return instrument.id in self._instruments

    def customer(self, given: JsonObject) -> JsonObject | None:
        """Return the customer that a request names, made if new; raises 422 for an unknown identifier."""
        if not given:
            return None
        known_id = text(given, "id")
        if known_id is not None and known_id not in self._customers:
            raise payment_invalid("customer_not_found")
        identity = text(given, "email") or text(given, "name") or str(given)
        customer_id = known_id or self._mint.identifier("cus", identity)
        return self._customers.get(customer_id, {}) | given | {"id": customer_id}

    def remember(self, customer: JsonObject) -> None:
        """Keep a customer for later payments."""
        self._customers[str(customer["id"])] = customer

    def read(self, source: JsonObject, now: tuple[int, int]) -> Instrument:
        """Recognise the card of a source or destination; raises 422 for one that cannot be used.

        `now` is year and month on the sandbox's clock.
        """
        number = text(source, "number")
        if number is not None:
            return self._by_number(number, source, now)
        kind = text(source, "type")
        if kind == "customer":
            return self._of_customer(text(source, "id") or "")
        identity = text(source, "id") or text(source, "token") or ""
        stored = self._instruments.get(identity)
        return stored or self._unseen(identity, kind == "id", source)

    def _by_number(self, number: str, source: JsonObject, now: tuple[int, int]) -> Instrument:
        scheme = scheme_of(number) if is_card_number(number) else None
        if scheme is None:
            raise payment_invalid("card_number_invalid")
        expiry = _expiry(source)
        if expiry is not None and expiry < now:
            raise payment_invalid("card_expired")
        return Instrument(
            id=instrument_of(self._mint, number),
            scheme=scheme,
            fingerprint=fingerprint_of(self._mint, number),
            bin=number[:6],
            last_four=number[-4:],
            expiry=expiry,
            scenario=scenarios.for_card(number),
        )

    def _of_customer(self, customer_id: str) -> Instrument:
        if customer_id not in self._customers:
            raise payment_invalid("customer_not_found")
        instrument = self._instruments.get(self._defaults.get(customer_id, ""))
        if instrument is None:
            raise payment_invalid("card_not_found")
        return instrument

    def _unseen(self, identity: str, is_instrument: bool, source: JsonObject) -> Instrument:
        """Make up the card behind a token or an instrument from elsewhere."""
        digits = identity.isascii() and identity.isdigit()
        return Instrument(
            id=identity if is_instrument else instrument_of(self._mint, identity),
            scheme=(scheme_of(identity) if digits else None) or "visa",
            fingerprint=fingerprint_of(self._mint, identity),
            bin="400000",
            last_four=self._mint.digits(4, f"last four {identity}"),
            expiry=_expiry(source),
        )


def shown_card(instrument: Instrument, source: JsonObject, *, stored: bool, cvv_given: bool) -> JsonObject:
    """Write the card as replies show it; its identifier only once it is `stored`."""
    year, month = instrument.expiry or (None, None)
    wrong_cvv = instrument.scenario is not None and instrument.scenario.name == "wrong_cvv"
    return present(
        {
            "type": "card",
            "id": instrument.id if stored else None,
            "billing_address": source.get("billing_address"),
            "phone": source.get("phone"),
            "expiry_month": month,
            "expiry_year": year,
            "name": source.get("name"),
            "scheme": instrument.scheme.capitalize(),
            "last4": instrument.last_four,
            "fingerprint": instrument.fingerprint,
            "bin": instrument.bin,
            "card_type": "CREDIT",
            "card_category": "CONSUMER",
            "issuer": "Sandbox Bank",
            "issuer_country": "US" if instrument.scheme == "amex" else "GB",
            "product_id": "F",
            "product_type": "CLASSIC",
            "avs_check": "Y" if "billing_address" in source else None,
            "cvv_check": "P" if not cvv_given else "D" if wrong_cvv else "Y",
        }
    )


def _expiry(source: JsonObject) -> tuple[int, int] | None:
    year, month = integer(source, "expiry_year"), integer(source, "expiry_month")
    return None if year is None or month is None else (year, month)
