"""Ctrl-C and SIGTERM: nothing in flight is lost, and the run says how far it came."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
from pathlib import Path

import pytest

from checkout_async.batch import FAKE_BROWSER_DATA, Outcome
from checkout_async.batch.results import OutputFile
from checkout_async.sandbox import Sandbox, card_number
from tests.batch.support import changed, client_of, job_of, request
from tests.commands import (
    AUTHENTICATE,
    PATIENCE,
    environment,
    finish,
    results_in,
    said,
    silent_api,
    start,
    text_of,
    until,
    write_lines,
)

pytestmark = pytest.mark.slow

SLOW = card_number("slow")


class TestInterruption:
    @pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
    async def test_the_first_signal_finishes_what_is_in_flight_and_says_how_far_it_came(
        self, env: dict[str, str], sandbox: Sandbox, source: Path, target: Path, number: signal.Signals, code: int
    ) -> None:
        write_lines(source, [request(SLOW, reference=f"ref-{number}") for number in range(2000)])
        process = await start(*AUTHENTICATE, source, "--output", target, "--concurrency", "8", env=env)
        await until(lambda: len(sandbox.sessions) >= 9)
        process.send_signal(number)
        done = await finish(process)
        results = results_in(text_of(target))
        assert done.code == code
        assert results.keys() == set(range(1, len(results) + 1))
        sent = [result for result in results.values() if "session_id" in result]
        assert {result["status"] for result in sent} == {"approved"}
        assert {result["session_id"] for result in sent} == set(sandbox.sessions)
        # A record that was about to be sent when the signal came is not, and says so.
        assert {each["result"] for each in results.values() if each not in sent} <= {"failed"}
        assert len(results) - len(sent) <= 8
        assert f"{len(results)} of 2,000 records have a new result; the last line read was {len(results)}" in done.err

    async def test_a_second_signal_stops_at_once_and_names_the_lines_in_doubt(self, source: Path, target: Path) -> None:
        async with silent_api() as (url, arrived):
            write_lines(source, [request(reference=f"ref-{number}") for number in range(100)])
            env = environment(url)
            process = await start(*AUTHENTICATE, source, "--output", target, "--concurrency", "3", env=env)
            await until(lambda: len(arrived) == 3)
            process.send_signal(signal.SIGINT)
            assert process.stderr is not None
            assert b"a second signal stops at once" in await process.stderr.readline()
            process.send_signal(signal.SIGINT)
            done = await finish(process)
        assert len(arrived) == 3
        assert (done.code, text_of(target)) == (130, "")
        assert "these lines have no result, but a session may exist: 1, 2, 3" in done.err
        assert "0 of 100 records have a new result" in done.err
        assert "Traceback" not in done.err

    async def test_a_second_signal_does_not_keep_a_run_that_is_over_from_telling_what_it_came_to(
        self, env: dict[str, str], sandbox: Sandbox, source: Path, target: Path, tmp_path: Path
    ) -> None:
        write_lines(source, [request(SLOW, reference=f"ref-{number}") for number in range(500)])
        # Writing it waits for somebody to read it.
        report = tmp_path / "report.json"
        os.mkfifo(report)
        command = (*AUTHENTICATE, source, "--output", target, "--concurrency", "4", "--report", report)
        process = await start(*command, env=env)
        await until(lambda: len(sandbox.sessions) >= 5)
        process.send_signal(signal.SIGTERM)
        await said(process, "to continue, run the same command with --resume")
        process.send_signal(signal.SIGINT)
        written = json.loads(await asyncio.to_thread(text_of, report))
        done = await finish(process)
        assert done.code == 143
        results = results_in(text_of(target))
        assert (written["stopped"], written["records"]) == ("ended by SIGTERM", len(results))
        assert {each["session_id"] for each in results.values() if "session_id" in each} == set(sandbox.sessions)
        assert "authenticated" in done.out

    async def test_a_signal_is_heard_while_standard_input_is_silent(self, env: dict[str, str]) -> None:
        process = await start(*AUTHENTICATE, "-", "--output", "-", env=env)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(request()).encode() + b"\n")
        await process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), timeout=PATIENCE) == 130
        assert process.stderr is not None
        assert "1 records have a new result; the last line read was 1" in (await process.stderr.read()).decode()


async def test_a_defect_in_writing_a_result_finishes_what_is_in_flight_and_the_row_is_in_the_file_at_the_end(
    sandbox: Sandbox, source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_lines(source, [request(reference="ref-1"), *(request(SLOW, reference=f"ref-{each}") for each in range(2, 9))])
    write, failures = OutputFile.write, [ValueError("unforeseen")]

    def write_but_the_first(results: OutputFile, outcome: Outcome) -> None:
        if failures:
            raise failures.pop()
        write(results, outcome)

    monkeypatch.setattr(OutputFile, "write", write_but_the_first)
    messages = io.StringIO()
    job = job_of(input=source, output=target, channel_data=FAKE_BROWSER_DATA, stderr=messages, stdout=io.StringIO())
    async with client_of(sandbox) as checkout:
        assert await job.run(checkout) == 3
        assert "stopped: cannot write results: a defect of this package" in messages.getvalue()
        assert (len(results_in(text_of(target))), len(sandbox.sessions)) == (8, 8)
        assert await changed(job, resume=True).run(checkout) == 0
    assert (len(results_in(text_of(target))), len(sandbox.sessions)) == (8, 8)
