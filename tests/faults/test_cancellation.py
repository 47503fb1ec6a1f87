"""A call that is cancelled at any wait leaves no connection, slot or task behind, and does nothing twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import anyio
import pytest

from checkout_async import CheckoutClient, Limits, RetryPolicy
from checkout_async.errors import CheckoutError
from checkout_async.sandbox import CannedResponse, Fault, Sandbox
from tests.faults.test_matrix import PATIENT, SUBJECTS, Subject, connections_in_use, end_the_attempt_at_a_stall

pytestmark = pytest.mark.slow

MOST_WAITS = 200
LIMITS = Limits(concurrency=1)
RETRY = RetryPolicy(attempts=2, backoff=0.001)

Situation = Callable[[Sandbox, CheckoutClient, Subject], AbstractAsyncContextManager[Awaitable[object]]]
Canceller = Callable[[Awaitable[object], int], Awaitable[bool]]


@dataclass
class Counted(Awaitable[object]):
    """An awaitable that calls `on_nth_wait` when it begins to wait for the n-th time, from 1."""

    inner: Awaitable[object]
    n: int
    on_nth_wait: Callable[[], object]
    waits: int = 0

    def __await__(self) -> Generator[Any, Any, object]:
        steps = self.inner.__await__()
        resume = partial(steps.send, None)
        while True:
            try:
                waited_for = resume()
            except StopIteration as end:
                return end.value
            self.waits += 1
            if self.waits == self.n:
                self.on_nth_wait()
            try:
                resume = partial(steps.send, (yield waited_for))
            except BaseException as error:  # noqa: BLE001 - handed on to the call
                resume = partial(steps.throw, error)


async def by_its_task(call: Awaitable[object], n: int) -> bool:
    """Cancel the task of a call; return whether it was still waiting."""

    async def run() -> object:
        task = asyncio.current_task()
        assert task is not None
        return await Counted(call, n, task.cancel)

    task = asyncio.create_task(run())
    try:
        await task
    except asyncio.CancelledError:
        return True
    except CheckoutError:
        pass
    return False


async def by_a_scope(call: Awaitable[object], n: int) -> bool:
    """Cancel an anyio scope around a call; return whether it was still waiting."""
    with anyio.CancelScope() as scope, suppress(CheckoutError):
        await Counted(call, n, scope.cancel)
    return scope.cancelled_caught


@asynccontextmanager
async def warm(_sandbox: Sandbox, checkout: CheckoutClient, subject: Subject) -> AsyncGenerator[Awaitable[object]]:
    """A call with a token and a kept connection."""
    yield (await subject.prepare(checkout))(PATIENT)


@asynccontextmanager
async def connecting(sandbox: Sandbox, checkout: CheckoutClient, subject: Subject) -> AsyncGenerator[Awaitable[object]]:
    """A call that opens a connection."""
    call = await subject.prepare(checkout)
    async with sandbox.refusing():
        pass  # the kept connection is gone
    yield call(PATIENT)


@asynccontextmanager
async def reading(sandbox: Sandbox, checkout: CheckoutClient, subject: Subject) -> AsyncGenerator[Awaitable[object]]:
    """A call that waits for the rest of a reply, which never comes at the first attempt."""
    call = await subject.prepare(checkout)
    sandbox.faults.add(subject.operation, Fault.STALLED_IN_BODY)
    end_the_attempt_at_a_stall(sandbox)
    yield call(PATIENT)
    sandbox.faults.clear()


@asynccontextmanager
async def cold(sandbox: Sandbox, checkout: CheckoutClient, subject: Subject) -> AsyncGenerator[Awaitable[object]]:
    """A call like the first one of a client: it fetches a token and opens a connection."""
    call = await subject.prepare(checkout)
    authorization = checkout._authenticator.current()
    assert authorization is not None
    checkout._authenticator.on_unauthorized(authorization)
    async with sandbox.refusing():
        pass  # the kept connection is gone
    yield call(PATIENT)


@asynccontextmanager
async def repeated(sandbox: Sandbox, checkout: CheckoutClient, subject: Subject) -> AsyncGenerator[Awaitable[object]]:
    """A call whose first attempt is refused and that waits for a retry."""
    call = await subject.prepare(checkout)
    sandbox.faults.add(subject.operation, CannedResponse(429))
    yield call(PATIENT)
    sandbox.faults.clear()


@asynccontextmanager
async def queued(sandbox: Sandbox, checkout: CheckoutClient, subject: Subject) -> AsyncGenerator[Awaitable[object]]:
    """A call that waits for the only slot, which another one holds for a while."""
    call = await subject.prepare(checkout)
    sandbox.faults.add("get_payment_actions", Fault.STALLED)
    holder = asyncio.create_task(checkout.payments.get_payment_actions("pay_nobodyhasthisoneinhere0000"))
    while sandbox.count("get_payment_actions") == 0:
        await asyncio.sleep(0)
    asyncio.get_running_loop().call_later(0.02, holder.cancel)
    yield call(PATIENT)
    await asyncio.gather(holder, return_exceptions=True)


SITUATIONS = (warm, connecting, reading, cold, repeated, queued)


async def cancelled(situation: Situation, subject: Subject, cancel: Canceller, n: int) -> bool:
    """Cancel a call at its n-th wait and check what is left. Return whether it waited n times."""
    async with Sandbox() as sandbox, sandbox.client(limits=LIMITS, retry=RETRY) as checkout:
        async with situation(sandbox, checkout, subject) as call:
            was_waiting = await cancel(call, n)
        assert subject.done(sandbox) <= 1
        if was_waiting and subject is SUBJECTS["key"]:
            assert subject.done(sandbox) <= len(checkout.abandoned_calls) <= 1, "a payment whose key is lost"
        another = await subject.prepare(checkout)
        await another(PATIENT)
        assert connections_in_use(checkout) == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}
    return was_waiting


@pytest.mark.parametrize("cancel", [by_its_task, by_a_scope])
@pytest.mark.parametrize("situation", SITUATIONS)
@pytest.mark.parametrize("kind", SUBJECTS)
async def test_a_call_can_be_cancelled_at_every_wait(kind: str, situation: Situation, cancel: Canceller) -> None:
    for n in range(1, MOST_WAITS):
        if not await cancelled(situation, SUBJECTS[kind], cancel, n):
            assert n > 1, "it never waited"
            return
    pytest.fail("it waits without end")
