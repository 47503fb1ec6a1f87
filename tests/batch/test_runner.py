"""Many records at once: each has one outcome, none hurts another, no more are in flight than allowed."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import Any, cast

import anyio
import msgspec
import pytest
from anyio import wait_all_tasks_blocked

from checkout_async import CheckoutClient, SecretKey
from checkout_async.batch import FAKE_BROWSER_DATA, Backoff, BatchResult, InvalidRecord, Outcome, Record
from checkout_async.batch.queues import Item
from checkout_async.config import Validation
from checkout_async.errors import (
    AuthenticationFailed,
    CheckoutError,
    ConfigurationError,
    Conflict,
    Forbidden,
    RateLimited,
    UnexpectedResponse,
)
from checkout_async.models import sessions
from checkout_async.operations import ApiRequest
from checkout_async.sandbox import SCENARIOS, Sandbox, card_number
from tests.batch.support import (
    ScriptedSender,
    bad_line,
    client_of,
    lines_of,
    record,
    reference_of,
    request,
    run,
    session,
)
from tests.transport.servers import raw_server

KEY = "sk_sbox_" + "a" * 27

pytestmark = pytest.mark.slow


class Turnstile:
    """A sender that lets nobody through before `release`; `waiting` are the references of those in flight."""

    def __init__(self) -> None:
        self.sender = ScriptedSender(self._answer)
        self.waiting: dict[str, asyncio.Event] = {}
        self.cancelled = 0

    async def _answer(self, request: ApiRequest[object]) -> sessions.Session:
        name = reference_of(request)
        self.waiting[name] = asyncio.Event()
        try:
            await self.waiting[name].wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            del self.waiting[name]
        return session()

    def release(self, *names: str) -> None:
        for name in names or tuple(self.waiting):
            self.waiting[name].set()


def in_browser(count: int) -> list[Record]:
    return [record(line, channel_data=FAKE_BROWSER_DATA) for line in range(1, count + 1)]


def numbered(count: int) -> list[Record]:
    return [record(line, reference=str(line)) for line in range(1, count + 1)]


async def collect(outcomes: AsyncIterator[Outcome]) -> list[Outcome]:
    return [outcome async for outcome in outcomes]


async def gather_into(outcomes: list[Outcome], coming: AsyncIterator[Outcome]) -> None:
    async for outcome in coming:
        outcomes.append(outcome)  # noqa: PERF401  # what came before an error counts


async def test_every_line_has_exactly_one_outcome_whatever_becomes_of_it() -> None:
    items: list[Record | InvalidRecord] = [bad_line(1)]
    items += [record(line, card_number(row.name)) for line, row in enumerate(SCENARIOS * 4, start=2)]
    async with Sandbox() as sandbox, client_of(sandbox) as checkout:
        outcomes = await collect(run(checkout, items, concurrency=16))
    assert sorted(lines_of(outcomes)) == [item.line for item in items]
    statuses = Counter(outcome.status for outcome in outcomes if outcome.error is None)
    assert statuses.keys() == {"approved", "attempted", "challenged", "declined", "rejected", "unavailable"}


@pytest.mark.parametrize("level", ["shape", "strict", "off", None])
async def test_each_request_is_checked_at_the_level_of_the_run(level: Validation | None) -> None:
    levels: list[Validation | None] = []

    def answer(request: ApiRequest[object]) -> sessions.Session:
        levels.append(request.options.validate)
        return session()

    await collect(run(ScriptedSender(answer), numbered(3), validate=level))
    assert levels == [level] * 3


async def test_outcomes_come_in_the_order_in_which_they_are_ready() -> None:
    turnstile = Turnstile()
    outcomes = run(turnstile.sender, numbered(3))
    first = asyncio.ensure_future(anext(outcomes))
    await wait_all_tasks_blocked()
    turnstile.release("2")
    assert (await first).line == 2
    turnstile.release("3")
    assert (await anext(outcomes)).line == 3
    turnstile.release("1")
    assert (await anext(outcomes)).line == 1
    assert await collect(outcomes) == []


async def test_no_more_sessions_are_in_flight_than_allowed() -> None:
    turnstile = Turnstile()
    running = asyncio.ensure_future(collect(run(turnstile.sender, numbered(12), concurrency=5)))
    seen: list[int] = []
    while not running.done():
        await wait_all_tasks_blocked()
        seen.append(len(turnstile.waiting))
        turnstile.release()
    assert seen[:2] == [5, 5]
    assert max(seen) == 5
    assert len(await running) == 12


@pytest.mark.parametrize(("in_order", "most"), [(False, 1 + 4 + 4), (True, 1 + 4 * 4 + 4)])
async def test_a_run_does_not_read_ahead_of_a_slow_consumer(in_order: bool, most: int) -> None:
    read = 0

    def records() -> Iterator[Record]:
        nonlocal read
        for item in numbered(1000):
            read += 1
            yield item

    sender = ScriptedSender(lambda _: session())
    outcomes = run(sender, records(), concurrency=4, in_order=in_order)
    await anext(outcomes)
    await wait_all_tasks_blocked()
    assert read <= most
    await outcomes.aclose()


async def test_outcomes_come_in_the_order_of_the_records_where_that_is_asked_for() -> None:
    turnstile = Turnstile()
    running = asyncio.ensure_future(collect(run(turnstile.sender, numbered(12), concurrency=5, in_order=True)))
    while not running.done():
        await wait_all_tasks_blocked()
        turnstile.release(*list(turnstile.waiting)[-1:])
    assert lines_of(await running) == list(range(1, 13))


async def test_no_more_than_a_window_is_read_while_the_next_in_order_is_awaited() -> None:
    turnstile = Turnstile()
    outcomes = run(turnstile.sender, numbered(1000), concurrency=5, in_order=True, drain=0)
    first = asyncio.ensure_future(anext(outcomes))
    await wait_all_tasks_blocked()
    seen = set(turnstile.waiting)
    while turnstile.waiting.keys() - {"1"}:
        for name in turnstile.waiting.keys() - {"1"}:
            turnstile.release(name)
        await wait_all_tasks_blocked()
        seen |= turnstile.waiting.keys()
    assert len(seen) <= 4 * 5 + 5
    turnstile.release("1")
    assert (await first).line == 1
    await outcomes.aclose()


async def test_records_may_come_from_an_async_iterable() -> None:
    async def records() -> AsyncIterator[Record | InvalidRecord]:
        yield record(1)
        await anyio.lowlevel.checkpoint()
        yield bad_line(2)

    outcomes = await collect(run(ScriptedSender(lambda _: session()), records()))
    assert sorted(lines_of(outcomes)) == [1, 2]


async def test_bare_requests_are_numbered_in_the_order_they_come() -> None:
    struct = msgspec.convert(request(reference="b"), sessions.SessionRequest)
    items: list[Item] = [request(reference="a"), struct, cast("Record", 3)]
    outcomes = await collect(run(ScriptedSender(lambda _: session()), items, in_order=True))
    assert [(outcome.line, outcome.reference, outcome.result) for outcome in outcomes] == [
        (1, "a", BatchResult.AUTHENTICATED),
        (2, "b", BatchResult.AUTHENTICATED),
        (3, None, BatchResult.INVALID),
    ]
    assert outcomes[2].error is not None
    assert "not int" in outcomes[2].error.message


async def test_a_reference_longer_than_there_can_be_is_not_repeated_in_the_outcome() -> None:
    body = {**request(), "reference": "x" * 10_001}
    items: list[Item] = [body, msgspec.convert(body | {"reference": "x"}, sessions.SessionRequest)]
    items += [msgspec.structs.replace(cast("sessions.SessionRequest", items[1]), reference="x" * 10_001)]
    items += [Record(line=4, request=body, reference="x" * 10_001)]
    async with Sandbox() as sandbox, client_of(sandbox) as checkout:
        outcomes = await collect(run(checkout, items, in_order=True))
    yielded = [(outcome.result.is_final, outcome.reference) for outcome in outcomes]
    assert yielded == [(False, None), (True, "x"), (False, None), (True, None)]
    assert {outcome.error and outcome.error.path for outcome in outcomes} == {None, "$.reference"}


@pytest.mark.parametrize("character", ["\n", "\r", "\t", "\0", "\x1b", "\x7f"])
async def test_several_cells_that_a_missing_quote_has_joined_are_no_reference(character: str) -> None:
    """They may hold card numbers, which would be in the output, in the journal and in what the API is sent."""
    joined = {**request(), "reference": f"A,card,4000000000000101{character}B,card,4242424242424242"}
    sender = ScriptedSender(lambda _: session())
    [outcome] = await collect(run(sender, [joined]))
    assert (outcome.result, outcome.reference, sender.calls) == (BatchResult.INVALID, None, [])
    assert outcome.error is not None
    assert (outcome.error.path, "is a quote missing?" in outcome.error.message) == ("$.reference", True)
    assert "4242" not in repr(outcome)


async def test_one_bad_record_does_not_hurt_another() -> None:
    def answer(request: ApiRequest[object]) -> sessions.Session | Exception:
        failures = {"2": Conflict("409", status=409), "3": ZeroDivisionError()}
        return failures.get(reference_of(request), session())

    outcomes = await collect(run(ScriptedSender(answer), numbered(5)))
    kinds = {outcome.line: outcome.error and outcome.error.kind for outcome in outcomes}
    assert kinds == {1: None, 2: "Conflict", 3: "ZeroDivisionError", 4: None, 5: None}


async def test_when_asked_to_stop_it_finishes_what_it_has_read_and_reads_no_more() -> None:
    turnstile = Turnstile()
    stop = anyio.Event()
    read: list[int] = []

    def records() -> Iterator[Record]:
        for item in numbered(100):
            read.append(item.line)
            yield item

    running = asyncio.ensure_future(collect(run(turnstile.sender, records(), concurrency=3, stop=stop)))
    await wait_all_tasks_blocked()
    stop.set()
    while not running.done():
        await wait_all_tasks_blocked()
        turnstile.release()
    assert sorted(lines_of(await running)) == read
    assert len(read) < 10


async def test_a_stop_is_heard_while_the_source_is_silent() -> None:
    stop = anyio.Event()

    async def records() -> AsyncIterator[Record]:
        yield record(1)
        await anyio.sleep_forever()

    outcomes = run(ScriptedSender(lambda _: session()), records(), stop=stop)
    assert (await anext(outcomes)).line == 1
    stop.set()
    assert await collect(outcomes) == []


async def test_wrong_credentials_end_the_run_at_once_and_are_raised_when_all_is_reported() -> None:
    outcomes: list[Outcome] = []
    async with Sandbox() as sandbox, client_of(sandbox, secret="wrong") as checkout:
        with pytest.raises(AuthenticationFailed, match="check client id, secret"):
            await gather_into(outcomes, run(checkout, numbered(1000), concurrency=4))
        assert sandbox.count("request_session") == 0
    assert 1 <= len(outcomes) <= 10
    assert {outcome.result for outcome in outcomes} == {BatchResult.FAILED}
    assert {outcome.error and outcome.error.kind for outcome in outcomes} == {"AuthenticationFailed"}


async def test_a_missing_scope_ends_the_run_at_once() -> None:
    outcomes: list[Outcome] = []
    async with Sandbox() as sandbox, client_of(sandbox, scopes=["sessions:app"]) as checkout:
        with pytest.raises(Forbidden):
            await gather_into(outcomes, run(checkout, in_browser(1000), concurrency=4))
        assert sandbox.sessions == {}
    assert 1 <= len(outcomes) <= 10
    assert {outcome.result for outcome in outcomes} == {BatchResult.FAILED}


@pytest.mark.parametrize(
    ("status", "result"), [(201, BatchResult.UNKNOWN), (301, BatchResult.FAILED)], ids=["a page", "a redirect"]
)
async def test_an_address_that_is_not_the_apis_ends_the_run_after_three_replies(
    status: int, result: BatchResult
) -> None:
    """Each record that gets a page with a status of success is in doubt, so that a person has to look it up."""

    async def behave(writer: asyncio.StreamWriter, number: int) -> None:
        head = f"HTTP/1.1 {status} Odd\r\nX-Request: {number}\r\nLocation: /\r\nContent-Length: 13\r\n\r\n"
        writer.write(head.encode() + b"<html></html>")
        await writer.drain()

    outcomes: list[Outcome] = []
    async with raw_server(behave) as server, CheckoutClient(SecretKey(KEY), base_url=server.url) as checkout:
        with pytest.raises(UnexpectedResponse):
            await gather_into(outcomes, run(checkout, numbered(1000), concurrency=1))
    assert [outcome.result for outcome in outcomes] == [result] * 3
    assert len(server.requests) == 3


async def test_an_error_of_the_source_is_raised_when_all_that_was_read_is_reported() -> None:
    def records() -> Iterator[Record]:
        yield from numbered(2)
        raise OSError(5, "Input/output error")

    outcomes: list[Outcome] = []
    with pytest.raises(OSError, match="Input/output error"):
        await gather_into(outcomes, run(ScriptedSender(lambda _: session()), records()))
    assert sorted(lines_of(outcomes)) == [1, 2]


class TestLeavingEarly:
    """Whoever leaves does not tear down what is in flight: its answers may be paid for."""

    async def test_what_is_in_flight_is_finished_and_nothing_new_begun(self) -> None:
        turnstile, outcomes = await self.left_after_the_first(drain=30)
        leaving = asyncio.ensure_future(outcomes.aclose())
        await wait_all_tasks_blocked()
        assert not leaving.done()
        assert turnstile.waiting.keys() == {"2", "3", "4"}
        turnstile.release()
        await leaving
        assert (turnstile.cancelled, turnstile.waiting) == (0, {})

    async def test_but_not_waited_for_longer_than_asked(self) -> None:
        turnstile, outcomes = await self.left_after_the_first(drain=0)
        await outcomes.aclose()
        assert (turnstile.cancelled, turnstile.waiting) == (3, {})

    async def test_a_cancelled_consumer_waits_too(self) -> None:
        turnstile = Turnstile()
        running = asyncio.ensure_future(collect(run(turnstile.sender, numbered(10), concurrency=3)))
        await wait_all_tasks_blocked()
        running.cancel()
        await wait_all_tasks_blocked()
        assert not running.done()
        turnstile.release()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert (turnstile.cancelled, turnstile.waiting) == (0, {})

    async def test_and_a_second_cancellation_ends_the_wait(self) -> None:
        turnstile = Turnstile()
        running = asyncio.ensure_future(collect(run(turnstile.sender, numbered(10), concurrency=3)))
        await wait_all_tasks_blocked()
        running.cancel()
        await wait_all_tasks_blocked()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert (turnstile.cancelled, turnstile.waiting) == (3, {})

    async def left_after_the_first(self, *, drain: float) -> tuple[Turnstile, AsyncGenerator[Outcome]]:
        turnstile = Turnstile()
        outcomes = run(turnstile.sender, numbered(10), concurrency=3, drain=drain)
        first = asyncio.ensure_future(anext(outcomes))
        await wait_all_tasks_blocked()
        turnstile.release("1")
        await first
        await wait_all_tasks_blocked()
        return turnstile, outcomes


async def test_a_concurrency_below_one_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="concurrency"):
        await anext(run(ScriptedSender(lambda _: session()), [], concurrency=0))


async def test_a_level_that_does_not_exist_is_refused() -> None:
    level: Any = "Strict"
    with pytest.raises(ConfigurationError, match="validate must be one of"):
        await anext(run(ScriptedSender(lambda _: session()), [], validate=level))


async def test_no_records_no_outcomes() -> None:
    assert await collect(run(ScriptedSender(lambda _: session()), [])) == []


async def test_time_limits_of_the_records_own_touch_nothing_but_the_reading() -> None:
    expired = asyncio.Event()

    async def records() -> AsyncIterator[Record]:
        try:
            async with asyncio.timeout(60) as limit:
                for item in numbered(5):
                    yield item
                limit.reschedule(asyncio.get_running_loop().time())
                await anyio.sleep_forever()
        finally:
            expired.set()

    turnstile = Turnstile()
    outcomes: list[Outcome] = []
    running = asyncio.ensure_future(gather_into(outcomes, run(turnstile.sender, records(), concurrency=8)))
    await expired.wait()
    await wait_all_tasks_blocked()
    turnstile.release()
    with pytest.raises(TimeoutError):
        await running
    assert lines_of(outcomes) == [1, 2, 3, 4, 5]
    assert turnstile.cancelled == 0


async def test_records_that_are_cancelled_from_outside_are_not_a_complete_run() -> None:
    async def records() -> AsyncIterator[Record]:
        yield record(1)
        raise asyncio.CancelledError

    outcomes: list[Outcome] = []
    with pytest.raises(CheckoutError, match="records was cancelled from outside this run"):
        await gather_into(outcomes, run(ScriptedSender(lambda _: session()), records()))
    assert lines_of(outcomes) == [1]


async def test_a_call_that_somebody_else_cancelled_is_unknown_and_the_others_go_on() -> None:
    async def answer(request: ApiRequest[object]) -> sessions.Session:
        if reference_of(request) == "2":
            raise asyncio.CancelledError
        return session()

    outcomes = await collect(run(ScriptedSender(answer), numbered(5), in_order=True))
    results = [outcome.result for outcome in outcomes]
    assert results == [BatchResult.UNKNOWN if line == 2 else BatchResult.AUTHENTICATED for line in range(1, 6)]


async def test_a_read_that_never_returns_does_not_block_the_end() -> None:
    read = threading.Event()

    async def records() -> AsyncIterator[Record]:
        yield record(1)
        await anyio.to_thread.run_sync(read.wait)

    outcomes = run(ScriptedSender(lambda _: session()), records())
    try:
        async with asyncio.timeout(60):
            assert (await anext(outcomes)).line == 1
            await outcomes.aclose()
        assert not read.is_set()
    finally:
        read.set()


async def test_a_rule_against_one_record_does_not_end_the_run() -> None:
    def answer(request: ApiRequest[object]) -> sessions.Session | Exception:
        forbidden = Forbidden("403", operation="request_session", status=403)
        return forbidden if reference_of(request) in {"1", "4"} else session()

    outcomes = await collect(run(ScriptedSender(answer), numbered(6), concurrency=1))
    failed = [outcome.line for outcome in outcomes if outcome.result is BatchResult.FAILED]
    assert failed == [1, 4]


async def test_a_record_that_is_always_too_much_does_not_end_the_run() -> None:
    def answer(request: ApiRequest[object]) -> sessions.Session | Exception:
        busy = RateLimited("429", operation="request_session", status=429)
        return busy if reference_of(request) == "2" else session()

    soon = Backoff(initial=0.001, maximum=0.001, give_up_after=60)
    outcomes = await collect(run(ScriptedSender(answer), numbered(6), concurrency=1, outage_backoff=soon))
    assert [outcome.line for outcome in outcomes if outcome.result is BatchResult.FAILED] == [2]
