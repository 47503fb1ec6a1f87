"""The limits that a request is checked against by default: few, and each with the ground that it stands on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from checkout_async._core.model import known_values_only
from checkout_async._generated.models import payments, sessions
from tests.openapi.support import Json, document

FREE = re.compile(
    r"(^|_)(id|reference|token|mvv|cryptogram|xid|eci|version|address|address_line\d|city|state|zip|country)$"
)
"""Members that the API hands out in any format, or takes with any text: what a reply has, a request takes back."""
CARD = {"type": "card", "number": "4242424242424242", "expiry_month": 6, "expiry_year": 2030, "cvv": "100"}
PAYMENT = {"source": CARD, "currency": "USD", "amount": 1000}


def marks(value: Json, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every schema of the document that has an enforced limit, with its path in the document."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from marks(item, *path, str(index))
    if isinstance(value, dict):
        if "x-enforced" in value:
            yield path, value
        for key, member in value.items():
            yield from marks(member, *path, key)


MARKS = [pytest.param(path, schema, id=".".join(path[-3:])) for path, schema in marks(document())]


@pytest.mark.parametrize(("path", "schema"), MARKS)
def test_an_enforced_limit_has_a_ground(path: tuple[str, ...], schema: Any) -> None:
    assert schema["x-enforced"], path
    for limit, ground in schema["x-enforced"].items():
        assert limit in schema
        assert len(ground.split()) >= 4, "a ground is a phrase that a person can check"


@pytest.mark.parametrize(("path", "schema"), MARKS)
def test_what_the_api_hands_out_or_takes_as_any_text_has_no_enforced_limit(path: tuple[str, ...], schema: Any) -> None:
    assert not FREE.search(path[-1]), path
    assert not any(part.endswith(("Address", "Phone", "Identification")) for part in path)
    assert "parameters" not in path, "identifiers in paths, and what is searched for"


def fits(type_: Any, body: Any) -> bool:
    """Return whether the default type of a request accepts a body."""
    with known_values_only():
        try:
            msgspec.convert(body, type_)
        except msgspec.ValidationError:
            return False
    return True


@pytest.mark.parametrize(
    "change",
    [
        {"amount": -1},
        {"amount": 10.5},
        {"currency": "US"},
        {"currency": "840"},
        {"currency": None},
        {"source": {**CARD, "number": "4242 4242 4242 4242"}},
        {"source": {**CARD, "number": "42424242424242424242"}},
        {"source": {**CARD, "expiry_month": 0}},
        {"source": {**CARD, "expiry_month": 13}},
        {"source": {**CARD, "cvv": "12"}},
        {"source": {**CARD, "cvv": "12345"}},
        {"source": {**CARD, "nubmer": "4242424242424242"}},
        {"source": {"type": "cheque"}},
        {"3ds": {"challenge_indicator": "trusted_listing"}},
        {"payment_type": "Sometimes"},
        {"capture_on": "2026-11-27T17:49:37"},
    ],
    ids=str,
)
def test_what_cannot_be_meant_is_refused(change: dict[str, Any]) -> None:
    assert not fits(payments.PaymentRequest, PAYMENT | change)


@pytest.mark.parametrize(
    "change",
    [
        {"reference": "R" * 200},
        {"processing_channel_id": "channel-1"},
        {"previous_payment_id": "payment/1"},
        {"payment_type": "regular"},
        {"source": {**CARD, "billing_address": {"state": "London", "country": "GBR", "zip": "Z" * 60}}},
        {"source": {**CARD, "account_holder": {"full_name": "Alex Example", "phone": {"number": "1"}}}},
        {"source": {"type": "id", "id": "instrument-1"}},
        {"source": {"type": "token", "token": "token-1"}},
        {
            "source": {
                "type": "network_token",
                "token": "4242424242424242",
                "token_type": "vts",
                "expiry_month": 6,
                "expiry_year": 2030,
                "cryptogram": "A" * 80,
                "eci": "005",
            }
        },
        {"3ds": {"version": "3.0.0-preview", "xid": "X" * 200, "cryptogram": "A" * 80, "eci": "005"}},
        {"risk": {"device_session_id": "12345-abcd", "device": {"provider": {"name": "another"}}}},
        {"payment_plan": {"expiry": "2030-01-01T00:00:00Z", "start_date": "20270101"}},
        {"recipient": {"zip": "Z" * 20}},
        {"metadata": {"note": "N" * 400}},
        {"source": {"type": "knet", "language": "fr", "token_data": {"header": {"publicKeyHash": "A"}}}},
        {"shipping": {"timeframe": "two day or more", "method": "pick-up"}},
    ],
    ids=str,
)
def test_what_the_api_may_take_is_not_refused(change: dict[str, Any]) -> None:
    assert fits(payments.PaymentRequest, PAYMENT | change)


def test_both_spellings_of_a_driving_licence_are_taken() -> None:
    for spelling in ("driving_licence", "driving_license"):
        assert fits(payments.AccountHolder, {"identification": {"type": spelling}})


def test_a_session_takes_identifiers_and_addresses_of_any_format() -> None:
    request = {
        "source": {"type": "id", "id": "instrument-1", "number": "**** 4242", "billing_address": {"state": "London"}},
        "currency": "usd",
        "completion": {"type": "non_hosted"},
        "processing_channel_id": "channel-1",
        "recurring": {"expiry": "2030-01-01T00:00:00Z"},
    }
    assert fits(sessions.SessionRequest, request)
    assert not fits(sessions.SessionRequest, {**request, "source": {**request["source"], "expiry_month": 13}})  # type: ignore[dict-item]
