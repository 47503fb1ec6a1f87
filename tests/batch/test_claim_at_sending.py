"""A record is claimed when its request is sent: a killed run leaves in doubt only what was really in flight."""

from __future__ import annotations

import sqlite3
from collections import Counter
from pathlib import Path
from unittest.mock import Mock, patch

import msgspec
import pytest

from checkout_async import CheckoutClient, Limits, OAuthCredentials
from checkout_async.batch import Backoff, BatchResult, Journal
from checkout_async.batch.journal.store import JournalStore
from checkout_async.batch.records import Record
from checkout_async.errors import ClientClosed, JournalError
from checkout_async.sandbox import Sandbox
from tests.batch.support import RECURRING, request, run


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.journal"


def slow_client(sandbox: Sandbox, limits: Limits) -> CheckoutClient:
    return CheckoutClient(
        OAuthCredentials("ack_sandbox", "sandbox_secret"),
        base_url=sandbox.base_url,
        token_url=sandbox.token_url,
        limits=limits,
    )


def records(count: int) -> list[Record]:
    own = msgspec.to_builtins(RECURRING)
    return [Record.of(line, request(reference=f"ref-{line}", channel_data=own)) for line in range(1, count + 1)]


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
    elsewhere = CheckoutClient(
        OAuthCredentials("ack_sandbox", "sandbox_secret"),
        base_url="http://127.0.0.1:9",
        token_url=sandbox.token_url,
    )
    at_once = Backoff(initial=0.001, maximum=0.001, give_up_after=0.005)
    async with elsewhere as checkout, Journal(path) as journal:
        outcomes = run(checkout, records(1), journal=journal, retry_unknown=True, outage_backoff=at_once)
        assert (await anext(outcomes)).result is BatchResult.UNKNOWN
        await outcomes.aclose()
    async with slow_client(sandbox, Limits()) as checkout, Journal(path) as journal:
        [outcome] = [each async for each in run(checkout, records(1), journal=journal)]
    assert (outcome.result, len(sandbox.sessions)) == (BatchResult.UNKNOWN, 0)


async def test_a_record_that_is_no_json_is_invalid_and_the_others_are_sent(sandbox: Sandbox, path: Path) -> None:
    bad = Record(line=1, request={**request(), "amount": object()})
    async with slow_client(sandbox, Limits()) as checkout, Journal(path) as journal:
        outcomes = [each async for each in run(checkout, [bad, *records(3)[1:]], journal=journal)]
    assert Counter(each.result for each in outcomes) == {BatchResult.INVALID: 1, BatchResult.AUTHENTICATED: 2}
