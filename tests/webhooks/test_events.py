"""Reading events: every type in the specification, newer types, and bodies that are not events."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout_async import errors, models, webhooks
from checkout_async.models import webhooks as events

Json = dict[str, object]

scalars = st.none() | st.booleans() | st.floats() | st.text(max_size=9) | st.sampled_from(["payment_paid", "evt_1"])
names = st.sampled_from(["id", "type", "data", "_links", "amount", "source"])
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner), max_leaves=12
).map(lambda value: json.dumps(value).encode())

PAYMENT: Json = {
    "id": "evt_az5sblvku4ge3dwpztvyizgcau",
    "type": "payment_approved",
    "version": "1.0.20",
    "created_on": "2026-11-14T12:18:54.3211949Z",
    "data": {
        "id": "pay_m3ncbzghvosu7b2j77hqln4agu",
        "action_id": "act_dglxv4ixum3ezijibwc4zaz7ce",
        "reference": "ORD-1",
        "amount": 6540,
        "currency": "GBP",
        "response_code": "10000",
        "response_summary": "Approved",
        "processed_on": "2026-11-14T12:18:52Z",
        "metadata": {"coupon": "NY", "partner": 7},
        "risk": {"flagged": "False"},
        "source": {"type": "card", "id": "src_ps6ukw5ifuietcr6wthijpzsvy", "last_4": "1234", "name": "Jo Doe"},
        "balances": {"total_authorized": 6540, "available_to_capture": 6540},
        "3ds": {"challenged": True, "eci": "05"},
        "added_later": {"deep": [1]},
    },
    "_links": {"payment": {"href": "https://api.checkout.com/payments/pay_m3ncbzghvosu7b2j77hqln4agu"}},
}
AUTHENTICATION: Json = {
    "id": "evt_b",
    "type": "authentication_approved",
    "data": {
        "session_id": "sid_y3oqhf46pyzuxjbcn2giaqnb44",
        "amount": "6540",
        "currency": "GBP",
        "challenged": "False",
        "3ds_transaction_id": "e6473b22-08ac-492d-a587-2aba9b80df6f",
        "eci": "05",
    },
}


def parsed(event: object) -> webhooks.WebhookEvent:
    return webhooks.parse(json.dumps(event).encode())


@pytest.mark.parametrize("type_", list(webhooks.PaymentEventType))
def test_every_type_about_payments(type_: webhooks.PaymentEventType) -> None:
    event = parsed(PAYMENT | {"type": str(type_)})
    assert isinstance(event, webhooks.PaymentEvent)
    assert event.type is type_
    assert event.data is not None
    assert event.data.id == "pay_m3ncbzghvosu7b2j77hqln4agu"


@pytest.mark.parametrize("type_", list(webhooks.AuthenticationEventType))
def test_every_type_about_authentications(type_: webhooks.AuthenticationEventType) -> None:
    event = parsed(AUTHENTICATION | {"type": str(type_)})
    assert isinstance(event, webhooks.AuthenticationEvent)
    assert event.type is type_
    assert event.data is not None
    assert event.data.session_id == "sid_y3oqhf46pyzuxjbcn2giaqnb44"


def test_an_event_is_typed_to_its_depths() -> None:
    event = parsed(PAYMENT)
    assert isinstance(event, events.PaymentEvent)
    assert event.id == "evt_az5sblvku4ge3dwpztvyizgcau"
    assert event.created_on is not None
    assert event.created_on.replace(microsecond=0) == datetime(2026, 11, 14, 12, 18, 54, tzinfo=UTC)
    data = event.data
    assert data is not None
    assert (data.amount, data.metadata) == (6540, {"coupon": "NY", "partner": 7})
    assert data.balances is not None
    assert data.balances.available_to_capture == 6540
    assert data.three_ds is not None
    assert data.three_ds.challenged is True
    assert event.links is not None
    assert event.links.payment is not None


def test_numbers_and_truth_written_as_text_are_read() -> None:
    authentication, payment = parsed(AUTHENTICATION), parsed(PAYMENT)
    assert isinstance(authentication, webhooks.AuthenticationEvent)
    assert authentication.data is not None
    assert (authentication.data.amount, authentication.data.challenged) == (6540, False)
    assert isinstance(payment, webhooks.PaymentEvent)
    assert payment.data is not None
    assert payment.data.risk is not None
    assert payment.data.risk.flagged is False


def test_an_unknown_type_is_kept_with_all_its_data() -> None:
    raw = b'{"type":"dispute_received","id":"evt_d","data":{"amount":5,"new":[true]},"extra":null}'
    event = webhooks.parse(raw)
    assert isinstance(event, webhooks.OtherEvent)
    assert (event.id, event.type) == ("evt_d", "dispute_received")
    assert models.to_json(event) == raw


@pytest.mark.parametrize("type_", ["PAYMENT_APPROVED", "Payment_Approved"])
def test_the_letter_case_of_a_type_does_not_matter(type_: str) -> None:
    assert isinstance(parsed(PAYMENT | {"type": type_}), webhooks.PaymentEvent)


@pytest.mark.parametrize("data", [None, [], "text", 7, True])
def test_data_of_another_shape_reads_as_none(data: object) -> None:
    event = parsed(PAYMENT | {"data": data})
    assert isinstance(event, webhooks.PaymentEvent)
    assert event.data is None


def test_one_member_of_another_shape_is_lost_alone() -> None:
    event = parsed(PAYMENT | {"data": {"id": "pay_1", "amount": {"value": 5}, "source": "card"}})
    assert isinstance(event, webhooks.PaymentEvent)
    assert event.data is not None
    assert (event.data.id, event.data.amount, event.data.source) == ("pay_1", None, None)


def test_a_printed_event_shows_no_personal_data() -> None:
    shown = repr(parsed(PAYMENT))
    assert "evt_az5sblvku4ge3dwpztvyizgcau" in shown
    assert not any(secret in shown for secret in ("Jo Doe", "coupon"))


HOSTILE = [
    b"",
    b" ",
    b"null",
    b"[]",
    b'"payment_approved"',
    b"{",
    b"{}",
    b'{"id": "evt_1"}',
    b'{"type": "payment_approved"}',
    b'{"id": null, "type": "payment_approved"}',
    b'{"id": "evt_1", "type": ["payment_approved"]}',
    b'{"id": "evt_1", "type": "payment_approved",}',
    b'{"id": "evt_1", "type": "payment_approved"} {}',
    b'{"id": "evt_1", "type": "payment_approved", "data": NaN}',
    b'{"id": "evt_1", "type": "authentication_failed", "data": {"reason": "a "quoted" word"}}',
    b"\xff\xfe{}",
    b"[" * 100_000,
    b'{"id":' * 100_000,
]


@pytest.mark.parametrize("body", HOSTILE, ids=lambda body: repr(body[:40]))
def test_a_body_that_is_not_an_event_is_a_different_error_from_a_wrong_signature(body: bytes) -> None:
    with pytest.raises(errors.MalformedMessage, match=r"webhook: .") as caught:
        webhooks.receive(body, {"Cko-Signature": webhooks.sign(body, "key")}, "key")
    assert not isinstance(caught.value, errors.InvalidSignature)
    assert caught.value.__cause__ is caught.value.__context__ is None


@given(body=st.binary(max_size=60) | documents)
def test_any_body_is_an_event_or_a_malformed_message(body: bytes) -> None:
    try:
        event = webhooks.parse(body)
    except errors.MalformedMessage as problem:
        assert str(problem)
    else:
        assert models.to_json(event) == body


def test_the_text_of_a_malformed_message_holds_no_value_of_it() -> None:
    body = b'{"id": {"number": "4242424242424242"}, "type": "secret text"}'
    with pytest.raises(errors.MalformedMessage) as caught:
        webhooks.parse(body)
    assert "4242" not in repr(caught.value)
    assert "secret" not in repr(caught.value)
