"""Same seed, same payment requests, same values."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from checkout_async.sandbox import Sandbox, SandboxClock
from tests.sandbox.payments.support import PaymentsApi, order
from tests.sandbox.support import Json

START = datetime(2030, 1, 1, 12, tzinfo=UTC)


async def run(seed: int, amounts: list[int]) -> dict[int, Json]:
    """Pay and capture each amount; gives the payments by amount, links apart."""
    async with Sandbox(seed=seed, clock=SandboxClock(START, frozen=True)) as sandbox, PaymentsApi(sandbox) as api:
        identifiers = await asyncio.gather(*(api.paid(order(amount=amount)) for amount in amounts))
        await asyncio.gather(*(api.act(payment_id, "captures") for payment_id in identifiers))
        payments = [await api.payment(payment_id) for payment_id in identifiers]
    return {payment["amount"]: payment | {"_links": None} for payment in payments}


async def test_the_same_requests_give_the_same_payments_in_any_order() -> None:
    assert await run(7, [10, 20, 30]) == await run(7, [30, 10, 20])


async def test_another_seed_gives_other_identifiers() -> None:
    first, second = await run(1, [10]), await run(2, [10])

    assert first[10]["id"] != second[10]["id"]
    assert first[10]["actions"][0]["id"] != second[10]["actions"][0]["id"]


async def test_dates_are_those_of_the_clock() -> None:
    payment = (await run(0, [10]))[10]

    assert payment["requested_on"] == payment["processed_on"] == "2030-01-01T12:00:00Z"
    assert payment["expires_on"] == "2030-01-08T12:00:00Z"
