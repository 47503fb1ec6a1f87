"""Amounts in the minor unit of a currency, as the API takes them, from decimal amounts and back.

`to_minor_units(Decimal("19.99"), "GBP")` is 1999, and `from_minor_units(1999, "GBP")` is `Decimal("19.99")`. What the
minor unit of a currency is, Checkout.com documents: openapi/currencies.yaml names the source. It is not that of ISO
4217 for every currency: 100 Chilean pesos are 10000.
"""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction
from typing import Final, cast

from checkout_async._generated.facts import DECIMALS, OTHER_DECIMALS, STEPS
from checkout_async.errors import InvalidRequest
from checkout_async.redaction import clears_frames

__all__ = ["decimals", "from_minor_units", "to_minor_units"]

_CURRENCY: Final = re.compile("[A-Za-z]{3}")
_AMOUNT: Final = re.compile(r"[+-]?[0-9]{1,18}(?:\.[0-9]{1,100})?")
_MOST_DIGITS, _MOST_DECIMALS = 18, 100
_TOO_LARGE: Final = 10**_MOST_DIGITS
"""A thousand million times what the API takes, and small enough to calculate with at once."""


@clears_frames
def decimals(currency: str) -> int:
    """Return how many decimals an amount of a currency has: 2 for `GBP`, 0 for `JPY`, 3 for `KWD`.

    Raises InvalidRequest if it is not a code of three letters.
    """
    return DECIMALS.get(_code(currency), OTHER_DECIMALS)


@clears_frames
def to_minor_units(amount: Decimal | int | str, currency: str) -> int:
    """Return an amount in the minor unit of its currency: `Decimal("19.99"), "GBP"` is 1999.

    Raises InvalidRequest if the amount has more decimals than the API takes for the currency, since nothing is rounded,
    and for a float, which cannot hold most amounts exactly.
    """
    code, places = _code(currency), decimals(currency)
    scaled: Fraction = Fraction(_checked(amount)) * 10**places  # arithmetic of Decimal rounds to 28 digits
    if scaled.denominator != 1 or scaled.numerator % STEPS.get(code, 1):
        smallest = from_minor_units(STEPS.get(code, 1), code)
        raise _invalid(f"has more decimals than {code} has: the smallest amount is {smallest}")
    return scaled.numerator


@clears_frames
def from_minor_units(amount: int, currency: str) -> Decimal:
    """Return an amount as a decimal number, with the decimals of its currency: `1999, "GBP"` is `Decimal("19.99")`."""
    places = decimals(currency)
    given = cast("object", amount)
    if not isinstance(given, int) or isinstance(given, bool):
        raise _invalid(f"must be a whole number of minor units, not {type(given).__name__}")
    if abs(given) >= _TOO_LARGE * 1000:
        raise _invalid("is too large")
    return Decimal(f"{given}E-{places}")


def _code(currency: object) -> str:
    if isinstance(currency, str) and _CURRENCY.fullmatch(currency):
        return currency.upper()
    reason = "must be a currency code of three letters (ISO 4217), such as GBP"
    raise InvalidRequest(f"currency {reason}", path="currency", reason=reason)


def _checked(amount: object) -> Decimal | int:
    """Return an amount of at most 18 digits before the point, and at most 100 after it."""
    if not isinstance(amount, Decimal | int | str) or isinstance(amount, bool):
        raise _invalid(f"must be a Decimal, a whole number or a text, not {type(amount).__name__}")
    if isinstance(amount, str):
        if not _AMOUNT.fullmatch(amount):
            raise _invalid("must be a number such as 19.99")
        return Decimal(amount)
    if isinstance(amount, int):
        if abs(amount) >= _TOO_LARGE:
            raise _invalid("is too large")
        return amount
    # Text such as 1e9999999 makes a Decimal with which arithmetic takes minutes.
    *_, exponent = amount.as_tuple()
    if not isinstance(exponent, int):
        raise _invalid("must be a number such as 19.99")
    if not amount:
        return 0
    if amount.adjusted() >= _MOST_DIGITS:
        raise _invalid("is too large")
    if exponent < -_MOST_DECIMALS:
        raise _invalid(f"has more than {_MOST_DECIMALS} decimals")
    return amount


def _invalid(reason: str) -> InvalidRequest:
    return InvalidRequest(f"amount {reason}", path="amount", reason=reason)
