"""Scheduled retries: which declines start them, what each attempt brings, and how they end."""

from __future__ import annotations

import pytest

from checkout_async.sandbox import Sandbox
from tests.sandbox.payments.support import PaymentsApi, order
from tests.sandbox.support import Json

HOUR = 60 * 60
DAY = 24 * HOUR
SERIES: Json = {"merchant_initiated": True, "payment_type": "Recurring"}
DUNNING: Json = {"retry": {"dunning": {"enabled": True}}} | SERIES
DOWNTIME: Json = {"retry": {"downtime": {"enabled": True}}}


async def attempts(api: PaymentsApi, payment_id: str) -> list[str]:
    """Response codes of the authorizations, oldest first."""
    done = [action for action in await api.actions(payment_id) if action["type"] == "Authorization"]
    return [action["response_code"] for action in reversed(done)]


@pytest.mark.parametrize(
    ("scenario", "members"),
    [("insufficient_funds", DUNNING), ("timeout", DUNNING), ("timeout", DOWNTIME), ("malfunction", DOWNTIME)],
)
async def test_a_soft_decline_is_retried_where_asked_for(api: PaymentsApi, scenario: str, members: Json) -> None:
    answer = await api.pay(order(scenario) | members)

    assert (answer.status, answer.body["status"], answer.body["approved"]) == (201, "Retry Scheduled", False)
    assert (answer.body["retry"]["enabled"], answer.body["retry"]["max_attempts"]) == (True, 6)
    assert answer.links["cancel"]
    assert "enabled" not in (await api.payment(answer.body["id"]))["retry"]


@pytest.mark.parametrize(
    ("scenario", "members"),
    [
        ("insufficient_funds", SERIES),
        ("insufficient_funds", DOWNTIME),
        ("insufficient_funds", {"retry": {"dunning": {"enabled": True}}}),
        ("insufficient_funds", SERIES | {"retry": {"dunning": {"enabled": False}}}),
        ("stolen_card", DUNNING),
        ("risk", DUNNING),
    ],
    ids=["not asked for", "other kind", "customer present", "switched off", "hard decline", "risk"],
)
async def test_other_declines_are_final(api: PaymentsApi, scenario: str, members: Json) -> None:
    answer = await api.pay(order(scenario) | members)

    assert answer.body["status"] == "Declined"
    assert "retry" not in answer.body


async def test_a_retry_may_be_approved(sandbox: Sandbox, api: PaymentsApi) -> None:
    payment_id = (await api.pay(order("recovers") | DUNNING)).body["id"]
    await sandbox.advance(DAY)
    after_first = await api.payment(payment_id)
    await sandbox.advance(DAY)
    after_second = await api.payment(payment_id)

    assert (after_first["status"], after_first["retry"]["attempts_made"]) == ("Retry Scheduled", 1)
    assert (after_second["status"], after_second["approved"]) == ("Authorized", True)
    assert (after_second["retry"]["attempts_made"], "next_attempt_on" in after_second["retry"]) == (2, False)
    assert await attempts(api, payment_id) == ["20051", "20051", "10000"]


async def test_an_approved_retry_is_captured_where_the_payment_should_be(sandbox: Sandbox, api: PaymentsApi) -> None:
    payment_id = (await api.pay(order("comes_back", capture=True) | DOWNTIME)).body["id"]
    await sandbox.advance(HOUR)

    assert (await api.payment(payment_id))["status"] == "Captured"


async def test_a_hard_decline_ends_the_retries(sandbox: Sandbox, api: PaymentsApi) -> None:
    payment_id = (await api.pay(order("turns_hard") | DUNNING)).body["id"]
    await sandbox.advance(30 * DAY)

    assert (await api.payment(payment_id))["status"] == "Declined"
    assert await attempts(api, payment_id) == ["20051", "30043"]


@pytest.mark.parametrize(
    ("dunning", "expected"),
    [({"max_attempts": 2}, 3), ({"end_after_days": 1, "max_attempts": 15}, 2), ({}, 7)],
    ids=["attempts", "days", "defaults"],
)
async def test_attempts_and_days_are_limited(sandbox: Sandbox, api: PaymentsApi, dunning: Json, expected: int) -> None:
    members = DUNNING | {"retry": {"dunning": {"enabled": True} | dunning}}
    payment_id = (await api.pay(order("insufficient_funds") | members)).body["id"]
    await sandbox.advance(60 * DAY)

    assert (await api.payment(payment_id))["status"] == "Declined"
    assert len(await attempts(api, payment_id)) == expected


@pytest.mark.parametrize("how", ["cancellations", "reversals"])
async def test_retries_can_be_stopped(sandbox: Sandbox, api: PaymentsApi, how: str) -> None:
    payment_id = (await api.pay(order("recovers") | DUNNING)).body["id"]
    answer = await api.act(payment_id, how, reference="STOP-1")
    await sandbox.advance(30 * DAY)
    body = await api.payment(payment_id)

    assert (answer.status, answer.body["reference"]) == (202, "STOP-1")
    assert (body["status"], body["approved"], body["retry"]["attempts_made"]) == ("Canceled", False, 0)
    assert await attempts(api, payment_id) == ["20051"]
    stopped = (await api.actions(payment_id))[0]
    assert (stopped["id"], stopped["type"], stopped["amount"]) == (answer.body["action_id"], "Void", 0)
