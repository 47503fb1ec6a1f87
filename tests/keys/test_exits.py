"""Whatever ends a payment's call, the key that the server saw can be reached afterwards."""

from __future__ import annotations

import asyncio
import signal
import types
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from aiohttp import web

from checkout_async import CheckoutClient, Limits, RetryPolicy, errors
from checkout_async.models import payments
from tests.keys.till import order, till_and_client

Pay = Callable[[], Coroutine[Any, Any, payments.Payment]]
Exit = Callable[[Pay, asyncio.Event], Awaitable[BaseException | None]]
"""Ends a call after the server saw its request. Returns what the caller gets, if an exception survives."""


@asynccontextmanager
async def task(work: Coroutine[Any, Any, None]) -> AsyncGenerator[asyncio.Task[None]]:
    """Run a coroutine beside the block."""
    running = asyncio.create_task(work)
    try:
        yield running
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def raised(kind: type[BaseException], call: Awaitable[object]) -> BaseException:
    """Return the exception with which a call ends."""
    with pytest.raises(kind) as caught:
        await call
    return caught.value


async def wait_for(pay: Pay, seen: asyncio.Event) -> BaseException:
    async def let_time_pass() -> None:
        await seen.wait()
        loop = asyncio.get_running_loop()
        now = loop.time()
        setattr(loop, "time", lambda: now + 5)  # noqa: B010 - type checkers refuse to replace a method

    async with task(let_time_pass()):
        return await raised(TimeoutError, asyncio.wait_for(pay(), 4))


async def timeout(pay: Pay, seen: asyncio.Event) -> BaseException:
    async def expire(scope: asyncio.Timeout) -> None:
        await seen.wait()
        scope.reschedule(asyncio.get_running_loop().time())

    async def run() -> None:
        async with asyncio.timeout(None) as scope, task(expire(scope)):
            await pay()

    return await raised(TimeoutError, run())


async def fail_after(pay: Pay, seen: asyncio.Event) -> BaseException:
    async def expire(scope: anyio.CancelScope) -> None:
        await seen.wait()
        scope.deadline = anyio.current_time()

    async def run() -> None:
        with anyio.fail_after(60) as scope:
            async with task(expire(scope)):
                await pay()

    return await raised(TimeoutError, run())


async def task_cancel(pay: Pay, seen: asyncio.Event) -> BaseException:
    call = asyncio.ensure_future(pay())
    await seen.wait()
    call.cancel()
    return await raised(asyncio.CancelledError, call)


async def gather(pay: Pay, seen: asyncio.Event) -> BaseException:
    both = asyncio.gather(pay(), asyncio.sleep(60))
    await seen.wait()
    both.cancel()
    return await raised(asyncio.CancelledError, both)


async def fail_when(seen: asyncio.Event) -> None:
    await seen.wait()
    raise RuntimeError("sibling")


async def body_of_a_task_group(pay: Pay, seen: asyncio.Event) -> BaseException:
    """The sibling of a call in the body of a group fails: the group's context is the body's cancellation."""

    async def run() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail_when(seen))
            await pay()

    return await raised(ExceptionGroup, run())


async def wrapped(pay: Pay, seen: asyncio.Event) -> BaseException:
    """The application raises an error of its own instead, and hides the one of the call."""

    async def run() -> None:
        try:
            await call
        except asyncio.CancelledError:
            raise LookupError("the shop's own") from None

    call = asyncio.ensure_future(pay())
    await seen.wait()
    call.cancel()
    return await raised(LookupError, run())


KEPT: list[Exit] = [wait_for, timeout, fail_after, task_cancel, gather, body_of_a_task_group, wrapped]


async def sibling(pay: Pay, seen: asyncio.Event) -> None:
    async def call() -> None:
        await pay()

    async def run() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(call())
            group.create_task(fail_when(seen))

    await raised(ExceptionGroup, run())


async def anyio_sibling(pay: Pay, seen: asyncio.Event) -> None:
    async def run() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(pay)
            group.start_soon(fail_when, seen)

    await raised(ExceptionGroup, run())


async def move_on_after(pay: Pay, seen: asyncio.Event) -> None:
    async def expire(scope: anyio.CancelScope) -> None:
        await seen.wait()
        scope.deadline = anyio.current_time()

    with anyio.move_on_after(60) as scope:
        async with task(expire(scope)):
            await pay()


async def gather_with_exceptions(pay: Pay, seen: asyncio.Event) -> None:
    """It returns a new CancelledError, not the one that left the call."""
    call = asyncio.ensure_future(pay())
    both = asyncio.gather(call, return_exceptions=True)
    await seen.wait()
    call.cancel()
    assert [type(found) for found in await both] == [asyncio.CancelledError]


LOST: list[Exit] = [sibling, anyio_sibling, move_on_after, gather_with_exceptions]


def keys_of(checkout: CheckoutClient) -> list[str]:
    return [call.idempotency_key for call in checkout.abandoned_calls]


@pytest.mark.parametrize("leave", KEPT)
async def test_the_exception_that_survives_carries_the_key(leave: Exit) -> None:
    async with till_and_client() as (till, checkout):
        error = await leave(lambda: checkout.payments.request_payment(order()), till.seen)
        assert error is not None
        assert [errors.idempotency_key(error)] == till.keys == keys_of(checkout)


@pytest.mark.parametrize("leave", LOST)
async def test_where_no_exception_survives_the_client_has_the_key(leave: Exit) -> None:
    async with till_and_client() as (till, checkout):
        assert await leave(lambda: checkout.payments.request_payment(order()), till.seen) is None
        assert len(till.keys) == 1
        assert keys_of(checkout) == till.keys


async def test_a_call_behind_a_shield_that_the_closing_client_cuts_off_is_recorded() -> None:
    async with till_and_client() as (till, checkout):
        call = asyncio.ensure_future(checkout.payments.request_payment(order()))
        waiter = asyncio.ensure_future(asyncio.shield(call))
        await till.seen.wait()
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await waiter
        assert errors.idempotency_key(caught.value) is None
        await checkout.aclose()
        (error,) = await asyncio.gather(call, return_exceptions=True)
        assert isinstance(error, errors.OutcomeUnknown)
        assert [errors.idempotency_key(error)] == till.keys == keys_of(checkout)


@pytest.fixture
def _pythons_own_ctrl_c() -> Iterator[None]:
    """Python's handler, which asyncio.run replaces: a library that an earlier test started may have taken it away."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_pythons_own_ctrl_c")
def test_ctrl_c_carries_the_key() -> None:
    found: list[str] = []

    async def main() -> None:
        async with till_and_client() as (till, checkout), task(interrupt(till.seen)):
            try:
                await checkout.payments.request_payment(order())
            finally:
                found.extend(till.keys)

    async def interrupt(seen: asyncio.Event) -> None:
        await seen.wait()
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt) as caught:
        asyncio.run(main())
    assert [errors.idempotency_key(caught.value)] == found


async def test_a_coroutine_that_is_dropped_leaves_its_key_with_the_client() -> None:
    """So it is if an interrupted loop is closed while a call waits, and the call becomes garbage."""
    async with till_and_client() as (till, checkout):
        dropped = asyncio.ensure_future(drop_when_cancelled(checkout.payments.request_payment(order())))
        await till.seen.wait()
        dropped.cancel()
        await asyncio.gather(dropped, return_exceptions=True)
        assert len(till.keys) == 1
        assert keys_of(checkout) == till.keys


@types.coroutine
def drop_when_cancelled(call: Coroutine[Any, Any, object]) -> Generator[Any, Any, None]:
    try:
        while True:
            yield call.send(None)
    finally:
        call.close()


async def test_a_call_that_was_not_sent_is_not_recorded() -> None:
    async with till_and_client(limits=Limits(concurrency=1)) as (till, checkout):
        first = asyncio.ensure_future(checkout.payments.request_payment(order()))
        await till.seen.wait()
        with pytest.raises(TimeoutError) as caught:
            await asyncio.wait_for(checkout.payments.request_payment(order()), 0.01)
        assert errors.idempotency_key(caught.value) is not None
        assert keys_of(checkout) == []
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        assert keys_of(checkout) == till.keys


@pytest.mark.parametrize(("status", "recorded"), [(503, 1), (429, 0)])
async def test_between_two_attempts_the_last_reply_decides(status: int, recorded: int) -> None:
    policy = RetryPolicy(backoff=60, max_backoff=60)
    async with till_and_client() as (till, checkout):
        till.reply = lambda: web.Response(status=status)
        call = asyncio.ensure_future(checkout.payments.request_payment(order(), retry=policy))
        await till.seen.wait()
        while not call.done() and checkout._limiter.slots.borrowed_tokens:
            await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await call
        assert [errors.idempotency_key(caught.value)] == till.keys
        assert keys_of(checkout) == till.keys * recorded
