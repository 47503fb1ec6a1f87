"""Asynchronous operations with a delay: accepted at once, in effect later, and never overtaken by another one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from checkout_async.sandbox import Sandbox
from tests.sandbox.payments.support import PaymentsApi, order, payout
from tests.sandbox.support import frozen_clock

DELAY = 60


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(clock=frozen_clock(), payment_delay=DELAY) as running:
        yield running


async def test_a_capture_shows_once_it_is_in_effect(sandbox: Sandbox, api: PaymentsApi) -> None:
    payment_id = await api.paid()
    answer = await api.act(payment_id, "captures")
    at_once, actions_at_once = await api.payment(payment_id), await api.actions(payment_id)
    await sandbox.advance(DELAY)
    later, actions_later = await api.payment(payment_id), await api.actions(payment_id)

    assert answer.status == 202
    assert (at_once["status"], at_once["balances"]["total_captured"], len(actions_at_once)) == ("Authorized", 0, 1)
    assert (later["status"], later["balances"]["total_captured"]) == ("Captured", 6540)
    assert actions_later[0]["id"] == answer.body["action_id"]


async def test_what_is_accepted_cannot_be_taken_twice(api: PaymentsApi) -> None:
    payment_id = await api.paid()
    first = await api.act(payment_id, "captures", amount=6000, capture_type="NonFinal")
    too_much = await api.act(payment_id, "captures", amount=1000)
    rest = await api.act(payment_id, "captures", amount=540)
    again = await api.act(payment_id, "captures")

    assert [first.status, too_much.status, rest.status, again.status] == [202, 422, 202, 200]


async def test_a_payment_under_way_to_its_void_cannot_be_captured(api: PaymentsApi) -> None:
    payment_id = await api.paid()
    await api.act(payment_id, "voids")

    assert (await api.act(payment_id, "captures")).status == 403


async def test_a_capture_by_itself_can_still_be_forestalled(sandbox: Sandbox, api: PaymentsApi) -> None:
    payment_id = await api.paid(order(capture=True))
    answer = await api.act(payment_id, "voids")
    await sandbox.advance(DELAY)

    assert answer.status == 202
    assert (await api.payment(payment_id))["status"] == "Voided"


async def test_a_cancelled_retry_does_not_come_in_between(sandbox: Sandbox, api: PaymentsApi) -> None:
    retry = {"dunning": {"enabled": True}}
    body = order("recovers", merchant_initiated=True, payment_type="Recurring", retry=retry)
    payment_id = (await api.pay(body)).body["id"]
    await sandbox.advance(24 * 60 * 60 - DELAY / 2)
    await api.act(payment_id, "cancellations", reference="STOP-1")
    at_once = (await api.payment(payment_id))["status"]
    await sandbox.advance(DELAY)

    assert at_once == "Retry Scheduled"
    assert (await api.payment(payment_id))["status"] == "Canceled"


async def test_a_payout_is_pending_until_it_arrives(sandbox: Sandbox, api: PaymentsApi) -> None:
    payment_id = (await api.pay(payout())).body["id"]
    at_once = await api.payment(payment_id)
    await sandbox.advance(DELAY)

    assert (at_once["status"], "approved" in at_once) == ("Pending", False)
    assert (await api.payment(payment_id))["status"] == "Paid"


async def test_time_passes_in_order_however_far_the_clock_jumps(sandbox: Sandbox, api: PaymentsApi) -> None:
    payment_id = await api.paid(order(capture=True))
    await sandbox.advance(30 * 24 * 60 * 60)

    assert (await api.payment(payment_id))["status"] == "Captured"
