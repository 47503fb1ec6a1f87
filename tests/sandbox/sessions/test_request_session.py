"""`request_session`: 202 while the session waits for something, 201 once the authentication was requested."""

from __future__ import annotations

import re

import pytest

from checkout_async.sandbox import SCHEMES, amount, card_number
from tests.sandbox.support import APP, BROWSER, BROWSER_WITH_METHOD, HOSTED, MERCHANT, Api, Json, order


async def test_without_channel_data_a_session_is_pending(api: Api) -> None:
    answer = await api.create()

    assert answer.status == 202
    assert answer.body["status"] == "pending"
    assert answer.body["next_actions"] == ["collect_channel_data", "issuer_fingerprint"]
    assert re.fullmatch(r"sid_[a-z2-7]{26}", answer.body["id"])
    assert re.fullmatch(r"sek_.{44}", answer.body["session_secret"])


async def test_without_a_method_url_there_is_no_fingerprint_to_supply(api: Api) -> None:
    answer = await api.create(order("frictionless_no_method"))

    assert answer.body["next_actions"] == ["collect_channel_data"]
    assert "three_ds_method_url" not in answer.links


@pytest.mark.parametrize(
    ("scenario", "status", "action"),
    [("frictionless", "approved", "complete"), ("challenge", "challenged", "challenge_cardholder")],
)
async def test_with_browser_data_and_method_result_it_is_authenticated_at_once(
    api: Api, scenario: str, status: str, action: str
) -> None:
    answer = await api.finished(scenario)

    assert (answer.status, answer.body["status"]) == (201, status)
    assert answer.body["next_actions"] == [action]


async def test_with_browser_data_but_no_method_result_it_waits_for_the_method(api: Api) -> None:
    answer = await api.create(channel_data=BROWSER)

    assert (answer.status, answer.body["status"]) == (202, "pending")
    assert answer.body["next_actions"] == ["issuer_fingerprint"]


async def test_with_browser_data_and_no_method_url_it_is_authenticated_at_once(api: Api) -> None:
    answer = await api.create(order("frictionless_no_method", channel_data=BROWSER))

    assert (answer.status, answer.body["status"]) == (201, "approved")


async def test_with_app_data_it_is_authenticated_at_once(api: Api) -> None:
    answer = await api.create(channel_data=APP)

    assert (answer.status, answer.body["status"]) == (201, "approved")


async def test_a_merchant_initiated_session_is_authenticated_at_once(api: Api) -> None:
    answer = await api.create(channel_data=MERCHANT)

    assert (answer.status, answer.body["status"]) == (201, "approved")


async def test_a_hosted_session_sends_the_cardholder_away(api: Api) -> None:
    answer = await api.create(completion=HOSTED)

    assert (answer.status, answer.body["status"]) == (202, "pending")
    assert answer.body["next_actions"] == ["redirect_cardholder"]
    assert set(answer.links) == {"self", "redirect_url", "success_url", "failure_url"}


async def test_equal_requests_make_different_sessions(api: Api) -> None:
    first, second = await api.create(), await api.create()

    assert first.body["id"] != second.body["id"]
    assert first.body["session_secret"] != second.body["session_secret"]


@pytest.mark.parametrize(
    "source",
    [
        {"type": "id", "id": "src_ubfj2q76miwundwlk72vxt2i7q"},
        {"type": "token", "token": "tok_ubfj2q76miwundwlk72vxt2i7q"},
        {"type": "network_token", "token": card_number("frictionless"), "expiry_month": 5, "expiry_year": 2099},
    ],
    ids=lambda source: source["type"],
)
@pytest.mark.parametrize(
    ("scenario", "status"), [("frictionless", "approved"), ("challenge", "challenged"), ("declined", "declined")]
)
async def test_a_source_without_card_number_takes_its_outcome_from_the_amount(
    api: Api, source: Json, scenario: str, status: str
) -> None:
    for minor_units in (amount(scenario), 120_000 + amount(scenario)):
        answer = await api.create(source=source, amount=minor_units, channel_data=BROWSER_WITH_METHOD)

        assert answer.body["status"] == status


async def test_a_card_takes_its_outcome_from_the_number_whatever_the_amount(api: Api) -> None:
    answer = await api.finished("frictionless", amount=amount("declined"))

    assert answer.body["status"] == "approved"


async def test_an_instrument_keeps_its_identifier(api: Api) -> None:
    source = {"type": "id", "id": "src_ubfj2q76miwundwlk72vxt2i7q"}
    answer = await api.create(source=source)

    assert answer.body["card"]["instrument_id"] == source["id"]


async def test_one_card_has_one_fingerprint(api: Api) -> None:
    first, again = await api.create(order("slow")), await api.create(order("slow", amount=1))
    other = await api.create(order("declined"))

    assert first.body["card"]["fingerprint"] == again.body["card"]["fingerprint"]
    assert first.body["card"]["fingerprint"] != other.body["card"]["fingerprint"]


@pytest.mark.parametrize("scheme", SCHEMES)
async def test_the_scheme_is_that_of_the_card(api: Api, scheme: str) -> None:
    answer = await api.create(order(scheme=scheme))

    assert answer.body["scheme"] == scheme


@pytest.mark.parametrize(
    ("own", "chosen", "used"),
    [
        ("visa", "cartes_bancaires", "cartes_bancaires"),
        ("mastercard", "cartes_bancaires", "cartes_bancaires"),
        ("amex", "cartes_bancaires", "amex"),
        ("visa", "amex", "visa"),
    ],
)
async def test_the_cardholders_scheme_counts_where_the_card_carries_it(
    api: Api, own: str, chosen: str, used: str
) -> None:
    body = order(scheme=own)
    body["source"]["scheme"] = chosen
    answer = await api.create(body)

    assert answer.body["scheme"] == used


@pytest.mark.parametrize(
    ("source", "scheme"),
    [
        ({"type": "token", "token": "tok_ubfj2q76miwundwlk72vxt2i7q"}, "visa"),
        ({"type": "token", "token": "tok_ubfj2q76miwundwlk72vxt2i7q", "scheme": "jcb"}, "jcb"),
        (
            {"type": "network_token", "token": card_number("slow", "amex"), "expiry_month": 1, "expiry_year": 2099},
            "amex",
        ),
        ({"type": "network_token", "token": "990000000", "expiry_month": 1, "expiry_year": 2099}, "visa"),
    ],
)
async def test_without_a_card_number_the_scheme_is_that_of_the_token_or_the_one_named(
    api: Api, source: Json, scheme: str
) -> None:
    assert (await api.create(source=source)).body["scheme"] == scheme


async def test_an_amount_written_with_a_zero_fraction_is_that_amount(api: Api) -> None:
    assert (await api.create(amount=100.0)).body["amount"] == 100


async def test_without_an_amount_it_is_no_payment(api: Api) -> None:
    body = order()
    del body["amount"]
    answer = await api.create(body)

    assert answer.body["authentication_category"] == "non_payment"
    assert answer.body["amount"] == 0


async def test_what_the_request_leaves_out_has_the_documented_default(api: Api) -> None:
    body = (await api.create()).body

    assert body["authentication_type"] == "regular"
    assert body["authentication_category"] == "payment"
    assert body["transaction_type"] == "goods_service"
    assert body["challenge_indicator"] == "no_preference"


async def test_what_the_request_says_is_echoed(api: Api) -> None:
    said: Json = {
        "reference": "A-1",
        "account_info": {"purchase_count": 10, "account_date": "2019-08-24T14:15:22Z"},
        "merchant_risk_info": {"delivery_timeframe": "same_day"},
        "initial_transaction": {"initial_session_id": "sid_p6prbhogijnuxgv4grm3ber55u"},
        "transaction_type": "check_acceptance",
        "challenge_indicator": "challenge_requested",
    }
    body = (await api.create(order(**said))).body

    assert {name: body[name] for name in said} == said


@pytest.mark.parametrize(
    ("kind", "given", "echoed"),
    [
        ("recurring", None, {"days_between_payments": 1, "expiry": "99991231"}),
        ("recurring", {"days_between_payments": 28}, {"days_between_payments": 28, "expiry": "99991231"}),
        (
            "installment",
            {"number_of_payments": 3},
            {"number_of_payments": 3, "days_between_payments": 1, "expiry": "99991231"},
        ),
    ],
)
async def test_an_agreement_is_echoed_with_its_defaults(api: Api, kind: str, given: Json | None, echoed: Json) -> None:
    changes: Json = {"authentication_type": kind} | ({} if given is None else {kind: given})
    answer = await api.create(order(scheme="mastercard", **changes))

    assert answer.body[kind] == echoed


async def test_an_agreement_is_ignored_for_other_types(api: Api) -> None:
    answer = await api.create(recurring={"days_between_payments": 28})

    assert "recurring" not in answer.body


async def test_a_mandated_challenge_takes_place(api: Api) -> None:
    answer = await api.finished("frictionless", challenge_indicator="challenge_requested_mandate")

    assert answer.body["status"] == "challenged"


async def test_an_expired_card_is_declined_for_that_reason(api: Api) -> None:
    body = order(channel_data=BROWSER_WITH_METHOD)
    body["source"] |= {"expiry_month": 12, "expiry_year": 2020}
    answer = await api.create(body)

    assert answer.body["status"] == "declined"
    assert answer.body["response_status_reason"] == "05"
