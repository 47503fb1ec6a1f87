"""How many calls of a client wait now, and what for, in the words of the progress display."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from checkout_async import CheckoutClient, Limits, SecretKey
from checkout_async._core.events import CallInfo, CallStarted, Waited, WaitReason
from checkout_async._core.wire import HttpRequest, HttpResponse, Idempotency
from checkout_async.batch import PendingCalls
from checkout_async.config import Timeouts
from tests.batch.support import SID, Clock
from tests.transport.virtual_time import settle


class Gate:
    """A transport whose replies come when it is opened; where it is overloaded, it says so at once."""

    def __init__(self, *, overloaded: bool = False) -> None:
        self.opened = asyncio.Event()
        self.overloaded = overloaded

    async def send(self, request: HttpRequest, timeouts: Timeouts) -> HttpResponse:
        if self.overloaded:
            return HttpResponse(status=503, headers={"Retry-After": "20"}, body=b"")
        await self.opened.wait()
        return HttpResponse(status=200, headers={}, body=b'{"id":"%s"}' % SID.encode())

    async def aclose(self) -> None:
        """Nothing to close."""


@asynccontextmanager
async def calling(waits: PendingCalls, gate: Gate, calls: int) -> AsyncGenerator[list[asyncio.Task[object]]]:
    """Let so many calls begin, of which one at a time may be in flight."""
    key = SecretKey("sk_sbox_" + "a" * 27)
    limits = Limits(concurrency=1, read_rate=None, write_rate=None)
    async with CheckoutClient(
        key, base_url="http://127.0.0.1:9", limits=limits, hooks=[waits], transport=gate
    ) as checkout:

        async def ask() -> object:
            return await checkout.sessions.get_session(SID)

        tasks = [asyncio.create_task(ask()) for _ in range(calls)]
        await settle()
        yield tasks
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_calls_behind_the_one_in_flight_wait() -> None:
    waits = PendingCalls()
    async with calling(waits, Gate(), 4):
        assert (waits.queued, waits.retrying) == (3, 0)


async def test_the_text_is_empty_when_the_calls_are_done() -> None:
    waits, gate = PendingCalls(), Gate()
    async with calling(waits, gate, 4) as tasks:
        gate.opened.set()
        await asyncio.gather(*tasks)
        assert (waits.queued, str(waits)) == (0, "")


async def test_a_call_that_is_given_up_waits_no_longer() -> None:
    waits = PendingCalls()
    async with calling(waits, Gate(), 4) as tasks:
        for task in tasks:
            task.cancel()
        await settle()
        assert waits.queued == 0


async def test_a_failed_call_waits_to_be_tried_again() -> None:
    waits = PendingCalls()
    async with calling(waits, Gate(overloaded=True), 1):
        assert (waits.queued, waits.retrying) == (0, 1)
        assert str(waits) == "1 waits to be retried"
    assert waits.retrying == 0


def test_what_calls_wait_for_is_said_as_soon_as_one_of_them_knows() -> None:
    waits = PendingCalls(Clock())
    waits(CallStarted(call=call()))
    waits(CallStarted(call=call()))
    assert str(waits) == "2 wait to be sent"
    waits(Waited(call=call(), attempt=1, reason=WaitReason.RATE, seconds=0.2))
    waits(Waited(call=call(), attempt=1, reason=WaitReason.SLOT, seconds=0.1))
    assert str(waits) == "2 wait for the rate limit"


def test_the_reason_is_that_of_the_last_seconds() -> None:
    clock = Clock()
    waits = PendingCalls(clock)
    waits(CallStarted(call=call()))
    waits(Waited(call=call(), attempt=1, reason=WaitReason.TOKEN, seconds=20.0))
    clock.now += 60.0
    waits(Waited(call=call(), attempt=1, reason=WaitReason.SLOT, seconds=1.0))
    assert str(waits) == "1 waits for a free slot"


def call() -> CallInfo:
    return CallInfo(
        operation="get_session",
        method="GET",
        path="/sessions/{id}",
        idempotency=Idempotency.SAFE,
        server="127.0.0.1",
        port=9,
    )
