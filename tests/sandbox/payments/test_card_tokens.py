"""One-time tokens: `POST /tokens` with a public key, the card behind a token, its lifetime and its single use."""

from __future__ import annotations

import pytest

from checkout_async.sandbox import Sandbox, payment_card
from tests.sandbox.payments.support import PaymentsApi, order
from tests.sandbox.support import BROWSER_WITH_METHOD, Answer, Json
from tests.sandbox.support import order as session_order

PUBLIC_KEY = "pk_sbox_" + 26 * "a"


def card(scenario: str = "approved", **changes: object) -> Json:
    number = payment_card(scenario)
    return {"type": "card", "number": number, "expiry_month": 6, "expiry_year": 2099, "cvv": "100"} | changes


async def tokenize(api: PaymentsApi, body: Json | None = None, auth: str = PUBLIC_KEY) -> Answer:
    return await api.post("/tokens", card() if body is None else body, auth=auth)


async def source(api: PaymentsApi, scenario: str = "approved", **changes: object) -> Json:
    return {"type": "token", "token": (await tokenize(api, card(scenario, **changes))).body["token"]}


@pytest.mark.parametrize("auth", [PUBLIC_KEY, f"Bearer {PUBLIC_KEY}"])
async def test_a_public_key_gets_a_token_for_a_card(sandbox: Sandbox, api: PaymentsApi, auth: str) -> None:
    answer = await tokenize(api, auth=auth)

    assert answer.status == 201
    assert answer.body["token"].startswith("tok_")
    assert (answer.body["type"], answer.body["scheme"], answer.body["last4"]) == ("card", "Visa", "3105")
    assert (answer.body["expiry_month"], answer.body["expiry_year"]) == (6, 2099)
    assert answer.body["expires_on"]
    assert payment_card("approved") not in str(answer.body)


async def test_an_access_token_for_the_vault_gets_one_too(api: PaymentsApi) -> None:
    granted = await api.token("vault:tokenization")
    other = await api.token("gateway")
    answers = [await tokenize(api, auth=f"Bearer {each.body['access_token']}") for each in (granted, other)]

    assert [answer.status for answer in answers] == [201, 401]


@pytest.mark.parametrize("auth", ["", "Bearer nobody", "sk_sbox_x", "Basic pk_sbox_x"])
async def test_without_a_public_key_there_is_no_token(api: PaymentsApi, auth: str) -> None:
    assert (await tokenize(api, auth=auth)).status == 401


@pytest.mark.parametrize(("scenario", "status"), [("approved", "Authorized"), ("stolen_card", "Declined")])
async def test_a_token_stands_for_its_card(api: PaymentsApi, scenario: str, status: str) -> None:
    answer = await api.pay(order(source=await source(api, scenario)))

    assert (answer.status, answer.body["status"]) == (201, status)
    assert answer.body["source"]["last4"] == payment_card(scenario)[-4:]


async def test_a_token_pays_once(sandbox: Sandbox, api: PaymentsApi) -> None:
    token = await source(api)
    first, second = await api.pay(order(source=token)), await api.pay(order(source=token))

    assert first.status == 201
    assert (second.status, second.codes) == (422, ["token_used"])
    assert len(sandbox.payments) == 1


async def test_a_repetition_with_the_same_key_is_not_a_second_use(api: PaymentsApi) -> None:
    token = await source(api)
    first = await api.pay(order(source=token), key="k-1")
    again = await api.pay(order(source=token), key="k-1")

    assert (again.status, again.body) == (first.status, first.body) == (201, again.body)


async def test_a_refused_request_does_not_use_the_token(api: PaymentsApi) -> None:
    token = await source(api)
    refused = await api.pay(order(source=token, merchant_initiated=True))
    accepted = await api.pay(order(source=token))

    assert (refused.status, accepted.status) == (422, 201)


async def test_a_token_is_valid_for_15_minutes(sandbox: Sandbox, api: PaymentsApi) -> None:
    early, late = await source(api), await source(api)
    await sandbox.advance(15 * 60 - 1)
    paid = await api.pay(order(source=early))
    await sandbox.advance(1)
    refused = await api.pay(order(source=late))
    await tokenize(api)
    still = await api.pay(order(source=late))

    assert paid.status == 201
    assert (refused.status, refused.codes) == (still.status, still.codes) == (422, ["token_expired"])


async def test_a_token_is_authenticated_once(api: PaymentsApi) -> None:
    body = session_order(source=await source(api), channel_data=BROWSER_WITH_METHOD)
    first, second = await api.create(body), await api.create(body)

    assert first.status == 201
    assert (second.status, second.codes) == (422, ["token_used"])


async def test_equal_cards_get_different_tokens(api: PaymentsApi) -> None:
    assert await source(api) != await source(api)


async def test_a_token_of_another_origin_pays_by_amount(api: PaymentsApi) -> None:
    token = {"type": "token", "token": "tok_ubfj2q76miwundwlk72vxt2i7q"}
    answers = [await api.pay(order(source=token)) for _ in range(2)]

    assert [answer.status for answer in answers] == [201, 201]


async def test_a_wallet_gets_a_token(api: PaymentsApi) -> None:
    answer = await tokenize(api, {"type": "googlepay", "token_data": {"signature": "x"}})
    paid = await api.pay(order(source={"type": "token", "token": answer.body["token"]}))

    assert (answer.status, answer.body["type"], paid.status) == (201, "googlepay", 201)


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        ({}, ["type_required"]),
        ({"type": "cheque"}, ["type_invalid"]),
        ({"type": "card"}, ["number_required", "expiry_month_required", "expiry_year_required"]),
        (card(number="4242424242424241"), ["card_number_invalid"]),
        (card(expiry_month=13), ["card_expiry_month_invalid"]),
        (card(expiry_year="soon"), ["card_expiry_year_invalid"]),
        ({"type": "applepay"}, ["token_data_required"]),
    ],
)
async def test_bad_data_get_no_token(api: PaymentsApi, body: Json, codes: list[str]) -> None:
    answer = await tokenize(api, body)

    assert (answer.status, answer.body["error_type"], answer.codes) == (422, "request_invalid", codes)


async def test_digits_in_a_text_are_numbers(api: PaymentsApi) -> None:
    answer = await tokenize(api, card(expiry_month="06", expiry_year="2099"))

    assert (answer.status, answer.body["expiry_month"]) == (201, 6)


async def test_the_card_number_is_not_kept_after_use(sandbox: Sandbox, api: PaymentsApi) -> None:
    await api.pay(order(source=await source(api)))

    assert payment_card("approved") not in repr(vars(sandbox._sessions.card_tokens))
