"""The card form: what the customer entered, and what is wrong with which field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from checkout_async import errors
from checkout_async.models import payments, sessions

__all__ = ["FIELDS", "Card", "CardErrors", "api_errors", "read_card"]

FIELDS: Final = ("number", "month", "year")

_TEXTS: Final = {
    "number": "Please check the card number.",
    "month": "Please enter the month of the expiry date, 1 to 12.",
    "year": "Please enter the year of the expiry date, such as 2030.",
}
# The members of the API that the fields become, as they stand in JSON paths and at the beginning of error codes.
_FIELD_OF: Final = {"number": "number", "expiry_month": "month", "expiry_year": "year", "card_expired": "year"}


class Card(msgspec.Struct, frozen=True):
    """A card."""

    number: str
    month: int
    year: int

    def for_session(self) -> sessions.CardSource:
        """Return the card as the source of a session."""
        return sessions.CardSource(number=self.number, expiry_month=self.month, expiry_year=self.year)

    def for_payment(self) -> payments.RequestCardSource:
        """Return the card as the source of a payment."""
        return payments.RequestCardSource(number=self.number, expiry_month=self.month, expiry_year=self.year)

    def __repr__(self) -> str:
        return "Card(***)"


@dataclass(frozen=True, slots=True)
class CardErrors:
    """What is wrong with the fields, by their names."""

    texts: Mapping[str, str]


def read_card(form: Mapping[str, str]) -> Card | CardErrors:
    """Return the card in a form, or what is wrong with it."""
    entered = {name: "".join(form.get(name, "").split()) for name in FIELDS}
    wrong = [name for name, text in entered.items() if not (text.isascii() and text.isdigit() and len(text) < 20)]
    if wrong:
        return CardErrors({name: _TEXTS[name] for name in wrong})
    return Card(entered["number"], int(entered["month"]), int(entered["year"]))


def api_errors(error: errors.CheckoutError) -> CardErrors:
    """Return the fields that a request was refused for: by the client (a JSON path), or by the API (error codes)."""
    named: list[str] = []
    if isinstance(error, errors.InvalidRequest):
        named = [error.path.rpartition(".")[2]]
    elif isinstance(error, errors.ApiError):
        named = list(error.error_codes)
    fields = [field for member, field in _FIELD_OF.items() if any(each.startswith(member) for each in named)]
    return CardErrors({name: _TEXTS[name] for name in fields or ["number"]})
