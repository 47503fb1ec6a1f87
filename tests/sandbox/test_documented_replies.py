"""Every reply is one that the document describes, by a sweep: each scenario, in each state, through each operation.

The callers of the tests check each reply: its status, its members, their types, limits and enum values.
"""

from __future__ import annotations

import pytest

from checkout_async.sandbox import PAYMENT_SCENARIOS, SCENARIOS, SCHEMES, Sandbox
from tests.sandbox.payments.support import PaymentsApi, order, payout, refund_without_payment
from tests.sandbox.support import APP, BROWSER_WITH_METHOD, HOSTED, Api, Json, frozen_clock
from tests.sandbox.support import order as session_order

ACTIONS: list[tuple[str, Json]] = [
    ("authorizations", {"amount": 100}),
    ("captures", {"amount": 1000, "capture_type": "NonFinal"}),
    ("refunds", {"amount": 10}),
    ("voids", {}),
    ("reversals", {}),
    ("cancellations", {}),
]
CHANGES: list[Json] = [
    {},
    {"amount": 0},
    {"authorization_type": "Estimated", "partial_authorization": {"enabled": True}},
]
SOURCES: list[Json] = [
    {"type": "token", "token": "tok_ubfj2q76miwundwlk72vxt2i7q"},
    {"type": "id", "id": "src_ubfj2q76miwundwlk72vxt2i7q"},
    {"type": "network_token", "token": "4242424242424242", "token_type": "googlepay"}
    | {"expiry_month": 1, "expiry_year": 2099},
    {"type": "ideal"},
    {"type": "paypal"},
    {"type": "alipay_cn"},
    {"type": "klarna", "account_holder": {"billing_address": {"country": "GB"}}},
]


async def look_from_all_sides(api: PaymentsApi, payment_id: str) -> None:
    await api.payment(payment_id)
    await api.actions(payment_id)
    await api.search(f"id:'{payment_id}'")


async def send_all_actions(api: PaymentsApi, payment_id: str) -> None:
    for what, body in ACTIONS:
        await api.act(payment_id, what, body)
    await look_from_all_sides(api, payment_id)


@pytest.mark.costly
@pytest.mark.parametrize("scheme", SCHEMES)
async def test_sessions_of_every_scenario(scheme: str) -> None:
    async with Sandbox(clock=frozen_clock(), token_lifetime=10**9) as sandbox, Api(sandbox) as api:
        for scenario in SCENARIOS:
            for data in (BROWSER_WITH_METHOD, APP):
                created = await api.create(session_order(scenario.name, scheme=scheme))
                if created.status == 202:
                    session_id = created.body["id"]
                    await api.fingerprint(session_id)
                    await api.collect(session_id, data)
                    await api.get(session_id)
                    await sandbox.advance(10)
                    await api.get(session_id)
                    await api.complete(session_id)
            hosted = await api.create(session_order(scenario.name, scheme=scheme, completion=HOSTED))
            if hosted.status == 202:
                await sandbox.advance(31 * 60)
                await api.get(hosted.body["id"])

    assert {record.status for record in sandbox.requests} <= {200, 201, 202, 204, 400, 403, 409, 422, 500, 502, 503}


@pytest.mark.costly
@pytest.mark.parametrize("scheme", SCHEMES)
async def test_payments_of_every_scenario(scheme: str) -> None:
    async with Sandbox(clock=frozen_clock()) as sandbox, PaymentsApi(sandbox) as api:
        for scenario in PAYMENT_SCENARIOS:
            if scenario.reply_lost:
                continue
            for changes in CHANGES:
                body = order(scenario.name, scheme=scheme, customer={"email": "jia@shop.example"}, **changes)
                answer = await api.pay(body)
                if answer.status in {201, 202}:
                    await send_all_actions(api, answer.body["id"])
            answer = await api.pay(order(scenario.name, scheme=scheme, three_ds={"enabled": True, "attempt_n3d": True}))
            if answer.status == 202:
                await look_from_all_sides(api, answer.body["id"])
                await sandbox.customer.approve(answer.body["id"])
                await send_all_actions(api, answer.body["id"])

    assert {record.status for record in sandbox.requests} <= {200, 201, 202, 403, 404, 422, 429, 502}


@pytest.mark.costly
async def test_payments_with_other_sources_and_payouts() -> None:
    async with Sandbox(clock=frozen_clock()) as sandbox, PaymentsApi(sandbox) as api:
        for scenario in PAYMENT_SCENARIOS:
            if not scenario.reply_lost:
                for body in (payout(scenario.name), refund_without_payment(scenario.name)):
                    answer = await api.pay(body)
                    if answer.status == 202:
                        await look_from_all_sides(api, answer.body["id"])
        for source in SOURCES:
            answer = await api.pay(order(source=source))
            await look_from_all_sides(api, answer.body["id"])
            if answer.status == 202:
                await sandbox.customer.approve(answer.body["id"])
            await send_all_actions(api, answer.body["id"])
        await sandbox.advance(8 * 24 * 3600)
        for payment_id in sandbox.payments:
            await look_from_all_sides(api, payment_id)

    assert 501 not in {record.status for record in sandbox.requests}
