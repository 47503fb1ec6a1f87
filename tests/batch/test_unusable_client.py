"""A client that can no longer be used ends a run: what was not sent is not in doubt, and what is known is written."""

from __future__ import annotations

import asyncio
import io
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from checkout_async.batch import BatchResult, Journal, Outcome, Record
from checkout_async.errors import (
    CheckoutError,
    ClientClosed,
    ConfigurationError,
    MissingExtra,
    OutcomeUnknown,
    WrongLoop,
    WrongProcess,
)
from checkout_async.models import sessions
from checkout_async.operations import ApiRequest
from checkout_async.sandbox import Sandbox
from tests.batch.support import (
    RECURRING,
    ScriptedSender,
    changed,
    client_of,
    in_turn,
    job_of,
    record,
    reference_of,
    request,
    run,
    session,
)
from tests.commands import results_in, write_lines

UNUSABLE = [ClientClosed, ConfigurationError, MissingExtra, WrongLoop, WrongProcess]


async def test_a_client_that_is_closed_in_mid_run(sandbox: Sandbox, tmp_path: Path) -> None:
    records, first = numbered(40), list[Outcome]()
    async with Journal(tmp_path / "run.journal") as journal, client_of(sandbox) as checkout:

        async def close_after_ten() -> None:
            async for outcome in run(checkout, records, concurrency=4, channel_data=RECURRING, journal=journal):
                first.append(outcome)
                if len(first) == 10:
                    await checkout.aclose()

        with pytest.raises(ClientClosed, match="the client is closed, so nothing was sent"):
            await close_after_ten()
    results = Counter(outcome.result for outcome in first)
    assert results[BatchResult.UNKNOWN] <= 4, "those in flight"
    assert len(first) < 30, "and no more records are read"
    async with Journal(tmp_path / "run.journal") as journal, client_of(sandbox) as checkout:
        coming = run(checkout, records, concurrency=4, channel_data=RECURRING, journal=journal)
        assert len([outcome async for outcome in coming]) == 40
    made = Counter(sandbox.sessions[each].reference for each in sandbox.sessions)
    assert set(made.values()) == {1}


async def test_a_client_of_another_event_loop(sandbox: Sandbox) -> None:
    checkout, elsewhere, outcomes = client_of(sandbox), asyncio.Runner(), list[Outcome]()
    await asyncio.to_thread(lambda: elsewhere.run(checkout.request_access_token()))
    with pytest.raises(WrongLoop):
        await gather_into(outcomes, run(checkout, numbered(100), concurrency=4))
    await asyncio.to_thread(lambda: elsewhere.run(checkout.aclose()))
    await asyncio.to_thread(elsewhere.close)
    assert {outcome.result for outcome in outcomes} == {BatchResult.FAILED}
    assert len(outcomes) <= 4
    assert len(sandbox.sessions) == 0


def numbered(count: int) -> list[Record]:
    return [record(line, reference=f"ref-{line}") for line in range(1, count + 1)]


async def gather_into(outcomes: list[Outcome], coming: AsyncIterator[Outcome]) -> None:
    async for outcome in coming:
        outcomes.append(outcome)  # noqa: PERF401  # what came before an error counts


def usable_twice(error: CheckoutError) -> ScriptedSender:
    def answer(request: ApiRequest[object]) -> sessions.Session | CheckoutError:
        reference = reference_of(request)
        return session(id=f"sid_{reference:a>26}") if reference in {"ref-1", "ref-2"} else error

    return ScriptedSender(answer)


@pytest.mark.parametrize("kind", UNUSABLE)
async def test_the_command_writes_what_is_known_and_ends_with_3(kind: type[CheckoutError], tmp_path: Path) -> None:
    lines = [request(reference=f"ref-{number}") for number in range(1, 11)]
    source, messages = write_lines(tmp_path / "in.jsonl", lines), io.StringIO()
    job = job_of(
        input=source,
        output=tmp_path / "out.jsonl",
        stderr=messages,
        stdout=messages,
        concurrency=1,
        channel_data=RECURRING,
    )
    sender = usable_twice(kind("it cannot be used, so nothing was sent"))
    assert await job.run(sender) == 3
    assert "stopped: it cannot be used, so nothing was sent" in messages.getvalue()
    written = results_in((tmp_path / "out.jsonl").read_text())
    assert [row["result"] for row in written.values()] == ["authenticated", "authenticated", "failed"]
    healthy = ScriptedSender(lambda request: session(id=f"sid_{reference_of(request):a>26}"))
    assert await changed(job, resume=True).run(healthy) == 0
    assert len(healthy.calls) == 8


async def test_a_refusal_after_an_attempt_that_may_have_arrived_leaves_the_record_in_doubt() -> None:
    refusal = ClientClosed("the client is closed")
    refusal.may_have_been_done = True
    [outcome] = await outcomes_until(refusal, ScriptedSender(lambda _: refusal))
    assert outcome.result is BatchResult.UNKNOWN


async def test_a_session_that_exists_is_left_to_the_next_run() -> None:
    refusal = ClientClosed("the client is closed")
    [outcome] = await outcomes_until(refusal, in_turn(session("pending", "collect_channel_data"), refusal))
    assert (outcome.result, outcome.session_id) == (BatchResult.UNKNOWN, session().id)


async def test_a_lost_reply_does_not_end_the_run() -> None:
    sender = usable_twice(OutcomeUnknown("lost", operation="request_session"))
    outcomes = [outcome async for outcome in run(sender, numbered(3), concurrency=1)]
    assert [outcome.result for outcome in outcomes] == ["authenticated", "authenticated", "unknown"]


async def outcomes_until(error: CheckoutError, sender: ScriptedSender) -> list[Outcome]:
    """The outcomes of a run that ends with an error."""
    outcomes: list[Outcome] = []
    with pytest.raises(type(error)):
        await gather_into(outcomes, run(sender, numbered(1)))
    return outcomes
