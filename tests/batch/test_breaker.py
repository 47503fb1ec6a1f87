"""An outage pauses a run: unsent records are sent when the API is back, and the rest of the file does not fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from anyio import Event, wait_all_tasks_blocked

from checkout_async import RetryPolicy
from checkout_async.batch import Backoff, BatchResult, Outcome
from checkout_async.batch.breaker import CircuitBreaker, RunStopped
from checkout_async.errors import CheckoutError, ConnectFailed, OutcomeUnknown, ServerError
from checkout_async.models import sessions
from checkout_async.operations import ApiRequest
from checkout_async.sandbox import CannedResponse, Fault, Sandbox
from tests.batch.support import ScriptedSender, record, run, session

AT_ONCE = Backoff(initial=0.001, maximum=0.001, give_up_after=60)
REFUSED = ConnectFailed("request_session: connection refused; nothing was sent", operation="request_session")
BUSY = ServerError("request_session: 503", operation="request_session", status=503)
LOST = OutcomeUnknown("request_session: lost", operation="request_session")


class Outage:
    """An API that fails until it `is_over`, or until it was asked `times` times."""

    def __init__(self, failure: CheckoutError, times: int | None = None) -> None:
        self.sender = ScriptedSender(self._answer)
        self.is_over = False
        self._failure = failure
        self._left = times

    def _answer(self, _request: ApiRequest[object]) -> sessions.Session | CheckoutError:
        if self._left is not None:
            self._left -= 1
        if self.is_over or (self._left is not None and self._left < 0):
            return session()
        return self._failure


async def results_of(outage: Outage, count: int) -> list[BatchResult]:
    records = [record(line) for line in range(1, count + 1)]
    return [outcome.result async for outcome in run(outage.sender, records, concurrency=8, outage_backoff=AT_ONCE)]


async def gather_into(outcomes: list[Outcome], coming: AsyncIterator[Outcome]) -> None:
    async for outcome in coming:
        outcomes.append(outcome)  # noqa: PERF401  # what came before an error counts


async def test_what_was_not_sent_is_sent_when_the_api_is_there_again() -> None:
    outage = Outage(REFUSED, times=50)
    assert await results_of(outage, 100) == [BatchResult.AUTHENTICATED] * 100
    assert len(outage.sender.calls) == 150


async def test_what_may_have_arrived_is_unknown_and_the_rest_of_the_file_is_spared() -> None:
    results = await results_of(Outage(LOST, times=12), 100)
    assert results.count(BatchResult.UNKNOWN) == 12
    assert results.count(BatchResult.AUTHENTICATED) == 88


async def test_while_it_lasts_one_record_at_a_time_tries() -> None:
    outage = Outage(BUSY)
    records = [record(line) for line in range(1, 101)]
    waits = Backoff(initial=3600, maximum=3600, give_up_after=1e9)
    outcomes: list[Outcome] = []

    coming = run(outage.sender, records, concurrency=8, outage_backoff=waits, drain=0)
    running = asyncio.ensure_future(gather_into(outcomes, coming))
    await wait_all_tasks_blocked()
    assert 5 <= len(outage.sender.calls) <= 8
    assert len(outcomes) == len(outage.sender.calls)
    assert {outcome.result for outcome in outcomes} == {BatchResult.UNKNOWN}
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_the_run_says_why_it_pauses_and_when_it_goes_on() -> None:
    pauses: list[tuple[str, float | None]] = []
    outage = Outage(REFUSED, times=20)
    records = [record(line) for line in range(1, 31)]
    outcomes = run(
        outage.sender,
        records,
        outage_backoff=AT_ONCE,
        on_pause=lambda reason, seconds: pauses.append((reason, seconds)),
    )
    assert len([outcome async for outcome in outcomes]) == 30
    assert pauses[0] == ("connection refused; nothing was sent", 0.001)
    assert pauses[-1][1] is None


async def test_an_outage_that_outlasts_the_backoff_ends_the_run_with_its_reason() -> None:
    short = Backoff(initial=0.001, maximum=0.001, give_up_after=0.003)
    outcomes: list[Outcome] = []
    records = [record(line) for line in range(1, 1001)]
    coming = run(Outage(REFUSED).sender, records, concurrency=8, outage_backoff=short)
    with pytest.raises(ConnectFailed, match="connection refused"):
        await gather_into(outcomes, coming)
    assert {outcome.result for outcome in outcomes} == {BatchResult.FAILED}
    assert len(outcomes) <= 16


async def test_a_stop_is_heard_during_a_pause() -> None:
    stop = Event()
    outage = Outage(REFUSED)
    waits = Backoff(initial=3600, maximum=3600, give_up_after=1e9)
    records = [record(line) for line in range(1, 101)]
    outcomes = run(outage.sender, records, concurrency=8, outage_backoff=waits, stop=stop)
    running = asyncio.ensure_future(anext(outcomes))
    await wait_all_tasks_blocked()
    stop.set()
    results = [(await running).result] + [outcome.result async for outcome in outcomes]
    assert results == [BatchResult.FAILED] * 8


async def test_a_single_record_that_fails_stops_no_other() -> None:
    def answer(request: ApiRequest[object]) -> sessions.Session | CheckoutError:
        return BUSY if next(numbers) % 15 == 0 else session()

    numbers = iter(range(1000))
    waits = Backoff(initial=3600, maximum=3600, give_up_after=1e9)
    records = [record(line) for line in range(1, 151)]
    outcomes = [o async for o in run(ScriptedSender(answer), records, concurrency=1, outage_backoff=waits)]
    assert [outcome.result for outcome in outcomes].count(BatchResult.UNKNOWN) == 10


async def test_an_api_that_fails_half_the_time_burns_no_file() -> None:
    def answer(_request: ApiRequest[object]) -> sessions.Session | CheckoutError:
        return BUSY if next(numbers) % 2 else session()

    numbers = iter(range(10**6))
    short = Backoff(initial=0.001, maximum=0.001, give_up_after=0.05)
    outcomes: list[Outcome] = []
    records = [record(line) for line in range(1, 10_001)]
    with pytest.raises(ServerError):
        await gather_into(outcomes, run(ScriptedSender(answer), records, concurrency=16, outage_backoff=short))
    assert [outcome.result for outcome in outcomes].count(BatchResult.UNKNOWN) < 100


async def test_while_sessions_cannot_be_made_reading_them_does_not_count() -> None:
    gate = shut(CircuitBreaker(AT_ONCE))
    async with gate.permit() as epoch:
        gate.succeeded("get_session", epoch)
        assert await entered(gate) is False
        gate.succeeded("request_session", epoch)
        assert await entered(gate) is True


async def test_a_listener_that_fails_changes_nothing() -> None:
    def fail(_reason: str, _seconds: float | None) -> None:
        raise ZeroDivisionError

    records = [record(line) for line in range(1, 31)]
    outcomes = run(Outage(REFUSED, times=20).sender, records, outage_backoff=AT_ONCE, on_pause=fail)
    assert [outcome.result async for outcome in outcomes] == [BatchResult.AUTHENTICATED] * 30


class TestGate:
    async def test_it_narrows_after_five_failures_in_a_row(self) -> None:
        gate = CircuitBreaker(AT_ONCE)
        for _ in range(4):
            gate.failed(REFUSED)
        assert gate.is_closed
        gate.failed(REFUSED)
        assert not gate.is_closed

    async def test_ten_successes_make_up_for_a_failure(self) -> None:
        gate = CircuitBreaker(AT_ONCE)
        for _ in range(100):
            gate.failed(REFUSED)
            for _ in range(10):
                gate.succeeded("request_session")
        assert gate.is_closed

    async def test_what_was_under_way_changes_nothing_once_it_is_shut(self) -> None:
        pauses: list[float | None] = []
        gate = shut(
            CircuitBreaker(
                Backoff(initial=3600, maximum=3600, give_up_after=1e9), lambda _, seconds: pauses.append(seconds)
            )
        )
        for _ in range(50):
            gate.failed(REFUSED)
            gate.succeeded("request_session")
        assert not await entered(gate)
        assert pauses == [3600]

    async def test_the_waits_grow_until_it_is_open_again(self) -> None:
        pauses: list[float | None] = []
        gate = shut(
            CircuitBreaker(
                Backoff(initial=0.001, maximum=1, give_up_after=60), lambda _, seconds: pauses.append(seconds)
            )
        )
        async with gate.permit() as epoch:
            gate.failed(REFUSED, epoch)
        async with gate.permit() as epoch:
            gate.succeeded("request_session", epoch)
        async with gate.permit() as epoch:
            gate.failed(REFUSED, epoch)
        assert pauses == [0.001, 0.002, None, 0.004]

    async def test_the_next_probe_waits_for_the_end_of_this_one(self) -> None:
        gate = shut(CircuitBreaker(AT_ONCE))
        async with gate.permit():
            second = asyncio.ensure_future(passed(gate))
            await wait_all_tasks_blocked()
            assert not second.done()
        await second

    async def test_each_success_lets_one_more_through_at_a_time_until_it_is_open(self) -> None:
        gate = shut(CircuitBreaker(AT_ONCE))
        for _ in range(30):
            async with gate.permit() as epoch:
                gate.succeeded("request_session", epoch)
        async with AsyncExitStack() as inside:
            epochs = [await inside.enter_async_context(gate.permit()) for _ in range(31)]
            assert not await entered(gate)
            gate.succeeded("request_session", epochs[0])
        assert gate.is_closed

    async def test_who_waits_when_the_run_ends_is_turned_away(self) -> None:
        gate = shut(CircuitBreaker(Backoff(initial=3600, maximum=3600, give_up_after=1e9)))
        waiting = asyncio.ensure_future(passed(gate))
        await wait_all_tasks_blocked()
        gate.cancel_waiters()
        with pytest.raises(RunStopped):
            await waiting
        with pytest.raises(RunStopped):
            await passed(gate)


def shut(gate: CircuitBreaker) -> CircuitBreaker:
    for _ in range(5):
        gate.failed(REFUSED)
    return gate


async def passed(gate: CircuitBreaker) -> None:
    async with gate.permit():
        pass


async def entered(gate: CircuitBreaker) -> bool:
    """Whether somebody may go through at once."""
    passing = asyncio.ensure_future(passed(gate))
    await wait_all_tasks_blocked()
    at_once = passing.done()
    passing.cancel()
    await asyncio.gather(passing, return_exceptions=True)
    return at_once


@pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, Fault.NOT_JSON, Fault.CLOSED, CannedResponse(429)])
async def test_a_token_endpoint_that_is_out_of_order_only_pauses_it(fault: Fault | CannedResponse) -> None:
    reasons: list[str] = []

    def note(reason: str, _seconds: float | None) -> None:
        reasons.append(reason)

    async with Sandbox() as sandbox, sandbox.client(retry=RetryPolicy(attempts=1)) as checkout:
        sandbox.faults.add("request_access_token", fault, times=20)
        records = [record(line) for line in range(1, 11)]
        coming = run(checkout, records, concurrency=4, outage_backoff=AT_ONCE, on_pause=note)
        outcomes = [outcome async for outcome in coming]
        assert len(outcomes) == 10
        assert not {outcome.result for outcome in outcomes} & {BatchResult.FAILED, BatchResult.UNKNOWN}
        assert sandbox.count("request_session") == 10
        assert sandbox.count("request_access_token") == 21
    assert all(reason.startswith("no access token: ") for reason in reasons if reason)
    assert any(reasons)
