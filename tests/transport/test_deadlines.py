"""Deadlines of exchanges: one timer for all, and cancellations of others are not taken for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from checkout_async import Limits, Timeouts
from checkout_async._core.wire import HttpRequest, HttpResponse
from checkout_async.errors import OutcomeUnknown
from checkout_async.transport.aiohttp import AiohttpTransport
from checkout_async.transport.deadlines import Deadlines
from tests.loop_time import LoopTime
from tests.transport.servers import RawServer, ok, raw_server, stall
from tests.transport.virtual_time import settle

QUICK = Timeouts(attempt=5.0)


@pytest.fixture
async def transport() -> AsyncIterator[AiohttpTransport]:
    transport = AiohttpTransport(Limits())
    yield transport
    await transport.aclose()


@pytest.fixture
async def time() -> LoopTime:
    return LoopTime(asyncio.get_running_loop(), is_stopped=True)


async def pass_once_there_are(requests: int, server: RawServer, time: LoopTime, seconds: float) -> None:
    """Let time pass once a server has so many requests."""
    while len(server.requests) < requests:
        await asyncio.sleep(0)
    time.passes(seconds)


def request(url: str) -> HttpRequest:
    return HttpRequest(method="POST", url=url, headers={}, body=b"{}")


async def test_a_short_deadline_does_not_wait_for_a_longer_one_that_began_before(
    transport: AiohttpTransport, time: LoopTime
) -> None:
    async with raw_server(stall) as server:
        longer = asyncio.create_task(transport.send(request(server.url), Timeouts(attempt=30.0)))
        while not server.requests:
            await asyncio.sleep(0)
        passing = asyncio.create_task(pass_once_there_are(2, server, time, 5.0))
        with pytest.raises(OutcomeUnknown, match="took too long"):
            await transport.send(request(server.url), QUICK)
        await passing
        assert not longer.done()
        longer.cancel()
        with pytest.raises(asyncio.CancelledError):
            await longer


async def test_each_of_several_deadlines_is_kept(transport: AiohttpTransport, time: LoopTime) -> None:
    limits = (12, 4, 8, 4)
    ended = list[int]()

    async def send(url: str, seconds: int) -> None:
        with pytest.raises(OutcomeUnknown, match="took too long"):
            await transport.send(request(url), Timeouts(attempt=seconds))
        ended.append(seconds)

    async with raw_server(stall) as server, asyncio.TaskGroup() as sending:
        for seconds in limits:
            sending.create_task(send(server.url, seconds))
        await pass_once_there_are(4, server, time, 0.0)
        for passed in range(13):
            assert sorted(ended) == sorted(each for each in limits if each <= passed)
            time.passes(0.5)
            await settle()
            assert sorted(ended) == sorted(each for each in limits if each <= passed)
            time.passes(0.5)
            await settle()


async def test_exchanges_share_one_timer(transport: AiohttpTransport, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    call_at, started = loop.call_at, list[object]()

    def note(when: float, callback: Any, *arguments: Any, **options: Any) -> asyncio.TimerHandle:
        started.append(callback)
        return call_at(when, callback, *arguments, **options)

    async with raw_server(ok) as server:
        await transport.send(request(server.url), Timeouts())
        monkeypatch.setattr(loop, "call_at", note)
        for _ in range(20):
            await transport.send(request(server.url), Timeouts())
        assert len(server.requests) == 21
        assert started == []


async def test_the_task_is_as_it_was_after_a_deadline(transport: AiohttpTransport, time: LoopTime) -> None:
    task = asyncio.current_task()
    assert task is not None
    async with raw_server(stall) as server, asyncio.TaskGroup() as passing:
        async with asyncio.timeout(30) as outer:
            passing.create_task(pass_once_there_are(1, server, time, 5.0))
            with pytest.raises(OutcomeUnknown):
                await transport.send(request(server.url), QUICK)
            await asyncio.sleep(0)
        with anyio.fail_after(30) as scope:
            passing.create_task(pass_once_there_are(2, server, time, 5.0))
            with pytest.raises(OutcomeUnknown):
                await transport.send(request(server.url), QUICK)
            await anyio.lowlevel.checkpoint()
    assert not outer.expired()
    assert not scope.cancelled_caught
    assert task.cancelling() == 0


async def test_a_time_limit_of_the_caller_is_not_taken_for_the_deadline(
    transport: AiohttpTransport, time: LoopTime
) -> None:
    async with raw_server(stall) as server, asyncio.TaskGroup() as passing:
        passing.create_task(pass_once_there_are(1, server, time, 5.0))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await transport.send(request(server.url), Timeouts(attempt=30.0))
        passing.create_task(pass_once_there_are(2, server, time, 5.0))
        with anyio.move_on_after(5) as scope:
            await transport.send(request(server.url), Timeouts(attempt=30.0))
    assert scope.cancelled_caught


async def test_a_cancellation_that_comes_with_the_deadline_wins() -> None:
    deadlines = Deadlines(asyncio.get_running_loop())

    async def exchange() -> None:
        deadline = deadlines.start(30.0)
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            assert not deadline.undo()
            raise
        finally:
            deadlines.stop(deadline)

    task = asyncio.create_task(exchange())
    await asyncio.sleep(0)
    (deadline,) = deadlines._running
    deadline.interrupt()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()
    deadlines.close()


async def test_an_interruption_that_had_no_effect_is_taken_back() -> None:
    deadlines, task = Deadlines(asyncio.get_running_loop()), asyncio.current_task()
    assert task is not None
    deadline = deadlines.start(30.0)
    deadline.interrupt()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.sleep(0)  # a library that goes on all the same
    deadlines.stop(deadline)
    assert task.cancelling() == 0
    deadlines.close()


async def test_closing_ends_the_exchanges_in_progress_and_stops_the_timer() -> None:
    deadlines = Deadlines(asyncio.get_running_loop())
    deadline = deadlines.start(30.0)
    deadlines.close()
    assert deadlines._timer is None
    with pytest.raises(asyncio.CancelledError):
        await asyncio.sleep(0)
    assert deadline.undo(), "the task goes on"
    deadlines.stop(deadline)
    deadlines.close()  # it has ended
    await asyncio.sleep(0)


def test_a_request_needs_a_task() -> None:
    loop, refused = asyncio.new_event_loop(), list[str]()

    def start() -> None:
        try:
            Deadlines(loop).start(1.0)
        except RuntimeError as error:
            refused.append(str(error))
        loop.stop()

    loop.call_soon(start)
    loop.run_forever()
    loop.close()
    assert refused == ["a request can be sent in a task only"]


async def test_many_exchanges_in_flight_end_together(transport: AiohttpTransport, time: LoopTime) -> None:
    async def one(url: str) -> HttpResponse:
        return await transport.send(request(url), QUICK)

    async with raw_server(stall) as server:
        sent = asyncio.gather(*(one(server.url) for _ in range(30)), return_exceptions=True)
        await pass_once_there_are(30, server, time, 5.0)
        ended = await sent
    assert {type(each) for each in ended} == {OutcomeUnknown}
