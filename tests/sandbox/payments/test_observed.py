"""What the API was observed to do where its documents say otherwise or nothing."""

from __future__ import annotations

import pytest

from checkout_async.sandbox import Sandbox
from tests.sandbox.payments.support import PaymentsApi, card, order
from tests.sandbox.support import BROWSER_WITH_METHOD, Json
from tests.sandbox.support import order as session_order

UNPADDED = "AgAAAAAAAIR8CQrXcIhbQAAAAAA"


def network_token(token: str = "4242424242424242", **changes: object) -> Json:
    source: Json = {"type": "network_token", "token": token, "expiry_month": 10, "expiry_year": 2099}
    return source | {"token_type": "vts", "cryptogram": UNPADDED, "eci": "05"} | changes


async def test_a_cryptogram_needs_no_padding(api: PaymentsApi) -> None:
    proof = {
        "enabled": True,
        "eci": "05",
        "cryptogram": UNPADDED,
        "xid": "MDAwMDAwMDAwMDAwMDAwMzIyNzY",
        "version": "2.0.1",
    }
    answer = await api.pay(order(three_ds=proof))

    assert (answer.status, answer.body["status"]) == (201, "Authorized")


async def test_a_session_is_found_by_its_cryptogram_without_padding(sandbox: Sandbox, api: PaymentsApi) -> None:
    session = (await api.create(session_order(amount=6540, channel_data=BROWSER_WITH_METHOD))).body
    proof = {"enabled": True, "eci": session["eci"], "cryptogram": session["cryptogram"].rstrip("=")}
    answer = await api.pay(order(source=session_order()["source"], three_ds=proof))
    too_much = await api.pay(order(source=session_order()["source"], three_ds=proof, amount=6541))

    assert answer.body["status"] == "Authorized"
    assert too_much.body["status"] == "Declined"  # so it was found: the session is for less


async def test_a_cryptogram_of_another_length_is_declined(api: PaymentsApi) -> None:
    answer = await api.pay(order(three_ds={"enabled": True, "eci": "05", "cryptogram": UNPADDED[:-3]}))

    assert answer.body["status"] == "Declined"


async def test_empty_texts_in_3ds_are_not_an_authentication_result(api: PaymentsApi) -> None:
    empty = {"enabled": True, "attempt_n3d": False, "eci": "", "cryptogram": "", "xid": "", "version": "2.0.1"}
    answer = await api.pay(order(three_ds=empty))

    assert (answer.status, answer.body["status"]) == (202, "Pending")


@pytest.mark.parametrize(
    "source",
    [
        network_token("5436031030606378", token_type="googlepay", eci=None),
        network_token(token_type="googlepay", eci=None, cryptogram=None),
    ],
    ids=["Mastercard without eci", "PAN_ONLY without both"],
)
async def test_google_pay_needs_neither_eci_nor_cryptogram(api: PaymentsApi, source: Json) -> None:
    answer = await api.pay(order(source={name: value for name, value in source.items() if value is not None}))

    assert (answer.status, answer.body["status"]) == (201, "Authorized")


async def test_other_network_tokens_need_both(api: PaymentsApi) -> None:
    source = network_token()
    del source["eci"], source["cryptogram"]
    answer = await api.pay(order(source=source))

    assert (answer.status, answer.codes) == (422, ["cryptogram_required", "eci_required"])


async def test_a_network_token_has_a_payment_account_reference(api: PaymentsApi) -> None:
    first, again = await api.pay(order(source=network_token())), await api.pay(order(source=network_token()))
    other = await api.pay(order(source=network_token("5436031030606378", token_type="mdes", eci="02")))
    references = [answer.body["source"]["payment_account_reference"] for answer in (first, again, other)]

    assert len(references[0]) == 29
    assert references[0] == references[1] != references[2]
    assert "payment_account_reference" not in (await api.pay(order())).body["source"]


async def test_an_automatic_capture_carries_the_payments_reference(api: PaymentsApi) -> None:
    payment_id = await api.paid(capture=True, reference="ORD-7")
    actions = await api.actions(payment_id)

    assert [(action["type"], action["reference"]) for action in actions] == [
        ("Capture", "ORD-7"),
        ("Authorization", "ORD-7"),
    ]


async def test_an_expired_card_is_a_processing_error(sandbox: Sandbox, api: PaymentsApi) -> None:
    answer = await api.pay(order(source=card(expiry_year=2020)))

    assert (answer.status, answer.body["error_type"], answer.codes) == (422, "processing_error", ["card_expired"])
    assert len(sandbox.payments) == 0


@pytest.mark.parametrize("method", ["alipay_cn", "alipay_hk", "gcash", "kakaopay"])
async def test_alipay_plus_needs_a_reference(api: PaymentsApi, method: str) -> None:
    body = order(source={"type": method})
    taken = await api.pay(body)
    del body["reference"]
    refused = await api.pay(body)

    assert taken.status == 202
    assert (refused.status, refused.body["error_type"], refused.codes) == (
        422,
        "invalid_request",
        ["reference_invalid"],
    )
