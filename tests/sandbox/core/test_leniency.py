"""What the sandbox forgives as the API was observed to, where it records that, and what its exact mode refuses."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from checkout_async.sandbox import Sandbox
from tests.sandbox.payments.support import PaymentsApi, card, order, payout
from tests.sandbox.support import BROWSER, Api, Json, frozen_clock
from tests.sandbox.support import order as session_order


@pytest.fixture
async def lenient() -> AsyncIterator[Sandbox]:
    async with Sandbox(clock=frozen_clock()) as running:
        yield running


@pytest.fixture
async def payments(lenient: Sandbox) -> AsyncIterator[PaymentsApi]:
    async with PaymentsApi(lenient, limits=False) as caller:
        yield caller


FORGIVEN: list[tuple[Json, tuple[str, ...]]] = [
    ({"amount": "6540"}, ("$.amount",)),
    ({"capture": "false"}, ("$.capture",)),
    ({"description": None}, ("$.description",)),
    ({"destination": None}, ("$.destination",)),
    ({"colour": "red"}, ("$.colour",)),
    ({"customer": {"email": "a@shop.example", "tax_number": None}}, ("$.customer.tax_number",)),
    ({"source": card(expiry_month="06", expiry_year="2099")}, ("$.source.expiry_month", "$.source.expiry_year")),
    ({"source": card(favourite=True)}, ("$.source.favourite",)),
    (
        {"items": [{"quantity": "2"}, {"quantity": 1, "reference": None}]},
        ("$.items[0].quantity", "$.items[1].reference"),
    ),
    ({"4242424242424242": True}, ("$.?",)),
    ({"capture_on": "2099-01-01"}, ("$.capture_on",)),
    ({"processing_channel_id": None, "amount": "1"}, ("$.amount", "$.processing_channel_id")),
]


@pytest.mark.parametrize(("change", "paths"), FORGIVEN, ids="+".join)
async def test_what_is_forgiven_is_taken_and_on_record(
    lenient: Sandbox, payments: PaymentsApi, change: Json, paths: tuple[str, ...]
) -> None:
    answer = await payments.pay(order() | change)

    assert (answer.status, answer.body["status"]) == (201, "Authorized")
    assert lenient.requests[-1].forgiven == paths


@pytest.mark.parametrize(("change", "paths"), FORGIVEN, ids="+".join)
async def test_exact_mode_forgives_none_of_it(sandbox: Sandbox, change: Json, paths: tuple[str, ...]) -> None:
    async with PaymentsApi(sandbox) as exact:
        answer = await exact.pay(order() | change)

    assert (answer.status, len(sandbox.payments)) == (422, 0)
    assert sandbox.requests[-1].forgiven == ()


async def test_a_plain_request_is_not_on_record_as_forgiven(lenient: Sandbox, payments: PaymentsApi) -> None:
    await payments.pay(order())

    assert lenient.requests[-1].forgiven == ()


async def test_what_was_forgiven_has_its_effect(lenient: Sandbox, payments: PaymentsApi) -> None:
    answer = await payments.pay(order(amount="4711", capture="false", metadata=None))
    details = await payments.payment(answer.body["id"])

    assert (details["amount"], details["status"]) == (4711, "Authorized")
    assert "metadata" not in details


async def test_null_for_a_required_member_is_a_missing_member(payments: PaymentsApi) -> None:
    answer = await payments.pay(order() | {"currency": None})

    assert (answer.status, answer.codes) == (422, ["currency_required"])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"amount": "much"}, "amount_invalid"),
        ({"amount": "-1"}, "amount_invalid"),
        ({"amount": "10.5"}, "amount_invalid"),
        ({"capture": "yes"}, "capture_invalid"),
        ({"reference": 1}, "reference_invalid"),
        ({"currency": "POUND"}, "currency_invalid"),
        ({"payment_type": "Never"}, "payment_type_invalid"),
        ({"capture_on": "tomorrow"}, "capture_on_invalid"),
        ({"source": card(expiry_month="13")}, "expiry_month_invalid"),
        ({"source": card() | {"number": "4242 4242"}}, "number_invalid"),
        ({"source": {"type": "cheque"}}, "type_invalid"),
        ({"source": {"number": "4242424242424242"}}, "type_required"),
    ],
)
async def test_what_cannot_be_meant_is_refused_even_leniently(payments: PaymentsApi, change: Json, code: str) -> None:
    answer = await payments.pay(order() | change)

    assert (answer.status, answer.codes) == (422, [code])


BEYOND_DOCUMENTED_LIMITS: list[Json] = [
    {"reference": 200 * "A"},
    {"processing_channel_id": "channel-of-another-format"},
    {"shipping": {"address": {"state": "London", "country": "GBR", "zip": 60 * "1"}}},
    {"success_url": "no address", "failure_url": "no address"},
    {"sender": {"type": "individual", "first_name": 300 * "A"}},
    {"3ds": {"enabled": False, "version": "2.2.0-of-tomorrow"}},
    {"metadata": {str(number): "x" for number in range(200)}},
]


@pytest.mark.parametrize("change", BEYOND_DOCUMENTED_LIMITS, ids="+".join)
async def test_a_documented_limit_that_is_not_marked_is_not_enforced_in_either_mode(
    sandbox: Sandbox, payments: PaymentsApi, change: Json
) -> None:
    async with PaymentsApi(sandbox, limits=False) as exact:
        answers = [await payments.pay(order() | change), await exact.pay(order() | change)]

    assert [(answer.status, answer.body["status"]) for answer in answers] == 2 * [(201, "Authorized")]
    assert payments.sandbox.requests[-1].forgiven == ()


@pytest.mark.parametrize(
    "change",
    [
        {"payment_type": "MO_TO"},
        {"payment_type": "regular"},
        {"authorization_type": "FINAL"},
        {"source": card() | {"type": "Card"}},
        {"3ds": {"enabled": False, "challenge_indicator": "No Preference"}},
    ],
)
async def test_enum_values_and_tags_match_in_any_spelling_in_either_mode(
    sandbox: Sandbox, payments: PaymentsApi, change: Json
) -> None:
    async with PaymentsApi(sandbox) as exact:
        answers = [await payments.pay(order() | change), await exact.pay(order() | change)]

    assert [answer.status for answer in answers] == [201, 201]
    assert payments.sandbox.requests[-1].forgiven == ()


async def test_an_enum_value_acts_by_its_listed_spelling(api: Api) -> None:
    created = await api.create(session_order("challenge", completion={"type": "NON-HOSTED"}))
    await api.collect(created.body["id"], BROWSER | {"channel": "Browser", "three_ds_method_completion": "y"})

    assert api.sandbox.sessions[created.body["id"]].status == "challenged"


async def test_a_payout_is_read_leniently_by_its_own_schema(lenient: Sandbox, payments: PaymentsApi) -> None:
    answer = await payments.pay(payout(amount="200", capture=True))

    assert answer.status == 202
    assert lenient.requests[-1].forgiven == ("$.amount", "$.capture")
    assert lenient.payments[answer.body["id"]].kind == "payout"


async def test_unknown_query_parameters_are_forgiven(lenient: Sandbox, payments: PaymentsApi) -> None:
    await payments.paid(reference="A")
    answer = await payments.read("/payments", params={"reference": "A", "page": "2"})

    assert answer.status == 200
    assert lenient.requests[-1].forgiven == ("query page",)


async def test_a_channel_header_that_says_undefined_is_ignored(lenient: Sandbox) -> None:
    async with Api(lenient) as api:
        created = await api.create()
        answer = await api.get(created.body["id"], channel="undefined")
        plain = await api.get(created.body["id"])

    assert (answer.status, answer.body) == (200, plain.body)
    assert lenient.requests[-2].forgiven == ("header channel",)


async def test_an_action_forgives_too(lenient: Sandbox, payments: PaymentsApi) -> None:
    payment_id = await payments.paid(amount=1000)
    answer = await payments.act(payment_id, "captures", {"amount": "1000", "currency": "GBP", "reference": None})

    assert answer.status == 202
    assert set(lenient.requests[-1].forgiven) >= {"$.amount", "$.reference"}
    assert lenient.payments[payment_id].balances.total_captured == 1000
