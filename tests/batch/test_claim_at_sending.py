"""A record is claimed when its request is sent: a killed run leaves in doubt only what was really in flight."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast
from unittest.mock import Mock, patch

import msgspec
import pytest

from checkout_async import CheckoutClient, Limits, OAuthCredentials, RetryPolicy
from checkout_async._core.wire import CallOptions
from checkout_async.batch import Backoff, BatchResult, Journal
from checkout_async.batch.journal.store import JournalStore
from checkout_async.batch.records import Record
from checkout_async.clock import Clock
from checkout_async.errors import ClientClosed, ConfigurationError, ConnectFailed, JournalError
from checkout_async.operations import ApiRequest, ApiResponse, Sender
from checkout_async.sandbox import Fault, Sandbox
from checkout_async.transport.pipeline import Pipeline
from tests.batch.support import RECURRING, Answer, HeldReplies, ScriptedSender, request, run, session

T = TypeVar("T")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.journal"


def slow_client(sandbox: Sandbox, limits: Limits) -> CheckoutClient:
    return CheckoutClient(
        OAuthCredentials("ack_sandbox", "sandbox_secret", scopes=[]),
        base_url=sandbox.base_url,
        token_url=sandbox.token_url,
        limits=limits,
    )


def unreachable(sandbox: Sandbox) -> CheckoutClient:
    """A client whose connections to the API are refused."""
    return CheckoutClient(
        OAuthCredentials("ack_sandbox", "sandbox_secret", scopes=[]),
        base_url="http://127.0.0.1:9",
        token_url=sandbox.token_url,
        retry=RetryPolicy(attempts=1),
    )


def records(count: int) -> list[Record]:
    own = msgspec.to_builtins(RECURRING)
    return [
        Record(line=line, request=request(reference=f"ref-{line}", channel_data=own), reference=f"ref-{line}")
        for line in range(1, count + 1)
    ]


@pytest.mark.parametrize(
    "limits", [Limits(concurrency=40, write_rate=10), Limits(concurrency=2)], ids=["waits for a rate", "for a slot"]
)
async def test_a_record_that_waits_is_not_claimed(sandbox: Sandbox, path: Path, limits: Limits) -> None:
    async with slow_client(sandbox, limits) as checkout, Journal(path) as journal:
        outcomes = run(checkout, records(40), concurrency=40, journal=journal, channel_data=RECURRING)
        for _ in range(4):
            await anext(outcomes)
        claimed = sum((await journal.counts()).values())
        assert claimed <= len(sandbox.sessions) + 2, "more than what has been or is being sent"
        await outcomes.aclose()


async def test_of_two_equal_records_that_wait_one_is_sent(sandbox: Sandbox, path: Path) -> None:
    twice = [Record(line=line, request=request(reference="same"), reference="same") for line in (1, 2)]
    async with slow_client(sandbox, Limits(concurrency=1)) as checkout, Journal(path) as journal:
        outcomes = [each async for each in run(checkout, twice, journal=journal, channel_data=RECURRING)]
    assert Counter(each.result for each in outcomes) == {BatchResult.AUTHENTICATED: 1, BatchResult.INVALID: 1}
    assert len(sandbox.sessions) == 1


async def test_a_record_that_could_not_be_sent_has_an_outcome_and_is_sent_by_the_next_run(
    sandbox: Sandbox, path: Path
) -> None:
    async with slow_client(sandbox, Limits()) as checkout, Journal(path) as journal:
        await checkout.aclose()
        outcomes = run(checkout, records(1), journal=journal, channel_data=RECURRING)
        assert (await anext(outcomes)).result is BatchResult.FAILED
        with pytest.raises(ClientClosed):
            await anext(outcomes)
        assert await journal.counts() == {BatchResult.FAILED: 1}
    async with slow_client(sandbox, Limits()) as checkout, Journal(path) as journal:
        [outcome] = [each async for each in run(checkout, records(1), journal=journal, channel_data=RECURRING)]
    assert (outcome.result, outcome.replayed, len(sandbox.sessions)) == (BatchResult.AUTHENTICATED, False, 1)


async def test_a_journal_that_fails_when_a_request_is_to_be_sent_keeps_it_from_being_sent(
    sandbox: Sandbox, path: Path
) -> None:
    full = Mock(side_effect=sqlite3.OperationalError("database or disk is full"))
    async with slow_client(sandbox, Limits()) as checkout:
        journal = await Journal(path).__aenter__()
        outcomes = run(checkout, records(1), journal=journal, channel_data=RECURRING)
        with patch.object(JournalStore, "_claim", full):
            assert (await anext(outcomes)).result is BatchResult.FAILED
            with pytest.raises(JournalError):
                await anext(outcomes)
        with pytest.raises(JournalError):
            await journal.__aexit__(None, None, None)
    assert not sandbox.sessions


async def in_doubt(path: Path) -> None:
    """Leave a journal as a run does that was killed while it sent the record."""
    async with Journal(path) as journal:
        await journal.claim(records(1)[0])


async def test_a_record_in_doubt_that_could_not_be_sent_again_stays_in_doubt(sandbox: Sandbox, path: Path) -> None:
    await in_doubt(path)
    async with slow_client(sandbox, Limits()) as checkout, Journal(path) as journal:
        await checkout.aclose()
        outcomes = run(checkout, records(1), journal=journal, channel_data=RECURRING, retry_unknown=True)
        assert (await anext(outcomes)).result is BatchResult.UNKNOWN
        await outcomes.aclose()
    async with slow_client(sandbox, Limits()) as checkout, Journal(path) as journal:
        [outcome] = [each async for each in run(checkout, records(1), journal=journal, channel_data=RECURRING)]
    assert (outcome.result, len(sandbox.sessions)) == (BatchResult.UNKNOWN, 0)


async def test_a_record_in_doubt_that_was_claimed_again_and_not_sent_stays_in_doubt(
    sandbox: Sandbox, path: Path
) -> None:
    await in_doubt(path)
    elsewhere = unreachable(sandbox)
    at_once = Backoff(initial=0.001, maximum=0.001, give_up_after=0.005)
    async with elsewhere as checkout, Journal(path) as journal:
        outcomes = run(checkout, records(1), journal=journal, retry_unknown=True, outage_backoff=at_once)
        assert (await anext(outcomes)).result is BatchResult.UNKNOWN
        await outcomes.aclose()
    async with slow_client(sandbox, Limits()) as checkout, Journal(path) as journal:
        [outcome] = [each async for each in run(checkout, records(1), journal=journal)]
    assert (outcome.result, len(sandbox.sessions)) == (BatchResult.UNKNOWN, 0)


FOR_LONG = Backoff(initial=3600, maximum=3600, give_up_after=7200)


async def left_by_a_kill_in_an_outage(sandbox: Sandbox, path: Path, *, retry_unknown: bool) -> Path:
    """Copy the journal of a run that waits for the end of an outage, as a kill would leave it."""
    copy, paused = path.with_name("copy.journal"), asyncio.Event()
    async with unreachable(sandbox) as checkout, Journal(path) as journal:
        outcomes = run(
            checkout,
            records(5),
            journal=journal,
            retry_unknown=retry_unknown,
            outage_backoff=FOR_LONG,
            on_pause=lambda _reason, _seconds: paused.set(),
        )
        waiting = asyncio.ensure_future(anext(outcomes))
        await paused.wait()
        async with asyncio.timeout(30):
            # Until the attempts that had begun have failed, too. An earlier doubt stays one.
            while (await journal.counts()).get(None, 0) > int(retry_unknown):
                await asyncio.sleep(0.01)
        for suffix in ("", "-wal", ".key"):
            # By another process: a reader within this one would end the journal's locks.
            subprocess.run(["cp", f"{path}{suffix}", f"{copy}{suffix}"], check=True)  # noqa: ASYNC221
        waiting.cancel()
        await asyncio.wait([waiting])
        await outcomes.aclose()
    return copy


async def test_a_record_that_waits_for_the_end_of_an_outage_is_not_in_doubt(sandbox: Sandbox, path: Path) -> None:
    killed = await left_by_a_kill_in_an_outage(sandbox, path, retry_unknown=False)
    async with slow_client(sandbox, Limits()) as checkout, Journal(killed) as journal:
        outcomes = [each async for each in run(checkout, records(5), journal=journal)]
    assert Counter(each.result for each in outcomes) == {BatchResult.AUTHENTICATED: 5}
    assert len(sandbox.sessions) == 5


async def test_a_record_that_waits_for_the_end_of_an_outage_keeps_an_earlier_doubt(
    sandbox: Sandbox, path: Path
) -> None:
    await in_doubt(path)
    killed = await left_by_a_kill_in_an_outage(sandbox, path, retry_unknown=True)
    async with slow_client(sandbox, Limits()) as checkout, Journal(killed) as journal:
        outcomes = [each async for each in run(checkout, records(5), journal=journal)]
    assert {each.line: each.result for each in outcomes}[1] is BatchResult.UNKNOWN
    assert len(sandbox.sessions) == 4


async def test_a_record_that_the_api_refused_for_its_rate_is_not_in_doubt_while_it_waits(
    sandbox: Sandbox, path: Path
) -> None:
    waits = asyncio.Event()

    async def sleep(_seconds: float) -> None:
        waits.set()
        await asyncio.Event().wait()

    sandbox.faults.add("request_session", Fault.RATE_LIMITED)
    with patch("checkout_async.client.Clock", return_value=Clock(sleep=sleep)):
        checkout = slow_client(sandbox, Limits())
    async with checkout, Journal(path) as journal:
        outcomes = run(checkout, records(1), journal=journal, drain=0)
        waiting = asyncio.ensure_future(anext(outcomes))
        await waits.wait()
        assert await journal.counts() == {BatchResult.FAILED: 1}
        waiting.cancel()
        await asyncio.wait([waiting])
        await outcomes.aclose()


async def test_of_two_records_with_one_reference_the_first_is_sent_even_if_it_waits_longer(
    sandbox: Sandbox, path: Path
) -> None:
    genuine: Any = Pipeline.send

    async def send(self: Pipeline, request: Any) -> object:
        if request.operation.name == "request_session" and request.body["amount"] == 1:
            await asyncio.sleep(0.1)
        return await genuine(self, request)

    twice = [Record(line=line, request=request(amount=line), reference="same") for line in (1, 2)]
    async with slow_client(sandbox, Limits()) as checkout, Journal(path) as journal:
        with patch.object(Pipeline, "send", send):
            outcomes = [each async for each in run(checkout, twice, journal=journal)]
    assert {each.line: each.result for each in outcomes} == {1: BatchResult.AUTHENTICATED, 2: BatchResult.INVALID}
    [repeated] = [each.error for each in outcomes if each.error]
    assert repeated.message == "the same reference as line 1; give each record its own"
    assert [sandbox.sessions[each].amount for each in sandbox.sessions] == [1]


async def test_a_record_that_waits_for_the_end_of_an_outage_is_not_replaced_by_an_equal_one(
    sandbox: Sandbox, path: Path
) -> None:
    paused, amounts = asyncio.Event(), list[int]()

    async def twice() -> AsyncGenerator[Record]:
        yield Record(line=1, request=request(amount=1), reference="same")
        await paused.wait()
        yield Record(line=2, request=request(amount=2), reference="same")

    def answer(call: ApiRequest[object]) -> Answer:
        amounts.append(cast("Mapping[str, int]", call.body)["amount"])
        return session() if paused.is_set() else ConnectFailed("refused", operation="request_session")

    async with Journal(path) as journal:
        outcomes = run(
            ScriptedSender(answer),
            twice(),
            journal=journal,
            outage_backoff=Backoff(initial=0.05, maximum=0.05, give_up_after=60),
            on_pause=lambda _reason, _seconds: paused.set(),
        )
        found = {each.line: each.result async for each in outcomes}
    assert found == {1: BatchResult.AUTHENTICATED, 2: BatchResult.INVALID}
    assert set(amounts) == {1}


@pytest.mark.parametrize("journal", [Journal, "run.journal", Path("run.journal")])
async def test_what_is_no_journal_is_refused_before_anything_is_sent(journal: Any) -> None:
    sender = ScriptedSender(lambda _: session())
    with pytest.raises(ConfigurationError, match=r"journal must be (an instance of )?Journal, not "):
        await anext(run(sender, records(1), journal=journal))
    await asyncio.sleep(0)
    assert not sender.calls


class Forgetful(CheckoutClient):
    """A client that does not pass on the options of a call."""

    async def send(self, request: ApiRequest[T]) -> ApiResponse[T]:
        return await super().send(msgspec.structs.replace(request, options=CallOptions()))


def forgetful_instance(checkout: CheckoutClient) -> Sender:
    genuine = checkout.send

    async def send(request: ApiRequest[T]) -> ApiResponse[T]:
        return await genuine(msgspec.structs.replace(request, options=CallOptions()))

    vars(checkout)["send"] = send
    return checkout


class Wrapper:
    def __init__(self, checkout: CheckoutClient) -> None:
        self._checkout = checkout

    async def send(self, request: ApiRequest[T], /) -> ApiResponse[T]:
        return await self._checkout.send(msgspec.structs.replace(request, options=CallOptions()))


@pytest.mark.parametrize("wrapped", [forgetful_instance, Wrapper, None])
async def test_a_sender_that_drops_the_options_of_a_call_sends_nothing_without_a_claim(
    sandbox: Sandbox, path: Path, wrapped: Callable[[CheckoutClient], Sender] | None
) -> None:
    kind = CheckoutClient if wrapped else Forgetful
    credentials = OAuthCredentials("ack_sandbox", "sandbox_secret", scopes=[])
    replies = HeldReplies()
    sandbox.faults.add("request_session", replies, times=None)
    async with (
        kind(credentials, base_url=sandbox.base_url, token_url=sandbox.token_url) as checkout,
        Journal(path) as journal,
    ):
        sender = checkout if wrapped is None else wrapped(checkout)
        outcomes = run(sender, records(2), journal=journal)
        waiting = asyncio.ensure_future(anext(outcomes))
        while replies.held < 2:
            await asyncio.sleep(0.01)
        assert await journal.counts() == {None: 2}
        replies.released.set()
        assert (await waiting).result is BatchResult.AUTHENTICATED
        await outcomes.aclose()


async def test_a_record_that_is_no_json_is_invalid_and_the_others_are_sent(sandbox: Sandbox, path: Path) -> None:
    bad = Record(line=1, request={**request(), "amount": object()})
    async with slow_client(sandbox, Limits()) as checkout, Journal(path) as journal:
        outcomes = [each async for each in run(checkout, [bad, *records(3)[1:]], journal=journal)]
    assert Counter(each.result for each in outcomes) == {BatchResult.INVALID: 1, BatchResult.AUTHENTICATED: 2}
