"""Many records at once: each has one outcome, none hurts another, no more are in flight than allowed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator

import anyio
import pytest
from anyio import wait_all_tasks_blocked

from checkout_async.batch import BadLine, Outcome, Record, authenticate
from checkout_async.errors import AuthenticationFailed, ConfigurationError, Conflict
from checkout_async.models import sessions
from checkout_async.operations import ApiRequest
from checkout_async.sandbox import SCENARIOS, Sandbox, card_number
from tests.batch.support import ScriptedSender, bad_line, client_of, lines_of, record, reference_of, session


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


def numbered(count: int) -> list[Record]:
    return [record(line, reference=str(line)) for line in range(1, count + 1)]


async def collect(outcomes: AsyncIterator[Outcome]) -> list[Outcome]:
    return [outcome async for outcome in outcomes]


async def gather_into(outcomes: list[Outcome], coming: AsyncIterator[Outcome]) -> None:
    async for outcome in coming:
        outcomes.append(outcome)  # noqa: PERF401  # what came before an error counts


async def test_every_line_has_exactly_one_outcome_whatever_becomes_of_it() -> None:
    items: list[Record | BadLine] = [bad_line(1)]
    items += [record(line, card_number(row.name)) for line, row in enumerate(SCENARIOS * 4, start=2)]
    async with Sandbox() as sandbox, client_of(sandbox) as checkout:
        outcomes = await collect(authenticate(checkout, items, concurrency=16))
    assert sorted(lines_of(outcomes)) == [item.line for item in items]
    statuses = Counter(outcome.status for outcome in outcomes if outcome.error is None)
    assert statuses.keys() == {"approved", "attempted", "challenged", "declined", "rejected", "unavailable"}


async def test_outcomes_come_in_the_order_in_which_they_are_ready() -> None:
    turnstile = Turnstile()
    outcomes = authenticate(turnstile.sender, numbered(3))
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
    running = asyncio.ensure_future(collect(authenticate(turnstile.sender, numbered(12), concurrency=5)))
    seen: list[int] = []
    while not running.done():
        await wait_all_tasks_blocked()
        seen.append(len(turnstile.waiting))
        turnstile.release()
    assert seen[:2] == [5, 5]
    assert max(seen) == 5
    assert len(await running) == 12


async def test_nobody_reads_ahead_of_a_slow_consumer() -> None:
    read = 0

    def records() -> Iterator[Record]:
        nonlocal read
        for item in numbered(1000):
            read += 1
            yield item

    outcomes = authenticate(ScriptedSender(lambda _: session()), records(), concurrency=4)
    await anext(outcomes)
    await wait_all_tasks_blocked()
    # One was taken, each worker holds one, and the feeder one more.
    assert read <= 1 + 4 + 1
    await outcomes.aclose()


async def test_records_may_come_from_an_async_iterable() -> None:
    async def records() -> AsyncIterator[Record | BadLine]:
        yield record(1)
        await anyio.lowlevel.checkpoint()
        yield bad_line(2)

    outcomes = await collect(authenticate(ScriptedSender(lambda _: session()), records()))
    assert sorted(lines_of(outcomes)) == [1, 2]


async def test_one_bad_record_does_not_hurt_another() -> None:
    def answer(request: ApiRequest[object]) -> sessions.Session | Exception:
        failures = {"2": Conflict("409"), "3": ZeroDivisionError()}
        return failures.get(reference_of(request), session())

    outcomes = await collect(authenticate(ScriptedSender(answer), numbered(5)))
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

    running = asyncio.ensure_future(collect(authenticate(turnstile.sender, records(), concurrency=3, stop=stop)))
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

    outcomes = authenticate(ScriptedSender(lambda _: session()), records(), stop=stop)
    assert (await anext(outcomes)).line == 1
    stop.set()
    assert await collect(outcomes) == []


async def test_wrong_credentials_end_the_run_at_once_and_are_raised_when_all_is_told() -> None:
    outcomes: list[Outcome] = []
    async with Sandbox() as sandbox, client_of(sandbox, secret="wrong") as checkout:
        with pytest.raises(AuthenticationFailed, match="check client id, secret"):
            await gather_into(outcomes, authenticate(checkout, numbered(1000), concurrency=4))
        assert sandbox.count("request_session") == 0
    assert 1 <= len(outcomes) <= 10
    assert {outcome.error and outcome.error.kind for outcome in outcomes} == {"AuthenticationFailed"}


async def test_an_error_of_the_source_is_raised_when_all_that_was_read_is_told() -> None:
    def records() -> Iterator[Record]:
        yield from numbered(2)
        raise OSError(5, "Input/output error")

    outcomes: list[Outcome] = []
    with pytest.raises(OSError, match="Input/output error"):
        await gather_into(outcomes, authenticate(ScriptedSender(lambda _: session()), records()))
    assert sorted(lines_of(outcomes)) == [1, 2]


async def test_leaving_early_cancels_what_is_in_flight() -> None:
    turnstile = Turnstile()
    outcomes = authenticate(turnstile.sender, numbered(10), concurrency=3)
    first = asyncio.ensure_future(anext(outcomes))
    await wait_all_tasks_blocked()
    turnstile.release("1")
    await first
    await wait_all_tasks_blocked()
    await outcomes.aclose()
    assert turnstile.cancelled == 3
    assert turnstile.waiting == {}


async def test_a_concurrency_below_one_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="concurrency"):
        await anext(authenticate(ScriptedSender(lambda _: session()), [], concurrency=0))


async def test_no_records_no_outcomes() -> None:
    assert await collect(authenticate(ScriptedSender(lambda _: session()), [])) == []
