"""Idempotency keys: one effect however often a request is repeated, and what happens to keys used wrongly."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from checkout_async.sandbox import Sandbox
from tests.sandbox.payments.support import KEY, PaymentsApi, order, payout
from tests.sandbox.support import Json

DAY = 24 * 60 * 60
ACTIONS: list[tuple[str, Json]] = [
    ("authorizations", {"amount": 1}),
    ("captures", {"amount": 10, "capture_type": "NonFinal"}),
    ("voids", {}),
    ("reversals", {"reference": "REV-1"}),
]


@pytest.mark.parametrize("body", [order(), order("insufficient_funds"), order(source={"type": "ideal"}), payout()])
async def test_a_repeated_request_gets_the_same_reply_and_no_second_effect(
    sandbox: Sandbox, api: PaymentsApi, body: Json
) -> None:
    first = await api.pay(body, key="k-1")
    again = await api.pay(body, key="k-1")

    assert (again.status, again.body) == (first.status, first.body)
    assert again.headers["Cko-Request-Id"] != first.headers["Cko-Request-Id"]
    assert len(sandbox.payments) == 1


@pytest.mark.parametrize(("what", "body"), ACTIONS, ids=lambda value: value if isinstance(value, str) else "")
async def test_a_repeated_action_happens_once(api: PaymentsApi, what: str, body: Json) -> None:
    payment_id = await api.paid(authorization_type="Estimated")
    first = await api.act(payment_id, what, body, key="k-1")
    again = await api.act(payment_id, what, body, key="k-1")

    assert (again.status, again.body) == (first.status, first.body)
    assert len(await api.actions(payment_id)) == 2


async def test_a_reply_is_repeated_even_when_the_payment_has_moved_on(api: PaymentsApi) -> None:
    payment_id = await api.captured()
    first = await api.act(payment_id, "refunds", amount=100, key="k-1")
    await api.act(payment_id, "refunds")
    again = await api.act(payment_id, "refunds", amount=100, key="k-1")

    assert (again.status, again.body) == (first.status, first.body) == (202, again.body)


async def test_without_a_key_equal_requests_are_two_payments(sandbox: Sandbox, api: PaymentsApi) -> None:
    first, second = await api.pay(), await api.pay()

    assert first.body["id"] != second.body["id"]
    assert len(sandbox.payments) == 2


async def test_a_key_belongs_to_its_endpoint(api: PaymentsApi) -> None:
    first, second = await api.paid(key="k-1"), await api.paid(reference="other")
    captures = [(await api.act(payment_id, "captures", key="k-1")).status for payment_id in (first, second)]

    assert captures == [202, 202]


async def test_the_same_key_with_another_body_gets_the_first_reply_and_is_on_record(
    sandbox: Sandbox, api: PaymentsApi
) -> None:
    first = await api.pay(key="k-1")
    answer = await api.pay(amount=1, key="k-1")

    assert (answer.status, answer.body) == (first.status, first.body)
    assert [(record.replayed, record.key_mismatch) for record in sandbox.requests] == [(False, False), (True, True)]
    assert sandbox.key_mismatches == (sandbox.requests[-1],)
    assert len(sandbox.payments) == 1


async def test_a_repetition_is_on_record_and_is_not_a_mismatch(sandbox: Sandbox, api: PaymentsApi) -> None:
    await api.pay(key="k-1")
    await api.pay(key="k-1")

    assert [(record.replayed, record.key_mismatch) for record in sandbox.requests] == [(False, False), (True, False)]
    assert sandbox.key_mismatches == ()


async def test_the_same_key_with_another_body_is_refused_if_that_is_wanted() -> None:
    async with Sandbox(refuse_reused_keys=True) as sandbox, PaymentsApi(sandbox) as api:
        await api.pay(key="k-1")
        answer = await api.pay(amount=1, key="k-1")

    assert (answer.status, answer.codes) == (422, ["idempotency_key_reused"])
    assert len(sandbox.payments) == len(sandbox.key_mismatches) == 1


async def test_another_body_waits_for_the_key_like_the_same_one(sandbox: Sandbox, api: PaymentsApi) -> None:
    async with sandbox.hold("request_payment") as held:
        first = asyncio.create_task(api.pay(key="k-1"))
        await held.arrived.wait()
        second = await api.pay(amount=1, key="k-1")
    await first

    assert (second.status, len(sandbox.key_mismatches)) == (409, 1)


async def test_the_order_of_members_does_not_make_another_body(sandbox: Sandbox, api: PaymentsApi) -> None:
    await api.pay(key="k-1")
    answer = await api.pay(dict(reversed(order().items())), key="k-1")

    assert answer.status == 201
    assert len(sandbox.payments) == 1


async def test_a_refused_request_is_processed_again(api: PaymentsApi) -> None:
    payment_id = await api.paid()
    refused = await api.act(payment_id, "refunds", key="k-1")
    await api.act(payment_id, "captures")
    accepted = await api.act(payment_id, "refunds", key="k-1")

    assert (refused.status, accepted.status) == (403, 202)


@pytest.mark.parametrize("scenario", ["bad_gateway", "too_many"])
async def test_a_request_that_went_wrong_is_processed_again(sandbox: Sandbox, api: PaymentsApi, scenario: str) -> None:
    await api.pay(order(scenario), key="k-1")
    second = await api.pay(order(scenario), key="k-1")
    third = await api.pay(order(scenario), key="k-1")

    assert (second.status, third.body) == (201, second.body)
    assert len(sandbox.payments) == 1


async def lose_a_reply(api: PaymentsApi, body: Json, **headers: str) -> None:
    with pytest.raises(aiohttp.ClientError):
        await api.send("POST", "/payments", json=body, headers={"Authorization": KEY} | headers)


async def test_a_lost_reply_is_had_by_repeating_the_key(sandbox: Sandbox, api: PaymentsApi) -> None:
    await lose_a_reply(api, order("reply_lost"), **{"Cko-Idempotency-Key": "k-1"})
    answer = await api.pay(order("reply_lost"), key="k-1")

    assert list(sandbox.payments) == [answer.body["id"]]


async def test_a_lost_reply_without_a_key_is_paid_twice(sandbox: Sandbox, api: PaymentsApi) -> None:
    await lose_a_reply(api, order("reply_lost"))
    await api.pay(order("reply_lost"))

    assert len(sandbox.payments) == 2


@pytest.mark.parametrize("body", [order(), order(amount=1)], ids=["same body", "another body"])
async def test_a_key_in_use_is_a_conflict(sandbox: Sandbox, api: PaymentsApi, body: Json) -> None:
    async with sandbox.hold("request_payment") as held:
        first = asyncio.create_task(api.pay(key="k-1"))
        await held.arrived.wait()
        meanwhile = await api.pay(key="k-1")
        other = asyncio.create_task(api.pay(body, key="k-2"))
    answers = await asyncio.gather(first, other)
    after = await api.pay(key="k-1")

    assert meanwhile.status == 409
    assert [answer.status for answer in answers] == [201, 201]
    assert after.body == answers[0].body
    assert len(sandbox.payments) == 2


async def test_a_request_whose_caller_went_away_is_finished_once(sandbox: Sandbox, api: PaymentsApi) -> None:
    async with sandbox.hold("request_payment") as held:
        first = asyncio.create_task(api.pay(key="k-1"))
        await held.arrived.wait()
        first.cancel()
    answer = await api.pay(key="k-1")

    assert answer.status == 201
    assert len(sandbox.payments) == 1


async def test_a_key_is_kept_for_a_day(sandbox: Sandbox, api: PaymentsApi) -> None:
    first = await api.pay(key="k-1")
    await sandbox.advance(DAY - 1)
    before = await api.pay(key="k-1")
    await sandbox.advance(1)
    after = await api.pay(key="k-1")

    assert before.body == first.body
    assert after.body["id"] != first.body["id"]


async def test_an_empty_key_counts_as_none(sandbox: Sandbox, api: PaymentsApi) -> None:
    first, second = await api.pay(key=""), await api.pay(key="")

    assert (first.status, second.status, len(sandbox.payments)) == (201, 201, 2)


async def test_a_repetition_needs_credentials_like_any_request(api: PaymentsApi) -> None:
    await api.pay(key="k-1")
    answer = await api.post("/payments", order(), auth="Bearer nobody", key="k-1")

    assert answer.status == 401


async def test_a_search_has_no_key(api: PaymentsApi) -> None:
    first = await api.post("/payments/search", {}, key="k-1")
    await api.pay()
    again = await api.post("/payments/search", {}, key="k-1")

    assert (len(first.body["data"]), len(again.body["data"])) == (0, 1)


async def test_only_a_payment_operation_is_held_up_and_once(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="request_session is not a payment operation"):
        sandbox.hold("request_session")
    async with sandbox.hold("request_payment"):
        with pytest.raises(ValueError, match="request_payment is held up already"):
            async with sandbox.hold("request_payment"):
                pass
