"""Bad requests: one error code for each thing that is wrong, named after the member, and no value of the request."""

from __future__ import annotations

import pytest

from tests.sandbox.support import APP, BROWSER, HOSTED, MERCHANT, Answer, Api, Json, order


def check(answer: Answer, *codes: str) -> None:
    assert answer.status == 422
    assert answer.body["error_type"] == "unprocessable_entity"
    assert set(answer.codes) == set(codes)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"currency": "POUND"}, "currency_invalid"),
        ({"amount": -1}, "amount_invalid"),
        ({"amount": "100"}, "amount_invalid"),
        ({"amount": 10.5}, "amount_invalid"),
        ({"challenge_indicator": "maybe"}, "challenge_indicator_invalid"),
        ({"preferred_experiences": ["4ds"]}, "preferred_experiences_invalid"),
        ({"shipping_addres": {"country": "GB"}}, "shipping_addres_invalid"),
        ({"completion": {"type": "somehow"}}, "type_invalid"),
        ({"completion": {"type": "hosted", "success_url": "https://shop.example/"}}, "failure_url_required"),
        ({"completion": {}}, "type_required"),
        ({"channel_data": {"channel": "fax"}}, "channel_invalid"),
        ({"channel_data": "browser"}, "channel_data_invalid"),
        ({"account_info": {"account_date": "yesterday"}}, "account_date_invalid"),
    ],
)
async def test_a_failing_member_is_named(api: Api, change: Json, code: str) -> None:
    check(await api.create(order(**change)), code)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"number": "4242 4242 4242 4242"}, "number_invalid"),
        ({"number": "4242424242424241"}, "number_invalid"),
        ({"number": "9999999999999995"}, "scheme_not_supported"),
        ({"expiry_month": 13}, "expiry_month_invalid"),
        ({"type": "cheque"}, "type_invalid"),
        ({"home_phone": {"country_code": 44, "number": "0204567895"}}, "country_code_invalid"),
        ({"email": None}, "email_invalid"),
        ({"cvv": "100"}, "cvv_invalid"),
    ],
)
async def test_a_failing_member_of_the_card_is_named(api: Api, change: Json, code: str) -> None:
    body = order()
    body["source"] |= change
    check(await api.create(body), code)


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ({"type": "token", "token": "4242424242424242"}, "invalid_token"),
        (
            {"type": "network_token", "token": "4111x11111111111", "expiry_month": 1, "expiry_year": 2099},
            "token_invalid",
        ),
        ({"type": "id", "id": "cus_ubfj2q76miwundwlk72vxt2i7q"}, "error_getting_instrument"),
    ],
)
async def test_a_source_that_is_not_what_it_says_is_refused(api: Api, source: Json, code: str) -> None:
    check(await api.create(source=source), code)


async def test_everything_that_is_wrong_is_named_at_once(api: Api) -> None:
    check(
        await api.create({"source": {"type": "card", "expiry_month": 0}, "amount": -1, "extra": 1}),
        "currency_required",
        "completion_required",
        "number_required",
        "expiry_year_required",
        "expiry_month_invalid",
        "amount_invalid",
        "extra_invalid",
    )


async def test_a_member_name_that_could_be_a_card_number_is_not_repeated(api: Api) -> None:
    answer = await api.create(order() | {"4242424242424242": True})

    check(answer, "request_invalid")


@pytest.mark.parametrize("kind", ["recurring", "installment"])
async def test_an_agreement_needs_an_amount_above_zero(api: Api, kind: str) -> None:
    body = order(authentication_type=kind, installment={"number_of_payments": 2})
    check(await api.create(body, amount=0), "amount_invalid")
    del body["amount"]
    check(await api.create(body), "amount_required")


async def test_instalments_need_their_number(api: Api) -> None:
    check(await api.create(authentication_type="installment"), "installment_required")


async def test_a_hosted_session_cannot_be_for_an_app(api: Api) -> None:
    check(await api.create(completion=HOSTED, channel_data=APP), "hosted_not_supported_for_app")


async def test_a_hosted_session_cannot_be_merchant_initiated(api: Api) -> None:
    check(await api.create(completion=HOSTED, channel_data=MERCHANT), "channel_invalid")


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "request_required"),
        (b'{"source": ', "json_invalid"),
        (b"\xff\xfe", "json_invalid"),
        (b"[" * 100_000, "json_invalid"),
        (b'{"source":' * 400 + b"1" + b"}" * 400, "json_invalid"),
        (b"[]", "request_invalid"),
        (b"null", "request_invalid"),
    ],
)
async def test_a_body_that_is_no_json_object_is_refused(api: Api, raw: bytes, code: str) -> None:
    headers = {"Authorization": await api.bearer(), "Content-Type": "application/json"}
    check(await api.send("POST", "/sessions", data=raw, headers=headers), code)


async def test_a_body_of_another_type_is_refused(api: Api) -> None:
    headers = {"Authorization": await api.bearer(), "Content-Type": "text/plain"}
    check(await api.send("POST", "/sessions", data=b"{}", headers=headers), "content_type_invalid")


async def test_channel_data_are_validated_too(api: Api) -> None:
    session = await api.create()
    data = {name: value for name, value in BROWSER.items() if name != "language"} | {"timezone": None, "speed": 1}
    check(await api.collect(session.body["id"], data), "language_required", "timezone_invalid", "speed_invalid")
    check(await api.collect(session.body["id"], {}), "channel_required")


async def test_a_fingerprint_is_validated_too(api: Api) -> None:
    session = await api.create()
    check(await api.fingerprint(session.body["id"], "Yes"), "three_ds_method_completion_invalid")


async def test_an_unknown_channel_header_is_refused(api: Api) -> None:
    session = await api.create()
    check(await api.get(session.body["id"], channel="fax"), "channel_invalid")


async def test_a_refused_request_creates_nothing(api: Api) -> None:
    await api.create(amount=-1)

    assert len(api.sandbox.sessions) == 0


async def test_a_refused_update_changes_nothing(api: Api) -> None:
    session = await api.create()
    await api.collect(session.body["id"], {})

    assert api.sandbox.sessions[session.body["id"]].status == "pending"
