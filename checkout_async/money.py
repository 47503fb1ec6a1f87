"""Amounts in the minor unit of a currency, as the API takes them, from decimal amounts and back.

`to_minor_units(Decimal("19.99"), "GBP")` is 1999, and `from_minor_units(1999, "GBP")` is `Decimal("19.99")`. The number
of decimals of each currency is that of ISO 4217. Checkout.com documents no list of its own, so ask its support about a
currency that your account treats in another way.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Final, cast

from checkout_async.errors import InvalidRequest
from checkout_async.redaction import clears_frames

__all__ = ["decimals", "from_minor_units", "to_minor_units"]

# ISO 4217, list one of 2026-01-01: all currencies with a minor unit, by its number of decimals.
_CURRENCIES: Final = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: (
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW "
        "CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF "
        "IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK "
        "MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP "
        "SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG "
        "YER ZAR ZMW ZWG"
    ),
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_DECIMALS: Final = {code: number for number, codes in _CURRENCIES.items() for code in codes.split()}


@clears_frames
def decimals(currency: str) -> int:
    """Return how many decimals a currency has: 2 for `GBP`, 0 for `JPY`, 3 for `KWD`.

    Raises InvalidRequest if it is no current currency of ISO 4217 with a minor unit.
    """
    given = cast("object", currency)  # not every caller uses a type checker
    found = _DECIMALS.get(given.upper()) if isinstance(given, str) else None
    if found is None:
        reason = "must be a currency code of ISO 4217, such as GBP"
        raise InvalidRequest(f"currency {reason}", path="currency", reason=reason)
    return found


@clears_frames
def to_minor_units(amount: Decimal | int | str, currency: str) -> int:
    """Return an amount in the minor unit of its currency: `Decimal("19.99"), "GBP"` is 1999.

    Raises InvalidRequest if the amount has more decimals than the currency, since nothing is rounded, and for a float,
    which cannot hold most amounts exactly.
    """
    places = decimals(currency)
    given = cast("object", amount)  # not every caller uses a type checker
    if not isinstance(given, Decimal | int | str) or isinstance(given, bool):
        raise _invalid(f"must be a Decimal, a whole number or a text, not {type(given).__name__}")
    try:
        value = Decimal(given)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        raise _invalid("must be a number such as 19.99")
    scaled: Fraction = Fraction(value) * 10**places  # arithmetic of Decimal rounds to 28 digits
    if scaled.denominator != 1:
        raise _invalid(f"has more decimals than {currency.upper()}, which has {places}")
    return scaled.numerator


@clears_frames
def from_minor_units(amount: int, currency: str) -> Decimal:
    """Return an amount as a decimal number, with the decimals of its currency: `1999, "GBP"` is `Decimal("19.99")`."""
    places = decimals(currency)
    given = cast("object", amount)
    if not isinstance(given, int) or isinstance(given, bool):
        raise _invalid(f"must be a whole number of minor units, not {type(given).__name__}")
    return Decimal(f"{given}E-{places}")


def _invalid(reason: str) -> InvalidRequest:
    return InvalidRequest(f"amount {reason}", path="amount", reason=reason)
