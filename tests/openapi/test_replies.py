"""What other programs met in replies, read by the generated types with nothing lost."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from checkout_async._core.codec import decode
from checkout_async._core.response import parse_response
from checkout_async._core.wire import HttpResponse, Operation
from checkout_async._generated.operations import payments as operations
from checkout_async.models import payments

ACTIONS = [
    operations.CAPTURE_PAYMENT,
    operations.VOID_PAYMENT,
    operations.REFUND_PAYMENT,
    operations.REVERSE_PAYMENT,
]


def payment(**members: object) -> payments.Payment:
    body = msgspec.json.encode({"id": "pay_1", **members})
    value, ignored = decode(payments.Payment, body)
    assert ignored == ()
    return value


@pytest.mark.parametrize(
    "members",
    [
        {"processing": {"shipping_amount": 300}},
        {"destination": {"type": "card", "scheme": "Visa"}},
        {"_links": {"authorizations": {"href": "https://api"}, "action": {"href": "https://api"}}},
        {"source": {"type": "ach", "account_type": "checking", "account_number": "4099", "bank_code": "021000021"}},
        {"source": {"type": "entity", "id": "ent_1"}},
        {"source": {"type": "card", "payment_account_reference": "V001", "local_schemes": ["cartes_bancaires"]}},
        {"source": {"type": "ideal", "account_holder": "Jo Doe"}},
        {"source": {"type": "paypal", "account_holder": {"full_name": "Jo Doe"}}},
    ],
)
def test_a_member_is_read(members: dict[str, object]) -> None:
    assert msgspec.to_builtins(payment(**members)) == {"id": "pay_1", **members}


def test_local_schemes_may_be_one_text() -> None:
    source = payment(source={"type": "card", "local_schemes": "cartes_bancaires"}).source
    assert source is not None
    assert source.local_schemes == [payments.LocalScheme.CARTES_BANCAIRES]


@pytest.mark.parametrize("text", ["American Express", "Amex", "AMEX", "american_express"])
def test_american_express_has_two_names(text: str) -> None:
    source = payment(source={"type": "card", "scheme": text}).source
    assert source is not None
    assert source.scheme is payments.PaymentCardScheme.AMERICAN_EXPRESS


def test_times_compare_whether_or_not_they_have_a_zone() -> None:
    read = payment(requested_on="2026-11-21T12:00:00", processed_on="2026-11-21T12:00:01Z")
    assert read.requested_on is not None
    assert read.processed_on is not None
    assert read.requested_on < read.processed_on


@pytest.mark.parametrize("operation", ACTIONS, ids=lambda operation: operation.name)
def test_an_action_may_succeed_without_a_body(operation: Operation[payments.AcceptedAction | None]) -> None:
    response = HttpResponse(status=204, headers={}, body=b"")
    assert parse_response(operation, response, datetime.now(UTC)).value is None
