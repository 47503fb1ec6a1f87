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
# Checkout.com's documentation, "Format the amount value", of 2025-12-17: what is not as in ISO 4217.
OTHERWISE = {"CLF": 2, "CLP": 2, "UYI": 2, "UYW": 2}
SMALLEST = {"BHD": 10, "CLP": 100, "IQD": 10, "JOD": 10, "KWD": 10, "LYD": 10, "OMR": 10, "TND": 10}


def test_every_currency_has_the_decimals_of_the_standard_but_for_those_that_the_api_counts_otherwise() -> None:
    assert {code: decimals(code) for code in CODES} == {code: LISTED[code] for code in CODES} | OTHERWISE


@pytest.mark.parametrize("code", ["GB", "", "£", "ınr", "GBPP", "G1P", None])
def test_what_is_no_currency_code_is_refused(code: Any) -> None:
    with pytest.raises(errors.InvalidRequest, match="currency must be a currency code of three letters") as caught:
        decimals(code)
    assert caught.value.argument == "currency"


def test_a_currency_that_is_newer_than_the_list_has_two_decimals() -> None:
    assert decimals("XYZ") == 2


@pytest.mark.parametrize("code", SMALLEST)
def test_the_api_takes_no_part_of_the_smallest_amount(code: str) -> None:
    smallest = from_minor_units(SMALLEST[code], code)
    assert to_minor_units(smallest, code) == SMALLEST[code]
    with pytest.raises(errors.InvalidRequest, match=f"the smallest amount is {smallest}"):
        to_minor_units(smallest / 2, code)


@pytest.mark.parametrize(
    "amount",
    ["1e3", "1_000", "１９.９９", "1e99999999999", Decimal("1e99999999"), Decimal("1e-3000000"), 10**18, "1" * 19],
    ids=lambda each: str(each)[:12],
)
def test_what_is_no_plain_amount_is_refused_at_once(amount: Any) -> None:
    with pytest.raises(errors.InvalidRequest, match="amount "):
        to_minor_units(amount, "GBP")


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        (Decimal("19.99"), "GBP", 1999),
        ("19.99", "gbp", 1999),
        (Decimal("19.9"), "GBP", 1990),
        (Decimal("19.990"), "GBP", 1999),
        (20, "GBP", 2000),
        (Decimal(1050), "JPY", 1050),
        (Decimal("1.23"), "KWD", 1230),
        (1000, "CLP", 100000),
        (Decimal("-5.00"), "EUR", -500),
        (Decimal("1E+2"), "EUR", 10000),
        (Decimal("123456789012345678.34"), "EUR", 12345678901234567834),
        (Decimal("0E+99999999"), "GBP", 0),
    ],
    ids=str,
)
def test_an_amount_in_minor_units(amount: Decimal | int | str, currency: str, minor: int) -> None:
    assert to_minor_units(amount, currency) == minor
    assert from_minor_units(minor, currency) == Decimal(amount)


def test_an_amount_keeps_the_decimals_of_its_currency() -> None:
    shown = [str(from_minor_units(1000, code)) for code in ("GBP", "JPY", "KWD", "CLP")]
    assert shown == ["10.00", "1000", "1.000", "10.00"]


@given(st.integers(min_value=-(10**15), max_value=10**15), st.sampled_from(CODES))
def test_there_and_back_is_the_same(minor: int, currency: str) -> None:
    minor *= SMALLEST.get(currency, 1)
    assert to_minor_units(from_minor_units(minor, currency), currency) == minor
    assert to_minor_units(str(from_minor_units(minor, currency)), currency) == minor


@pytest.mark.parametrize(
    ("amount", "currency", "reason"),
    [
        (Decimal("19.999"), "GBP", "has more decimals than GBP has: the smallest amount is 0.01"),
        (Decimal("0.5"), "JPY", "has more decimals than JPY has: the smallest amount is 1"),
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
