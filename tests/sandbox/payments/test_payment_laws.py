"""The same laws as the ledger's, through the operations: any calls in any order, with time passing in between."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkout_async.sandbox import Sandbox
from tests.sandbox.payments.support import PaymentsApi, order
from tests.sandbox.support import Json, frozen_clock

AMOUNT = 1000
DAY = 24 * 60 * 60
Step = tuple[str, Json]

amounts = st.one_of(st.just(0), st.integers(1, 2 * AMOUNT), st.sampled_from([1, AMOUNT // 2, AMOUNT, 9_999_999_999]))
optional_amount = st.fixed_dictionaries({}, optional={"amount": amounts})
captures = st.fixed_dictionaries(
    {}, optional={"amount": amounts, "capture_type": st.sampled_from(["Final", "NonFinal", "NonFinal"])}
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("captures"), captures),
        st.tuples(st.just("refunds"), optional_amount),
        st.tuples(st.just("authorizations"), st.fixed_dictionaries({"amount": amounts})),
        st.tuples(st.sampled_from(["voids", "reversals"]), st.just({})),
        st.tuples(st.just("cancellations"), st.just({"reference": "STOP-1"})),
        st.tuples(st.just("wait"), st.fixed_dictionaries({"seconds": st.sampled_from([1, 30, DAY, 7 * DAY])})),
    ),
    max_size=8,
)


def request(scenario: str, scheme: str, changes: Json) -> Json:
    """A payment, in a series with retries where the merchant initiates it."""
    series: Json = {"payment_type": "Recurring", "retry": {"dunning": {"enabled": True, "max_attempts": 2}}}
    body: Json = order(scenario, scheme=scheme, amount=AMOUNT)
    return body | changes | (series if "merchant_initiated" in changes else {})


orders = st.builds(
    request,
    st.sampled_from(["approved", "approved", "insufficient_funds", "recovers", "refund_declined", "void_declined"]),
    st.sampled_from(["visa", "mastercard", "discover"]),
    st.fixed_dictionaries(
        {},
        optional={
            "capture": st.booleans(),
            "authorization_type": st.just("Estimated"),
            "merchant_initiated": st.just(True),
        },
    ),
)


def check(payment: Json, actions: list[Json]) -> None:
    """Hold a payment, as it is shown, to the laws of balances."""
    totals: Counter[str] = Counter()
    for action in actions:
        totals[action["type"]] += action["amount"] if action["approved"] else 0
    balances = payment["balances"]
    authorized, captured = balances["total_authorized"], balances["total_captured"]

    assert [totals[kind] for kind in ("Authorization", "Void", "Capture", "Refund")] == [
        balances[f"total_{name}"] for name in ("authorized", "voided", "captured", "refunded")
    ]
    assert 0 <= balances["total_refunded"] <= captured <= authorized
    assert authorized == balances["total_voided"] + captured + balances["available_to_capture"]
    assert captured == balances["total_refunded"] + balances["available_to_refund"]
    assert balances["available_to_void"] in {0, balances["available_to_capture"]}
    assert min(balances.values()) >= 0


async def play(body: Json, script: list[Step], delay: float) -> None:
    async with Sandbox(clock=frozen_clock(), payment_delay=delay) as sandbox, PaymentsApi(sandbox) as api:
        payment_id = (await api.pay(body)).body["id"]
        for what, members in script:
            before = await api.payment(payment_id)
            if what == "wait":
                await sandbox.advance(members["seconds"])
            else:
                answer = await api.act(payment_id, what, members)
                if answer.status not in {201, 202}:
                    assert await api.payment(payment_id) == before
            check(await api.payment(payment_id), await api.actions(payment_id))


@pytest.mark.costly
@settings(max_examples=40, deadline=None)
@given(orders, steps, st.sampled_from([0.0, 60.0]))
def test_balances_agree_with_actions_whatever_is_called(body: Json, script: list[Step], delay: float) -> None:
    asyncio.run(play(body, script, delay))
