"""A run that is stopped: calls that wait to be sent end at once, and what is in flight is finished."""

from __future__ import annotations

import asyncio
import io
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from checkout_async import CheckoutClient, Limits, OAuthCredentials
from checkout_async.batch import BatchResult, Journal, Outcome
from checkout_async.batch.command.interrupt import Interrupt
from checkout_async.sandbox import Sandbox
from checkout_async.sandbox.http.faults import CannedResponse
from tests.batch.support import RECURRING, HeldReplies, job_of, record, request, run
from tests.commands import until, write_lines

OUT_OF_RATE = CannedResponse(429, retry_after=20)


def limited(sandbox: Sandbox, **limits: float) -> CheckoutClient:
    return CheckoutClient(
        OAuthCredentials("ack_sandbox", "sandbox_secret", scopes=[]),
        base_url=sandbox.base_url,
        token_url=sandbox.token_url,
        limits=Limits(**{"retry_budget": None, **limits}),  # type: ignore[arg-type]
    )


def in_flight(checkout: CheckoutClient) -> int:
    """How many calls have a slot: those that were sent, and not those that wait for a retry."""
    return checkout._limiter.slots.borrowed_tokens


async def stopped(
    checkout: CheckoutClient, journal: Journal | None, when: Callable[[], bool], held: HeldReplies | None = None
) -> list[Outcome]:
    """Stop a run of ten records when a condition holds; return all outcomes."""
    stop = anyio.Event()
    records = [record(line, reference=f"ref-{line}") for line in range(1, 11)]

    async def outcomes() -> list[Outcome]:
        running = run(checkout, records, concurrency=10, journal=journal, stop=stop, channel_data=RECURRING)
        return [each async for each in running]

    running = asyncio.create_task(outcomes())
    await until(when)
    stop.set()
    if held is not None:
        await asyncio.sleep(0)
        held.released.set()
    async with asyncio.timeout(60):
        return await running


@pytest.mark.parametrize("has_journal", [True, False], ids=["journal", "no journal"])
class TestStop:
    async def test_ends_the_wait_for_a_retry(self, sandbox: Sandbox, tmp_path: Path, *, has_journal: bool) -> None:
        sandbox.faults.add("request_session", OUT_OF_RATE, times=None)
        async with limited(sandbox) as checkout, Journal(tmp_path / "run.journal") as journal:
            outcomes = await stopped(
                checkout,
                journal if has_journal else None,
                lambda: sandbox.count("request_session") == 10 and in_flight(checkout) == 0,
            )
        assert Counter(each.result for each in outcomes) == {BatchResult.FAILED: 10}
        assert {each.error and each.error.message for each in outcomes} == {
            "the run ended before this record was sent again; no session was created; --resume sends it"
        }
        assert sandbox.count("request_session") == 10

    @pytest.mark.parametrize("limits", [{"write_rate": 4}, {"concurrency": 1}], ids=["rate", "slot"])
    async def test_ends_the_wait_before_the_first_attempt(
        self, sandbox: Sandbox, tmp_path: Path, limits: dict[str, float], *, has_journal: bool
    ) -> None:
        held = HeldReplies()
        sandbox.faults.add("request_session", held, times=None)
        async with limited(sandbox, **limits) as checkout, Journal(tmp_path / "run.journal") as journal:
            outcomes = await stopped(checkout, journal if has_journal else None, lambda: held.held > 0, held)
        found = Counter(each.result for each in outcomes)
        assert found == {BatchResult.FAILED: 10 - held.held, BatchResult.AUTHENTICATED: held.held}
        assert sandbox.count("request_session") == held.held == len(sandbox.sessions) < 10


@pytest.mark.parametrize("is_held", [False, True], ids=["waiting", "in flight"])
async def test_the_message_counts_what_is_in_flight(
    sandbox: Sandbox, source: Path, target: Path, *, is_held: bool
) -> None:
    fault = HeldReplies() if is_held else OUT_OF_RATE
    write_lines(source, [request(reference=f"ref-{line}") for line in range(1, 5)])
    sandbox.faults.add("request_session", fault, times=None)
    messages = io.StringIO()
    job = job_of(input=source, output=target, channel_data=RECURRING, stderr=messages, stdout=io.StringIO())
    async with limited(sandbox) as checkout:
        running = asyncio.create_task(job.run(checkout))
        if isinstance(fault, HeldReplies):
            await until(lambda: fault.held == 4)
        else:
            await until(lambda: sandbox.count("request_session") == 4 and in_flight(checkout) == 0)
        signal.raise_signal(signal.SIGTERM)
        await until(lambda: "stopping" in messages.getvalue())
        if isinstance(fault, HeldReplies):
            fault.released.set()
        async with asyncio.timeout(60):
            assert await running == 143
    assert f"stopping: {4 if is_held else 0} in flight will be finished" in messages.getvalue()


class TestSignals:
    async def test_sighup_stops_a_run(self) -> None:
        with Interrupt(lambda: None) as interrupt:
            signal.raise_signal(signal.SIGHUP)
            async with asyncio.timeout(60):
                await interrupt.stop.wait()
        assert interrupt.exit_code == 129

    async def test_sighup_stays_ignored(self) -> None:
        """As `nohup` leaves it."""
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
        try:
            with Interrupt(lambda: None):
                assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        finally:
            signal.signal(signal.SIGHUP, before)
