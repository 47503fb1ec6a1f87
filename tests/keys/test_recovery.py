"""From an error in doubt to the payment that it may have made: found, not there, several, and without guessing."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from checkout_async import CheckoutClient, RetryPolicy, errors, recovery
from checkout_async.models import payments
from checkout_async.recovery import find_actions, find_payments
from checkout_async.sandbox import Fault, Sandbox
from tests.keys.till import REFERENCE, order


@pytest.fixture
async def checkout(sandbox: Sandbox) -> AsyncIterator[CheckoutClient]:
    async with sandbox.client(retry=RetryPolicy(attempts=1)) as client:
        yield client


async def failed(sandbox: Sandbox, checkout: CheckoutClient, fault: Fault) -> errors.CheckoutError:
    """Request a payment that meets a fault."""
    sandbox.faults.add("request_payment", fault, times=1)
    with pytest.raises(errors.CheckoutError) as caught:
        await checkout.payments.request_payment(order())
    return caught.value


@pytest.mark.parametrize("fault", [Fault.LOST_REPLY, Fault.RESET_IN_BODY, Fault.NOT_JSON])
async def test_a_payment_whose_reply_was_lost_is_found(
    sandbox: Sandbox, checkout: CheckoutClient, fault: Fault
) -> None:
    error = await failed(sandbox, checkout, fault)
    (made,) = sandbox.payments
    (found,) = await find_payments(checkout, error, reference=REFERENCE)
    assert (found.id, found.reference, found.amount) == (made, REFERENCE, 6540)
    # A pickled error has lost its key, but not the time at which the call began.
    assert await find_payments(checkout, pickle.loads(pickle.dumps(error)), reference=REFERENCE) == [found]


async def test_a_request_that_never_arrived_made_none(sandbox: Sandbox, checkout: CheckoutClient) -> None:
    error = await failed(sandbox, checkout, Fault.RESET)
    assert error.may_have_been_done
    assert await find_payments(checkout, error, reference=REFERENCE) == []
    assert sandbox.count("list_payments") == 1


async def test_the_payment_of_an_earlier_call_with_the_same_key_is_found(
    sandbox: Sandbox, checkout: CheckoutClient
) -> None:
    first = await failed(sandbox, checkout, Fault.LOST_REPLY)
    (made,) = sandbox.payments
    sandbox.faults.add("request_payment", Fault.RATE_LIMITED)
    with pytest.raises(errors.RateLimited) as caught:
        await checkout.payments.request_payment(order(), idempotency_key=first.idempotency_key)
    # It speaks of the second call, which did nothing.
    (found,) = await find_payments(checkout, caught.value, reference=REFERENCE)
    assert found.id == made


async def test_all_that_fit_are_returned_and_none_from_before_the_call(
    sandbox: Sandbox, checkout: CheckoutClient
) -> None:
    await checkout.payments.request_payment(order())
    sandbox.clock.advance(3600)
    first = await checkout.payments.request_payment(order())
    error = await failed(sandbox, checkout, Fault.LOST_REPLY)
    newest, *_ = reversed(list(sandbox.payments))
    since = datetime.now(UTC) + timedelta(minutes=30)
    found = await find_payments(checkout, error, reference=REFERENCE, since=since)
    assert {payment.id for payment in found} == {newest, first.id}
    assert len(await find_payments(checkout, error, reference=REFERENCE)) == 3


async def test_what_was_requested_longer_before_the_call_than_clocks_differ_does_not_fit(
    sandbox: Sandbox, checkout: CheckoutClient
) -> None:
    await checkout.payments.request_payment(order())
    error = await failed(sandbox, checkout, Fault.RESET)
    assert error.key_expires_at is not None
    error.key_expires_at += timedelta(minutes=4)
    assert len(await find_payments(checkout, error, reference=REFERENCE)) == 1
    error.key_expires_at += timedelta(minutes=2)
    assert await find_payments(checkout, error, reference=REFERENCE) == []


async def test_a_clock_that_is_ahead_of_that_of_the_api_hides_nothing(
    sandbox: Sandbox, checkout: CheckoutClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else "not found" would make the shop pay again."""
    payment = await checkout.payments.request_payment(order())
    sandbox.faults.add("refund_payment", Fault.LOST_REPLY, times=1)
    with pytest.raises(errors.OutcomeUnknown) as caught:
        await checkout.payments.refund_payment(payment.id)
    error = await failed(sandbox, checkout, Fault.LOST_REPLY)
    ahead = timedelta(hours=2)  # as by local time that was taken for UTC
    for each in (error, caught.value):
        assert each.key_expires_at is not None
        each.key_expires_at += ahead
    monkeypatch.setattr(recovery, "_now", lambda: datetime.now(UTC) + ahead, raising=False)
    assert len(await find_payments(checkout, error, reference=REFERENCE)) == 2
    assert await find_actions(checkout, caught.value, payment.id)
    monkeypatch.undo()
    # That clock was right, and only the times of the errors are not: the replies say so.
    assert await find_payments(checkout, error, reference=REFERENCE) == []


async def test_every_page_is_looked_at(sandbox: Sandbox, checkout: CheckoutClient) -> None:
    for _ in range(12):
        await checkout.payments.request_payment(order())
    error = await failed(sandbox, checkout, Fault.LOST_REPLY)
    found = await find_payments(checkout, error, reference=REFERENCE)
    assert {payment.id for payment in found} == set(sandbox.payments)
    assert sandbox.count("list_payments") > 1


async def test_an_abandoned_call_knows_its_reference(sandbox: Sandbox, checkout: CheckoutClient) -> None:
    sandbox.faults.add("request_payment", Fault.STALLED_REPLY, times=1)
    call = asyncio.ensure_future(checkout.payments.request_payment(order()))
    while not sandbox.payments:
        await asyncio.sleep(0.001)
    call.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await call
    (abandoned,) = checkout.abandoned_calls
    (found,) = await find_payments(checkout, abandoned)
    assert [found.id] == list(sandbox.payments)
    assert await find_payments(checkout, caught.value, reference=REFERENCE) == [found]


@pytest.mark.parametrize(("fault", "done"), [(Fault.LOST_REPLY, 1), (Fault.RESET, 0)])
async def test_what_was_done_to_a_payment_is_found(
    sandbox: Sandbox, checkout: CheckoutClient, fault: Fault, done: int
) -> None:
    bodies: Any = [{"amount": 100 * n, "reference": f"CAP-{n}", "capture_type": "NonFinal"} for n in (1, 2)]
    first, second = bodies
    payment = await checkout.payments.request_payment(order(capture=False))
    await checkout.payments.capture_payment(payment.id, first)
    sandbox.faults.add("capture_payment", fault, times=1)
    with pytest.raises(errors.OutcomeUnknown) as caught:
        await checkout.payments.capture_payment(payment.id, second)
    found = await find_actions(checkout, caught.value, payment.id, reference="CAP-2")
    assert [(action.type, action.amount) for action in found] == [(payments.PaymentActionType.CAPTURE, 200)] * done
    assert len(await find_actions(checkout, caught.value, payment.id)) == 2 + done
    later = datetime.now(UTC) + timedelta(hours=1)
    assert await find_actions(checkout, caught.value, payment.id, since=later) == []


@pytest.mark.parametrize("reference", [None, ""])
async def test_without_a_reference_nothing_is_sent(
    sandbox: Sandbox, checkout: CheckoutClient, reference: str | None
) -> None:
    with pytest.raises(errors.InvalidRequest, match="reference is missing"):
        await find_payments(checkout, errors.OutcomeUnknown("lost"), reference=reference)
    assert sandbox.requests == ()


async def test_a_time_without_a_zone_is_refused(sandbox: Sandbox, checkout: CheckoutClient) -> None:
    since, error = datetime(2026, 1, 1), errors.OutcomeUnknown("lost")  # noqa: DTZ001 - the mistake
    with pytest.raises(errors.InvalidRequest, match="since needs a zone"):
        await find_payments(checkout, error, reference=REFERENCE, since=since)
    with pytest.raises(errors.InvalidRequest, match="since needs a zone"):
        await find_actions(checkout, error, "pay_nobodyhasthisoneinhere0000", since=since)
    assert sandbox.requests == ()


async def test_a_list_that_cannot_be_read_is_not_taken_for_an_empty_one(
    sandbox: Sandbox, checkout: CheckoutClient
) -> None:
    error = await failed(sandbox, checkout, Fault.LOST_REPLY)
    sandbox.faults.add("list_payments", Fault.UNAVAILABLE, times=1)
    with pytest.raises(errors.ServerError):
        await find_payments(checkout, error, reference=REFERENCE)
