"""Event bodies as delivered, or as printed on the provider's pages: all of each is read, and nothing is lost.

`tests/samples/webhooks.jsonl` has one body a line, with its origin; values are replaced, shapes are as found.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from checkout_async import webhooks
from checkout_async._core.codec import decode

FILE = Path(__file__).parent.parent / "samples" / "webhooks.jsonl"
SAMPLES: list[dict[str, Any]] = [json.loads(line) for line in FILE.read_text().splitlines()]
IDS = [f"{index}-{sample['type']}" for index, sample in enumerate(SAMPLES)]


def leaves(value: Any, path: str = "$") -> Iterator[str]:
    """Return the paths of all values but null."""
    kind: type[object] = value.__class__
    if kind is dict:
        for name, member in value.items():
            yield from leaves(member, f"{path}.{name}")
    elif kind is list:
        for index, item in enumerate(value):
            yield from leaves(item, f"{path}[{index}]")
    elif value is not None:
        yield path


def sample(type_: str, number: int = 0) -> webhooks.WebhookEvent:
    body = [each["body"] for each in SAMPLES if each["type"] == type_][number]
    return webhooks.parse(json.dumps(body).encode())


def payment(type_: str, number: int = 0) -> Any:
    event = sample(type_, number)
    assert isinstance(event, webhooks.PaymentEvent)
    return event.data


def test_the_samples_are_those_that_were_collected() -> None:
    assert len(SAMPLES) == 25


@pytest.mark.parametrize("sample", SAMPLES, ids=IDS)
def test_a_body_is_read_whole(sample: dict[str, Any]) -> None:
    raw = json.dumps(sample["body"]).encode()
    event = webhooks.parse(raw)
    assert not isinstance(event, webhooks.OtherEvent)
    assert event.type == sample["type"]
    assert decode(type(event), raw)[1] == ()
    assert set(leaves(msgspec.to_builtins(event))) == set(leaves(sample["body"]))


@pytest.mark.parametrize("sample", SAMPLES, ids=IDS)
def test_an_event_has_a_time_with_a_zone_under_whichever_name_it_came(sample: dict[str, Any]) -> None:
    event = webhooks.parse(json.dumps(sample["body"]).encode())
    assert event.time is not None
    assert event.time.tzinfo is not None
    assert event.time == (event.created_on or event.timestamp)


def test_a_time_comes_as_timestamp_in_the_shape_of_the_events_api() -> None:
    event = sample("payment_captured", 1)
    assert event.created_on is None
    assert event.time == datetime(2023, 5, 24, 9, 12, 32, 357000, tzinfo=UTC)
    assert event.source == "gwc_notifier1"
    assert event.action_invocations is not None
    assert event.action_invocations[0].status == "successful"


def test_a_card_has_its_billing_address() -> None:
    address = payment("payment_approved", 1).source.billing_address
    assert (address.line1, address.town_city, address.state) == ("1 Example Street", "London", "Greater London")
    assert "Example" not in repr(address)


def test_the_proof_of_an_authentication_is_masked() -> None:
    result = payment("payment_approved").three_ds
    assert result.cavv == "AAABAVIREQAAAAAAAAAAAAAAAAA="
    assert result.flow_type == "challenged"
    assert result.cavv not in repr(result)


def test_a_truth_value_written_as_text_is_read_under_both_names() -> None:
    assert payment("payment_approved", 1).processing.aft_in_webhooks is False
    assert payment("payment_retry_scheduled").processing.aft is False


def test_a_payout_says_where_the_money_went() -> None:
    data = payment("payment_paid")
    assert data.source.card_on_file is False
    assert data.destination.fingerprint == "ef5vvxksavatgxdclyk4vadcbc"
    assert data.instruction.value_date == datetime(2024, 11, 14, tzinfo=UTC)
    assert payment("payment_declined", 1).destination.last_4 == "4242"


def test_a_held_payment_is_a_payment_event() -> None:
    event = sample("payment_compliance_review")
    assert event.type is webhooks.PaymentEventType.PAYMENT_COMPLIANCE_REVIEW
    assert event.event_subject_id == "pay_ei7hiu7oakwdf7nnp62vuzqjmd"


def test_the_nulls_of_a_newer_authentication_event_read_as_absent() -> None:
    event = sample("authentication_failed")
    assert isinstance(event, webhooks.AuthenticationEvent)
    assert event.data is not None
    assert (event.data.cavv, event.data.metadata, event.data.error_details) == (None, None, None)
    assert (event.data.challenged, event.data.is3ri, event.data.challenge_cancel) == (True, False, "01")
    assert event.data.transaction_status_reason == "rreq_status"
    assert event.data.response_status_reason == "01"


@pytest.mark.parametrize(("value", "read"), [(True, True), ("True", True), ("false", False), (None, None), ("?", None)])
def test_a_truth_value_may_be_text(value: object, read: bool | None) -> None:
    body = {"id": "evt_1", "type": "authentication_failed", "data": {"challenged": value, "session_id": "sid_1"}}
    event = webhooks.parse(json.dumps(body).encode())
    assert isinstance(event, webhooks.AuthenticationEvent)
    assert event.data is not None
    assert (event.data.challenged, event.data.session_id) == (read, "sid_1")


def test_another_event_has_its_data_as_it_came_and_shows_none_of_it() -> None:
    data = {"amount": 5, "evidence": [{"name": "Jo Doe"}], "none": None}
    event = webhooks.parse(json.dumps({"id": "evt_1", "type": "dispute_received", "data": data}).encode())
    assert isinstance(event, webhooks.OtherEvent)
    assert event.data == data
    assert "Jo Doe" not in repr(event)


@pytest.mark.parametrize("name", ["created_on", "timestamp"])
def test_a_time_without_a_zone_is_utc(name: str) -> None:
    body = {"id": "evt_1", "type": "payment_paid", name: "2026-11-14T12:18:54.3211949"}
    event = webhooks.parse(json.dumps(body).encode())
    assert event.time is not None
    assert event.time.replace(microsecond=0) == datetime(2026, 11, 14, 12, 18, 54, tzinfo=UTC)


def test_a_byte_order_mark_is_skipped_and_part_of_what_is_signed() -> None:
    body = b"\xef\xbb\xbf" + b'{"id":"evt_1","type":"payment_paid"}'
    event = webhooks.receive(body, {"Cko-Signature": webhooks.sign(body, "key")}, "key")
    assert event.id == "evt_1"
