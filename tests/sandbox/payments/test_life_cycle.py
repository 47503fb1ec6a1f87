"""The life of a payment: its first answer, and every transition after it, seen in status, balances and actions."""

from __future__ import annotations

import pytest

from checkout_async.sandbox import Sandbox
from checkout_async.sandbox.core.clock import timestamp
from tests.sandbox.payments.support import TOKEN, PaymentsApi, order

DAY = 24 * 60 * 60


async def state(api: PaymentsApi, payment_id: str) -> tuple[str, list[int]]:
    """Status, and authorized, voided, captured, refunded."""
    body = await api.payment(payment_id)
    names = ("total_authorized", "total_voided", "total_captured", "total_refunded")
    return body["status"], [body["balances"][name] for name in names]


async def test_an_authorization_waits_for_its_capture(api: PaymentsApi) -> None:
    answer = await api.pay()
    body = answer.body

    assert (answer.status, body["status"], body["approved"]) == (201, "Authorized", True)
    assert (body["response_code"], body["response_summary"]) == ("10000", "Approved")
    assert body["balances"] == {
        "total_authorized": 6540,
        "total_voided": 0,
        "available_to_void": 6540,
        "total_captured": 0,
        "available_to_capture": 6540,
        "total_refunded": 0,
        "available_to_refund": 0,
    }


async def test_a_payment_is_captured_automatically_by_default(api: PaymentsApi) -> None:
    body = order()
    del body["capture"]
    answer = await api.pay(body)

    assert answer.body["status"] == "Authorized"
    assert await state(api, answer.body["id"]) == ("Captured", [6540, 0, 6540, 0])


async def test_a_capture_may_be_set_for_later(sandbox: Sandbox, api: PaymentsApi) -> None:
    tomorrow = timestamp(sandbox.clock.now() + DAY)
    payment_id = await api.paid(capture_on=tomorrow)
    before = await state(api, payment_id)
    await sandbox.advance(DAY)

    assert before == ("Authorized", [6540, 0, 0, 0])
    assert await state(api, payment_id) == ("Captured", [6540, 0, 6540, 0])


@pytest.mark.parametrize("amount", [{"amount": 0}, {}], ids=["zero", "none"])
async def test_without_an_amount_a_card_is_verified(api: PaymentsApi, amount: dict[str, int]) -> None:
    body = order()
    del body["amount"]
    answer = await api.pay(body | amount)
    actions = await api.actions(answer.body["id"])

    assert (answer.status, answer.body["status"], answer.body["amount"]) == (201, "Card Verified", 0)
    assert [(action["type"], action["amount"]) for action in actions] == [("Card Verification", 0)]


async def test_a_decline_is_a_payment_too(api: PaymentsApi) -> None:
    answer = await api.pay(order("insufficient_funds"))

    assert (answer.status, answer.body["status"], answer.body["approved"]) == (201, "Declined", False)
    assert (answer.body["response_code"], answer.body["auth_code"]) == ("20051", "000000")
    assert await state(api, answer.body["id"]) == ("Declined", [0, 0, 0, 0])


async def test_a_refused_card_is_replaced_by_the_fallback(api: PaymentsApi) -> None:
    fallback = order(scheme="mastercard")["source"]
    answer = await api.pay(order("stolen_card", fallback_source=fallback))
    actions = await api.actions(answer.body["id"])

    assert (answer.body["status"], answer.body["source"]["scheme"]) == ("Authorized", "Mastercard")
    assert answer.body["processing"]["fallback_source_used"] is True
    assert [(action["approved"], action["response_code"]) for action in actions] == [(True, "10000"), (False, "30043")]


async def test_a_fallback_may_be_refused_as_well(api: PaymentsApi) -> None:
    answer = await api.pay(order("stolen_card", fallback_source=order("lost_card")["source"]))

    assert (answer.body["status"], answer.body["response_code"]) == ("Declined", "30041")
    assert answer.body["processing"]["fallback_source_used"] is False


async def test_part_of_the_amount_is_approved_where_the_merchant_agrees(api: PaymentsApi) -> None:
    agreed = await api.pay(order("in_part", partial_authorization={"enabled": True}))
    not_agreed = await api.pay(order("in_part"))

    assert (agreed.body["amount"], agreed.body["amount_requested"], agreed.body["response_code"]) == (
        3270,
        6540,
        "10010",
    )
    assert await state(api, agreed.body["id"]) == ("Authorized", [3270, 0, 0, 0])
    assert (not_agreed.body["status"], not_agreed.body["response_code"]) == ("Declined", "20051")


async def test_an_increment_raises_the_authorization(api: PaymentsApi) -> None:
    payment_id = await api.paid(authorization_type="Estimated")
    answer = await api.act(payment_id, "authorizations", amount=460, reference="INC-1")

    assert (answer.status, answer.body["status"], answer.body["approved"]) == (201, "Authorized", True)
    assert (answer.body["amount"], answer.body["balances"]["total_authorized"]) == (460, 7000)
    assert await state(api, payment_id) == ("Authorized", [7000, 0, 0, 0])


async def test_a_refused_increment_changes_nothing(api: PaymentsApi) -> None:
    payment_id = await api.paid(authorization_type="Estimated")
    answer = await api.act(payment_id, "authorizations", amount=9235)

    assert (answer.status, answer.body["status"], answer.body["approved"]) == (201, "Declined", False)
    assert await state(api, payment_id) == ("Authorized", [6540, 0, 0, 0])


async def test_an_increment_of_zero_extends_the_validity(sandbox: Sandbox, api: PaymentsApi) -> None:
    payment_id = await api.paid(order(scheme="mastercard", authorization_type="Estimated"))
    before = await api.payment(payment_id)
    await sandbox.advance(DAY)
    answer = await api.act(payment_id, "authorizations", amount=0)

    assert answer.body["expires_on"] > before["expires_on"]
    assert (await api.payment(payment_id))["expires_on"] == answer.body["expires_on"]


async def test_captures_may_come_in_parts(api: PaymentsApi) -> None:
    payment_id = await api.paid()
    first = await api.act(payment_id, "captures", amount=1000, capture_type="NonFinal")
    after_first = await state(api, payment_id)
    second = await api.act(payment_id, "captures", amount=5540, capture_type="NonFinal")

    assert (first.status, second.status) == (202, 202)
    assert after_first == ("Partially Captured", [6540, 0, 1000, 0])
    assert await state(api, payment_id) == ("Captured", [6540, 0, 6540, 0])


async def test_a_final_capture_voids_what_remains(api: PaymentsApi) -> None:
    payment_id = await api.paid()
    await api.act(payment_id, "captures", amount=1000)

    assert await state(api, payment_id) == ("Captured", [6540, 5540, 1000, 0])
    assert {action["type"]: action["amount"] for action in await api.actions(payment_id)} == {
        "Void": 5540,
        "Capture": 1000,
        "Authorization": 6540,
    }


async def test_a_void_releases_an_authorization(api: PaymentsApi) -> None:
    payment_id = await api.paid()
    answer = await api.act(payment_id, "voids", reference="VOID-1")

    assert (answer.status, answer.body["reference"]) == (202, "VOID-1")
    assert await state(api, payment_id) == ("Voided", [6540, 6540, 0, 0])


async def test_a_void_releases_the_rest_of_a_partly_captured_payment(api: PaymentsApi) -> None:
    payment_id = await api.captured(1000)
    answer = await api.act(payment_id, "voids")

    assert answer.status == 202
    assert await state(api, payment_id) == ("Captured", [6540, 5540, 1000, 0])


async def test_an_authorization_expires_after_seven_days(sandbox: Sandbox, api: PaymentsApi) -> None:
    payment_id = await api.paid()
    await sandbox.advance(7 * DAY - 1)
    before = await state(api, payment_id)
    await sandbox.advance(1)

    assert before == ("Authorized", [6540, 0, 0, 0])
    assert await state(api, payment_id) == ("Expired", [6540, 6540, 0, 0])


async def test_the_rest_of_a_partly_captured_payment_lapses(sandbox: Sandbox, api: PaymentsApi) -> None:
    payment_id = await api.captured(1000)
    await sandbox.advance(7 * DAY)

    assert await state(api, payment_id) == ("Captured", [6540, 5540, 1000, 0])


@pytest.mark.parametrize("captured", [1000, 6540], ids=["partly captured", "captured"])
async def test_refunds_may_come_in_parts(api: PaymentsApi, captured: int) -> None:
    payment_id = await api.captured(captured)
    await api.act(payment_id, "refunds", amount=300)
    after_first = await state(api, payment_id)
    await api.act(payment_id, "refunds")

    assert after_first == ("Partially Refunded", [6540, 0, captured, 300])
    assert await state(api, payment_id) == ("Refunded", [6540, 0, captured, captured])


async def test_a_refund_may_name_its_capture(api: PaymentsApi) -> None:
    payment_id = await api.captured(1000)
    capture = await api.act(payment_id, "captures", amount=2000, capture_type="NonFinal")
    too_much = await api.act(payment_id, "refunds", amount=2001, capture_action_id=capture.body["action_id"])
    refund = await api.act(payment_id, "refunds", capture_action_id=capture.body["action_id"])
    again = await api.act(payment_id, "refunds", capture_action_id=capture.body["action_id"])

    assert (too_much.status, refund.status, again.status) == (422, 202, 422)
    assert await state(api, payment_id) == ("Partially Refunded", [6540, 0, 3000, 2000])


@pytest.mark.parametrize(
    ("captured", "refunded", "action", "status", "balances"),
    [
        (0, 0, "Void", "Voided", [6540, 6540, 0, 0]),
        (1000, 0, "Refund", "Refunded", [6540, 5540, 1000, 1000]),
        (6540, 0, "Refund", "Refunded", [6540, 0, 6540, 6540]),
        (6540, 500, "Refund", "Refunded", [6540, 0, 6540, 6540]),
        (1000, 500, "Refund", "Refunded", [6540, 5540, 1000, 1000]),
    ],
    ids=["authorized", "partly captured", "captured", "partly refunded", "partly captured and refunded"],
)
async def test_a_reversal_chooses_what_to_do(
    api: PaymentsApi, captured: int, refunded: int, action: str, status: str, balances: list[int]
) -> None:
    payment_id = await api.captured(captured) if captured else await api.paid()
    if refunded:
        await api.act(payment_id, "refunds", amount=refunded)
    answer = await api.act(payment_id, "reversals", reference="REV-1")

    assert (answer.status, answer.body["action_type"], answer.body["reference"]) == (202, action, "REV-1")
    assert await state(api, payment_id) == (status, balances)
    assert all(done["amount"] for done in await api.actions(payment_id))


async def test_actions_are_listed_newest_first(api: PaymentsApi) -> None:
    payment_id = await api.captured(1000, metadata={"udf1": "x"})
    await api.act(payment_id, "refunds", amount=300, reference="REF-1", metadata={"why": "broken"})
    actions = await api.actions(payment_id)

    assert [(action["type"], action["amount"]) for action in actions] == [
        ("Refund", 300),
        ("Capture", 1000),
        ("Authorization", 6540),
    ]
    assert (actions[0]["reference"], actions[0]["metadata"]) == ("REF-1", {"why": "broken"})
    assert (actions[2]["reference"], actions[2]["authorization_type"]) == ("ORD-5023-4E89", "Final")
    summaries = (await api.payment(payment_id))["actions"]
    assert [summary["id"] for summary in summaries] == [action["id"] for action in actions]


@pytest.mark.parametrize(
    ("scenario", "what", "code"),
    [("capture_declined", "captures", "30401"), ("void_declined", "voids", "20005")],
)
async def test_an_accepted_action_may_fail_later(api: PaymentsApi, scenario: str, what: str, code: str) -> None:
    payment_id = await api.paid(order(scenario))
    answer = await api.act(payment_id, what)
    newest = (await api.actions(payment_id))[0]

    assert answer.status == 202
    assert (newest["id"], newest["approved"], newest["response_code"]) == (answer.body["action_id"], False, code)
    assert await state(api, payment_id) == ("Authorized", [6540, 0, 0, 0])


async def test_a_final_capture_that_fails_voids_nothing(api: PaymentsApi) -> None:
    payment_id = await api.paid(order("capture_declined"))
    await api.act(payment_id, "captures", amount=1000)

    assert await state(api, payment_id) == ("Authorized", [6540, 0, 0, 0])


async def test_a_refund_may_fail_later(api: PaymentsApi) -> None:
    payment_id = await api.captured(6540, body=order("refund_declined"))
    await api.act(payment_id, "refunds")

    assert (await api.actions(payment_id))[0]["response_code"] == "50003"
    assert await state(api, payment_id) == ("Captured", [6540, 0, 6540, 0])


async def test_a_payment_reads_the_same_in_every_reply(sandbox: Sandbox, api: PaymentsApi) -> None:
    body = order(source=TOKEN, customer={"email": "jia@example.com", "name": "Jia Tsang"}, metadata={"a": "b"})
    created = (await api.pay(body)).body
    details = await api.payment(created["id"])
    shared = created.keys() & details.keys() - {"_links", "3ds"}

    assert {name: created[name] for name in shared} == {name: details[name] for name in shared}
    assert {"id", "amount", "source", "customer", "metadata", "eci", "scheme_id", "balances"} <= shared
    assert sandbox.payments[created["id"]].status == details["status"]
