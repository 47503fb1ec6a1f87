"""What errors and the client keep of a call with an idempotency key: its times, who hears of it, what is not shown."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import logging
import pickle
import traceback
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from aiohttp import web

from checkout_async import CheckoutClient, errors
from checkout_async._generated.operations import payments as operations
from checkout_async.observability import CallEnded, Event, LoggingHook
from checkout_async.sandbox import Fault, Sandbox
from tests.keys.till import KEY_HEADER, REFERENCE, Till, order, till_and_client

DAY = timedelta(hours=24)


async def cancelled(till: Till, checkout: CheckoutClient) -> asyncio.CancelledError:
    """Cancel a payment that the server saw."""
    call = asyncio.ensure_future(checkout.payments.request_payment(order()))
    await till.seen.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await call
    return caught.value


async def test_a_record_says_what_was_called_and_until_when_the_key_is_known() -> None:
    before = datetime.now(UTC)
    async with till_and_client() as (till, checkout):
        await cancelled(till, checkout)
        (record,) = checkout.abandoned_calls
    after = datetime.now(UTC)
    assert (record.operation, record.reference) == ("request_payment", REFERENCE)
    assert before <= record.abandoned_at <= after
    assert record.key_expires_at is not None
    assert before + DAY <= record.key_expires_at <= record.abandoned_at + DAY


async def test_hooks_hear_of_each_call_and_logs_do_so_once_and_loudly(caplog: pytest.LogCaptureFixture) -> None:
    events: list[Event] = []
    async with till_and_client([events.append, LoggingHook()]) as (till, checkout):
        await cancelled(till, checkout)
        (record,) = checkout.abandoned_calls
    (end,) = [event for event in events if isinstance(event, CallEnded)]
    assert (end.cancelled, end.may_have_been_done, end.abandoned) == (True, True, record)
    (loud,) = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert loud.levelno == logging.ERROR
    shown = f"{end!r} {[vars(each) for each in caplog.records]}"
    assert till.keys[0] not in shown
    assert REFERENCE not in shown


async def test_neither_key_nor_reference_is_shown_or_written() -> None:
    async with till_and_client() as (till, checkout):
        error = await cancelled(till, checkout)
        (record,) = checkout.abandoned_calls
        shown = [
            repr(record),
            str(record),
            repr(checkout.abandoned_calls),
            "".join(traceback.format_exception(error)),
            repr(error),
            repr(vars(error)),
            repr(error.args),
            repr(pickle.dumps(error)),
        ]
        assert [text for text in shown if till.keys[0] in text or REFERENCE in text] == []
        assert not dataclasses.is_dataclass(record)
        with pytest.raises(TypeError):
            vars(record)
        with pytest.raises(TypeError, match="Secret"):
            msgspec.json.encode(record)


async def test_keys_do_not_survive_pickling_but_their_times_do() -> None:
    async with till_and_client() as (till, checkout):
        till.reply = lambda: web.Response(status=500)
        with pytest.raises(errors.ServerError) as caught:
            await checkout.payments.request_payment(order())
    for twin in (pickle.loads(pickle.dumps(caught.value)), copy.copy(caught.value)):
        assert errors.idempotency_key(twin) is None
        assert twin.key_expires_at == caught.value.key_expires_at


async def test_an_error_says_until_when_its_key_is_known() -> None:
    before = datetime.now(UTC)
    async with till_and_client() as (till, checkout):
        till.reply = lambda: web.Response(status=500)
        with pytest.raises(errors.ServerError) as caught:
            await checkout.payments.request_payment(order())
        assert caught.value.key_expires_at is not None
        assert before + DAY <= caught.value.key_expires_at <= datetime.now(UTC) + DAY
        # An earlier call may have sent it: nobody but the caller knows when.
        with pytest.raises(errors.ServerError) as own:
            await checkout.payments.request_payment(order(), idempotency_key="my own")
        assert own.value.key_expires_at is None
        wrong: Any = {"currency": 5}
        with pytest.raises(errors.InvalidRequest) as refused:
            await checkout.payments.request_payment(wrong)
        assert refused.value.key_expires_at is None
        assert list(checkout.abandoned_calls) == []


@pytest.mark.costly
async def test_the_record_keeps_the_last_thousand_and_can_be_emptied() -> None:
    async with till_and_client() as (till, checkout):
        await cancelled(till, checkout)
        first = checkout.abandoned_calls[0]
        checkout.abandoned_calls.extend(first for _ in range(1000))
        till.seen.clear()
        await cancelled(till, checkout)
        assert len(checkout.abandoned_calls) == 1000
        assert checkout.abandoned_calls[-1].idempotency_key == till.keys[1]
        assert checkout.abandoned_calls.popleft() is first


async def test_a_cancelled_payment_that_is_repeated_with_its_key_is_made_once() -> None:
    async with Sandbox() as sandbox, sandbox.client() as checkout:
        sandbox.faults.add("request_payment", Fault.STALLED_REPLY, times=1)
        call = asyncio.ensure_future(checkout.payments.request_payment(order()))
        while not sandbox.payments:
            await asyncio.sleep(0.001)
        call.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await call
        key = errors.idempotency_key(caught.value)
        payment = await checkout.payments.request_payment(order(), idempotency_key=key)
        assert list(sandbox.payments) == [payment.id]


def test_every_operation_with_a_key_has_a_lifetime_and_a_reference() -> None:
    """The specification says both (`x-key-lifetime`, `x-reference`); nothing here knows the operations."""
    keyed = [each for each in vars(operations).values() if getattr(each, "idempotency_header", None)]
    assert len(keyed) > 1
    assert {each.idempotency_header for each in keyed} == {KEY_HEADER}
    assert all(each.key_lifetime and each.reference for each in keyed)


async def test_a_call_without_a_key_that_may_have_been_done_is_said_to_hooks() -> None:
    events: list[Event] = []
    async with Sandbox() as sandbox, sandbox.client(hooks=[events.append]) as checkout:
        sandbox.faults.add("request_session", Fault.STALLED, times=1)
        source = {"type": "id", "id": "src_nelaoziyaqpe7ivh7ldgcyunhm"}
        body: Any = {"source": source, "amount": 1, "currency": "GBP", "completion": {"type": "non_hosted"}}
        call = asyncio.ensure_future(checkout.sessions.request_session(body))
        while not sandbox.count("request_session"):
            await asyncio.sleep(0.001)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        assert list(checkout.abandoned_calls) == []
    end = [event for event in events if isinstance(event, CallEnded)][-1]
    assert (end.call.operation, end.may_have_been_done, end.abandoned) == ("request_session", True, None)
