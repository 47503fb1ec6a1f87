"""Amounts in minor units, against another library's copy of ISO 4217."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import iso4217
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout_async import errors
from checkout_async.money import decimals, from_minor_units, to_minor_units

LISTED = {each.code: each.exponent for each in iso4217.Currency}
CODES = sorted(code for code, exponent in LISTED.items() if exponent is not None)


def test_every_currency_has_the_decimals_of_the_standard() -> None:
    assert {code: decimals(code) for code in CODES} == {code: LISTED[code] for code in CODES}


@pytest.mark.parametrize("code", [*sorted(LISTED.keys() - CODES), "XYZ", "GB", "", "£"])
def test_what_is_no_currency_with_a_minor_unit_is_refused(code: str) -> None:
    with pytest.raises(errors.InvalidRequest, match="currency must be a currency code of ISO 4217") as caught:
        decimals(code)
    assert caught.value.argument == "currency"


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        (Decimal("19.99"), "GBP", 1999),
        ("19.99", "gbp", 1999),
        (Decimal("19.9"), "GBP", 1990),
        (Decimal("19.990"), "GBP", 1999),
        (20, "GBP", 2000),
        (Decimal(1050), "JPY", 1050),
        (Decimal("1.234"), "KWD", 1234),
        (Decimal("0.0001"), "CLF", 1),
        (Decimal("-5.00"), "EUR", -500),
        (Decimal("1E+2"), "EUR", 10000),
        (Decimal("12345678901234567890123456789012.34"), "EUR", 1234567890123456789012345678901234),
    ],
    ids=str,
)
def test_an_amount_in_minor_units(amount: Decimal | int | str, currency: str, minor: int) -> None:
    assert to_minor_units(amount, currency) == minor
    assert from_minor_units(minor, currency) == Decimal(amount)


def test_an_amount_keeps_the_decimals_of_its_currency() -> None:
    shown = [str(from_minor_units(1000, code)) for code in ("GBP", "JPY", "KWD", "CLF")]
    assert shown == ["10.00", "1000", "1.000", "0.1000"]


@given(st.integers(min_value=-(10**40), max_value=10**40), st.sampled_from(CODES))
def test_there_and_back_is_the_same(minor: int, currency: str) -> None:
    assert to_minor_units(from_minor_units(minor, currency), currency) == minor
    assert to_minor_units(str(from_minor_units(minor, currency)), currency) == minor


@pytest.mark.parametrize(
    ("amount", "currency", "reason"),
    [
        (Decimal("19.999"), "GBP", "has more decimals than GBP, which has 2"),
        (Decimal("0.5"), "JPY", "has more decimals than JPY, which has 0"),
        ("12,50", "EUR", "must be a number such as 19.99"),
        (Decimal("NaN"), "EUR", "must be a number"),
        (Decimal("Infinity"), "EUR", "must be a number"),
        (19.99, "GBP", "must be a Decimal, a whole number or a text, not float"),
        (True, "GBP", "not bool"),
        (None, "GBP", "not NoneType"),
    ],
    ids=str,
)
def test_nothing_is_rounded_and_no_float_taken(amount: Any, currency: str, reason: str) -> None:
    with pytest.raises(errors.InvalidRequest, match=f"^amount .*{reason}|^amount {reason}") as caught:
        to_minor_units(amount, currency)
    assert caught.value.argument == "amount"


@pytest.mark.parametrize("amount", [19.99, "1999", True, Decimal(1999)], ids=str)
def test_minor_units_are_whole_numbers(amount: Any) -> None:
    with pytest.raises(errors.InvalidRequest, match="amount must be a whole number of minor units"):
        from_minor_units(amount, "GBP")
