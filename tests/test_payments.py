"""Payments over real sockets, against the simulator: money moves once, amounts agree, errors are documented ones."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checkout_async import CheckoutClient, RetryPolicy, SecretKey, Timeouts, errors
from checkout_async.models import payments
from checkout_async.sandbox import SECRET_KEY, Sandbox, payment_card

QUICK = RetryPolicy(attempts=3, backoff=0, conflict_wait=0.05)


@pytest.fixture
async def checkout(sandbox: Sandbox) -> AsyncIterator[CheckoutClient]:
    async with sandbox.client(retry=QUICK) as client:
        yield client


def order(scenario: str = "approved", **members: Any) -> payments.PaymentRequest:
    source = payments.RequestCardSource(number=payment_card(scenario), expiry_month=1, expiry_year=2030, cvv="100")
    request = payments.PaymentRequest(source=source, amount=1000, currency="GBP", capture=False)
    for name, value in members.items():
        setattr(request, name, value)
    return request


class TestALife:
    async def test_a_payment_is_authorised_captured_and_refunded_in_parts(
        self, sandbox: Sandbox, checkout: CheckoutClient
    ) -> None:
        payment = await checkout.payments.request_payment(order())
        assert (payment.status, payment.approved) == (payments.PaymentStatus.AUTHORIZED, True)
        more = payments.CaptureType.NON_FINAL
        for amount in (300, 400):
            await checkout.payments.capture_payment(payment.id, {"amount": amount, "capture_type": more})
        await checkout.payments.refund_payment(payment.id, {"amount": 250})
        payment = await checkout.payments.get_payment(payment.id)
        assert payment.balances is not None
        assert (payment.balances.total_captured, payment.balances.total_refunded) == (700, 250)
        assert payment.balances.available_to_capture == 300
        assert payment.balances.available_to_refund == 450
        actions = await checkout.payments.get_payment_actions(payment.id)
        assert sorted((action.type or "", action.amount) for action in actions) == [
            ("Authorization", 1000),
            ("Capture", 300),
            ("Capture", 400),
            ("Refund", 250),
        ]

    async def test_without_a_body_all_of_it_is_meant(self, checkout: CheckoutClient) -> None:
        payment = await checkout.payments.request_payment(order())
        await checkout.payments.capture_payment(payment.id)
        assert (await checkout.payments.get_payment(payment.id)).status is payments.PaymentStatus.CAPTURED
        await checkout.payments.reverse_payment(payment.id)
        assert (await checkout.payments.get_payment(payment.id)).status is payments.PaymentStatus.REFUNDED

    async def test_a_declined_payment_is_a_result(self, checkout: CheckoutClient) -> None:
        payment = await checkout.payments.request_payment(order("insufficient_funds"))
        assert (payment.approved, payment.response_code) == (False, "20051")

    async def test_what_is_not_allowed_is_an_error_and_changes_nothing(self, checkout: CheckoutClient) -> None:
        payment = await checkout.payments.request_payment(order())
        before = await checkout.payments.get_payment(payment.id)
        with pytest.raises(errors.Forbidden):
            await checkout.payments.refund_payment(payment.id)
        with pytest.raises(errors.UnprocessableEntity):
            await checkout.payments.capture_payment(payment.id, {"amount": 1001})
        assert await checkout.payments.get_payment(payment.id) == before

    async def test_a_secret_key_does_as_well(self, sandbox: Sandbox) -> None:
        async with CheckoutClient(SecretKey(SECRET_KEY), base_url=sandbox.base_url) as checkout:
            assert (await checkout.payments.request_payment(order())).approved
        assert sandbox.count("request_access_token") == 0

    async def test_a_card_number_is_shown_by_nothing(self, checkout: CheckoutClient) -> None:
        request = order()
        assert payment_card("approved")[:12] not in repr(request)
        assert "cvv='***'" in repr(request)


class TestOneChargeForOneCall:
    @pytest.mark.parametrize("scenario", ["reply_lost", "bad_gateway"])
    async def test_a_payment_whose_reply_was_lost_is_made_once(
        self, sandbox: Sandbox, checkout: CheckoutClient, scenario: str
    ) -> None:
        payment = await checkout.payments.request_payment(order(scenario))
        assert payment.approved
        assert len(sandbox.payments) == 1
        assert sandbox.payments.total().total_authorized == 1000

    async def test_two_calls_are_two_payments_and_a_repeated_key_is_one(
        self, sandbox: Sandbox, checkout: CheckoutClient
    ) -> None:
        await checkout.payments.request_payment(order())
        await checkout.payments.request_payment(order())
        assert len(sandbox.payments) == 2
        first = await checkout.payments.request_payment(order(), idempotency_key="order 5023")
        again = await checkout.payments.request_payment(order(), idempotency_key="order 5023")
        assert again.id == first.id
        assert len(sandbox.payments) == 3

    async def test_another_body_under_the_same_key_charges_nothing(
        self, sandbox: Sandbox, checkout: CheckoutClient
    ) -> None:
        first = await checkout.payments.request_payment(order(), idempotency_key="order 5023")
        second = await checkout.payments.request_payment(order(amount=2000), idempotency_key="order 5023")
        assert second.id == first.id
        assert (len(sandbox.payments), len(sandbox.key_mismatches)) == (1, 1)

    async def test_a_key_in_flight_is_waited_out(self, sandbox: Sandbox, checkout: CheckoutClient) -> None:
        async with sandbox.hold("request_payment") as held:
            first = asyncio.create_task(checkout.payments.request_payment(order(), idempotency_key="k"))
            await held.arrived.wait()
            second = asyncio.create_task(checkout.payments.request_payment(order(), idempotency_key="k"))
            while not any(record.status == 409 for record in sandbox.requests):
                await asyncio.sleep(0.001)
        assert (await first).id == (await second).id
        assert len(sandbox.payments) == 1

    async def test_a_key_in_flight_beyond_the_deadline_is_a_conflict_that_carries_the_key(
        self, sandbox: Sandbox, checkout: CheckoutClient
    ) -> None:
        # A second attempt could begin just before the deadline, and end as one without a reply.
        patient = RetryPolicy(conflict_wait=60)
        async with sandbox.hold("request_payment") as held:
            first = asyncio.create_task(checkout.payments.request_payment(order(), idempotency_key="k"))
            await held.arrived.wait()
            with pytest.raises(errors.Conflict) as caught:
                await checkout.payments.request_payment(
                    order(), idempotency_key="k", timeout=Timeouts(total=30), retry=patient
                )
        assert caught.value.idempotency_key == "k"
        await first

    async def test_a_bad_key_is_refused_before_anything_is_sent(
        self, sandbox: Sandbox, checkout: CheckoutClient
    ) -> None:
        with pytest.raises(errors.InvalidRequest, match="idempotency_key"):
            await checkout.payments.request_payment(order(), idempotency_key="a\r\nHost: evil")
        assert len(sandbox.requests) == 0


class TestPages:
    async def test_all_payments_of_a_reference_lazily_newest_first(
        self, sandbox: Sandbox, checkout: CheckoutClient
    ) -> None:
        made = [(await checkout.payments.request_payment(order(reference="R"))).id for _ in range(7)]
        pages = checkout.payments.iterate_payments(reference="R", limit=3)
        assert sandbox.count("list_payments") == 0
        assert [payment.id async for payment in pages] == made[::-1]
        assert sandbox.count("list_payments") == 3

    async def test_only_as_many_as_wanted(self, sandbox: Sandbox, checkout: CheckoutClient) -> None:
        for _ in range(5):
            await checkout.payments.request_payment(order(reference="R"))
        found = [payment async for payment in checkout.payments.iterate_payments(reference="R", limit=2, max_items=3)]
        assert len(found) == 3
        assert sandbox.count("list_payments") == 2

    async def test_a_search_follows_its_links(self, sandbox: Sandbox, checkout: CheckoutClient) -> None:
        made = {(await checkout.payments.request_payment(order(reference="R"))).id for _ in range(5)}
        query: payments.PaymentSearchRequestDict = {"query": "reference:'R'", "limit": 2}
        found = [payment.id async for payment in checkout.payments.iterate_search_payments(query)]
        assert len(found) == 5
        assert set(found) == made
        assert sandbox.count("search_payments") == 3

    async def test_a_page_size_beyond_the_documented_one_is_refused_at_the_level_strict(
        self, sandbox: Sandbox, checkout: CheckoutClient
    ) -> None:
        with pytest.raises(errors.InvalidRequest, match="limit must be 100 or less"):
            await checkout.payments.list_payments(reference="R", limit=101, validate="strict")
        assert len(sandbox.requests) == 0


def example(name: str) -> ModuleType:
    path = Path(__file__).parent.parent / "examples" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def test_a_card_authenticated_with_sessions_pays_and_all_amounts_agree(
    sandbox: Sandbox, checkout: CheckoutClient
) -> None:
    story = example("authenticate_and_pay")
    session = await story.authenticate(checkout, sandbox)
    assert session.cryptogram
    payment = await story.pay(checkout, session)
    assert payment.approved
    await story.settle(checkout, payment.id)
    payment = await checkout.payments.get_payment(payment.id)
    actions = await checkout.payments.get_payment_actions(payment.id)
    ledger = sandbox.payments[payment.id]
    assert payment.amount == session.amount == story.AMOUNT == ledger.amount
    captured = sum(action.amount or 0 for action in actions if action.type == payments.PaymentActionType.CAPTURE)
    refunded = sum(action.amount or 0 for action in actions if action.type == payments.PaymentActionType.REFUND)
    assert payment.balances is not None
    assert (captured, refunded) == (5000, 1500)
    assert captured == payment.balances.total_captured == ledger.balances.total_captured
    assert refunded == payment.balances.total_refunded == ledger.balances.total_refunded


AMOUNTS = st.none() | st.integers(0, 1200)
STEPS = st.one_of(
    st.tuples(st.just("capture"), AMOUNTS, st.sampled_from(list(payments.CaptureType))),
    st.tuples(st.just("refund"), AMOUNTS, st.none()),
    st.tuples(st.just("increment"), AMOUNTS, st.none()),
    st.tuples(st.sampled_from(["void", "reverse", "cancel"]), st.none(), st.none()),
)
DOCUMENTED = (errors.Forbidden, errors.UnprocessableEntity)
SERIES: dict[str, Any] = {
    "payment_type": payments.PaymentType.RECURRING,
    "merchant_initiated": True,
    "previous_payment_id": "pay_" + "a" * 26,
    "retry": payments.RetryRequest(dunning=payments.DunningRetry(enabled=True)),
}
MADE: list[tuple[str, dict[str, Any]]] = [
    ("approved", {"authorization_type": payments.PaymentAuthorizationType.ESTIMATED}),
    ("approved", {"authorization_type": payments.PaymentAuthorizationType.FINAL}),
    ("approved", {"capture": True}),
    ("insufficient_funds", {}),
    ("insufficient_funds", SERIES),
    ("approved", {"three_ds": payments.ThreeDsRequest(enabled=True)}),
]


async def take(checkout: CheckoutClient, payment_id: str, step: tuple[str, int | None, Any]) -> None:
    """Take one step. A documented refusal is an ordinary answer."""
    name, amount, kind = step
    body: Any = {} if amount is None else {"amount": amount}
    calls = checkout.payments
    try:
        match name:
            case "capture":
                result: Any = await calls.capture_payment(payment_id, body | {"capture_type": kind})
            case "refund":
                result = await calls.refund_payment(payment_id, body or None)
            case "increment":
                result = await calls.increment_authorization(payment_id, body)
            case "void":
                result = await calls.void_payment(payment_id)
            case "reverse":
                result = await calls.reverse_payment(payment_id)
            case _:
                result = await calls.cancel_scheduled_retry(payment_id, {})
    except DOCUMENTED as error:
        assert error.error_codes
        return
    assert result.action_id


@pytest.mark.costly
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=st.lists(STEPS, max_size=8), made=st.sampled_from(MADE))
async def test_whatever_is_tried_balances_hold_and_every_answer_is_a_documented_one(
    steps: list[tuple[str, int | None, Any]], made: tuple[str, dict[str, Any]]
) -> None:
    async with Sandbox() as sandbox, sandbox.client(retry=QUICK) as checkout:
        scenario, members = made
        payment = await checkout.payments.request_payment(order(scenario, **members))
        for step in steps:
            await take(checkout, payment.id, step)
            found = (await checkout.payments.get_payment(payment.id)).balances
            assert found is not None
            authorized, voided = found.total_authorized or 0, found.total_voided or 0
            captured, refunded = found.total_captured or 0, found.total_refunded or 0
            assert 0 <= refunded <= captured <= authorized
            assert captured + voided <= authorized
            assert found.available_to_capture == found.available_to_void or not found.available_to_void
            assert 0 <= (found.available_to_capture or 0) <= authorized - captured - voided
            assert 0 <= (found.available_to_refund or 0) <= captured - refunded
