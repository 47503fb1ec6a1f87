"""docs/money.md: what it says of `approved` and of amounts is what the API does."""

from __future__ import annotations

import re
from typing import Any

import pytest

from checkout_async.models import payments
from checkout_async.money import decimals
from checkout_async.sandbox import Sandbox, payment_card
from tests.docs.pages import ROOT
from tests.documents import python_blocks

PAGE = ROOT / "docs" / "money.md"
TABLE = re.findall(r"^\| `([A-Z][\w ]+)` \| (\w+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
ORDERS: dict[str, dict[str, Any]] = {
    "Authorized": {"amount": 10, "capture": False},
    "Captured": {"amount": 10},
    "Card Verified": {},
    "Pending": {"amount": 10, "3ds": {"enabled": True}},
    "Declined": {"amount": 10, "card": "insufficient_funds"},
}


def test_the_table_has_these_rows() -> None:
    assert [status for status, _ in TABLE] == list(ORDERS)


@pytest.mark.parametrize(("status", "approved"), TABLE)
async def test_approved_of_a_status_is_as_the_table_says(status: str, approved: str) -> None:
    order = dict(ORDERS[status])
    number = payment_card(order.pop("card", "approved"))
    card = {"type": "card", "number": number, "expiry_month": 1, "expiry_year": 2030}
    async with Sandbox() as sandbox, sandbox.client() as checkout:
        body = payments.PaymentRequest.from_dict({"source": card, "currency": "GBP", **order})
        made = await checkout.payments.request_payment(body)
        payment = await checkout.payments.get_payment(made.id)
        assert payment.status == status
        assert str(payment.approved) == approved
        assert sandbox.payments[made.id].balances.total_captured == (10 if status == "Captured" else 0)


def test_its_conversions_are_those_of_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(python_blocks(PAGE)[0], str(PAGE), "exec"), {})
    assert capsys.readouterr().out == "1999 20 19990\n19.99\n"
    rows = re.findall(r"^\| (\d) \| [^|]*?((?:[A-Z]{3},? ?)+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert {int(places): {decimals(code) for code in codes.replace(" ", "").split(",")} for places, codes in rows} == {
        places: {places} for places in (0, 2, 3)
    }
