"""Money the other way: payouts to bank accounts and cards, and refunds that belong to no payment."""

from __future__ import annotations

import pytest

from checkout_async.sandbox import Sandbox
from tests.sandbox.payments.support import HOLDER, TOKEN, PaymentsApi, card, payout, refund_without_payment
from tests.sandbox.support import Json

DAY = 24 * 60 * 60


async def test_a_payout_is_accepted_and_then_paid(api: PaymentsApi) -> None:
    answer = await api.pay(payout(amount=5000))
    body = await api.payment(answer.body["id"])
    actions = await api.actions(answer.body["id"])

    assert (answer.status, answer.body["status"], set(answer.links)) == (202, "Pending", {"self", "actions"})
    assert answer.body["destination"]["account_holder"]["id"].startswith("src_")
    assert answer.body["instruction"]["value_date"]
    assert (body["status"], body["approved"], body["amount"]) == ("Paid", True, 5000)
    assert (body["source"]["type"], body["destination"]["type"]) == ("currency_account", "bank_account")
    assert "balances" not in body
    assert [(action["type"], action["amount"], action["approved"]) for action in actions] == [("Payout", 5000, True)]


async def test_a_payout_may_be_refused(api: PaymentsApi) -> None:
    payment_id = (await api.pay(payout("payout_declined"))).body["id"]
    body = await api.payment(payment_id)

    assert (body["status"], body["approved"], body["response_code"]) == ("Declined", False, "50003")


async def test_a_payout_may_come_back(sandbox: Sandbox, api: PaymentsApi) -> None:
    payment_id = (await api.pay(payout("payout_returned"))).body["id"]
    before = (await api.payment(payment_id))["status"]
    await sandbox.advance(DAY)

    assert before == "Paid"
    assert (await api.payment(payment_id))["status"] == "Returned"
    assert [action["type"] for action in await api.actions(payment_id)] == ["Return", "Payout"]


@pytest.mark.parametrize(
    "destination",
    [
        {name: value for name, value in card().items() if name != "cvv"} | {"account_holder": HOLDER},
        TOKEN | {"account_holder": HOLDER},
        {"type": "id", "id": "src_" + 26 * "a"},
    ],
    ids=["card", "token", "id"],
)
async def test_a_payout_may_go_to_a_card(api: PaymentsApi, destination: Json) -> None:
    payment_id = (await api.pay(payout(destination=destination))).body["id"]
    body = await api.payment(payment_id)

    assert (body["status"], body["destination"]["type"], len(body["destination"]["last4"])) == ("Paid", "card", 4)
    assert "eci" not in body


async def test_a_payout_takes_its_amount_from_the_source_if_it_has_none(api: PaymentsApi) -> None:
    body = payout()
    del body["amount"]
    without = await api.pay(body)
    body["source"]["amount"] = 700
    answer = await api.pay(body)

    assert (without.status, without.codes) == (422, ["amount_required"])
    assert (await api.payment(answer.body["id"]))["amount"] == 700


async def test_a_refund_without_payment_is_accepted_and_then_paid(api: PaymentsApi) -> None:
    answer = await api.pay(refund_without_payment())

    assert (answer.status, answer.body["status"]) == (202, "Accepted")
    assert (await api.payment(answer.body["id"]))["status"] == "Paid"


async def test_a_refund_without_payment_may_be_rejected(api: PaymentsApi) -> None:
    answer = await api.pay(refund_without_payment("payout_declined"))
    body = await api.payment(answer.body["id"])

    assert (answer.status, answer.body["status"]) == (202, "Rejected")
    assert (body["status"], body["approved"], body["response_code"]) == ("Rejected", False, "50003")


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        (payout(currency="POUND"), ["currency_invalid"]),
        (payout(source={"type": "card"}), ["type_invalid"]),
        (payout(processing_channel_id=1), ["processing_channel_id_invalid"]),
        (payout(capture=True), ["capture_invalid"]),
        (refund_without_payment(payment_type="Regular"), ["payment_type_invalid"]),
        (refund_without_payment(amount=0), ["amount_invalid"]),
    ],
)
async def test_a_body_with_a_destination_is_held_to_the_rules_of_payouts(
    sandbox: Sandbox, api: PaymentsApi, body: Json, codes: list[str]
) -> None:
    answer = await api.pay(body)

    assert (answer.status, answer.codes) == (422, codes)
    assert len(sandbox.payments) == 0
