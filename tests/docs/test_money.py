"""docs/money.md: what it says of `approved` and of amounts is what the API does."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest

from checkout_async.models import payments
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


def test_its_conversion_is_exact_or_refuses() -> None:
    names: dict[str, Any] = {}
    exec(compile(python_blocks(PAGE)[0], str(PAGE), "exec"), names)
    minor_units = names["minor_units"]
    assert [minor_units(Decimal(text)) for text in ("0", "0.01", "19.99", "1E2")] == [0, 1, 1999, 10000]
    assert (minor_units(Decimal(20), 0), minor_units(Decimal("19.990"), 3)) == (20, 19990)
    for amount, digits in (("19.999", 2), ("0.5", 0)):
        with pytest.raises(ValueError, match="more digits"):
            minor_units(Decimal(amount), digits)
