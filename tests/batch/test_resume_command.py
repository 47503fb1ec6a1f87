"""`checkout-async authenticate --resume`, after all that may end a run early: the sandbox counts what was sent."""

from __future__ import annotations

import asyncio
import json
import re
import signal
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from checkout_async.sandbox import Fault, Sandbox, card_number
from tests.batch.support import request
from tests.commands import (
    AUTHENTICATE,
    COMMAND,
    Finished,
    environment,
    finish,
    is_there,
    link,
    results_in,
    run,
    said,
    silent_api,
    start,
    text_of,
    until,
    write_lines,
)

pytestmark = pytest.mark.slow

SLOW = card_number("slow")
MISTYPED = "4485040371536585"
RECURRING = {"channel": "merchant_initiated", "request_type": "recurring_transaction"}


def referenced(count: int, number: str | None = None) -> list[Mapping[str, object]]:
    """Requests with references of their own."""
    cards = () if number is None else (number,)
    return [request(*cards, reference=f"ref-{each}") for each in range(1, count + 1)]


def journal_of(target: Path) -> Path:
    return target.with_name(f"{target.name}.journal")


def remove(path: Path) -> None:
    path.unlink()


def rename(path: Path, to: Path) -> Path:
    return path.rename(to)


def append(path: Path, line: str) -> None:
    path.write_text(f"{text_of(path)}{line}\n")


def results(target: Path) -> dict[int, dict[str, Any]]:
    return results_in(text_of(target))


def tear(path: Path, size: int) -> str:
    """Take the last bytes of a file away; return what it was."""
    before = text_of(path)
    path.write_text(before[:-size])
    return before


class Batch:
    """The command with an input, an output, and a sandbox that remembers what it was asked."""

    def __init__(self, sandbox: Sandbox, source: Path, target: Path) -> None:
        self._sandbox = sandbox
        self._env = environment(sandbox.base_url)
        self._arguments = (*AUTHENTICATE, source, "--output", target, "--rate", "0")
        self.source = source
        self.target = target

    async def run(self, *options: str | Path, **env: str) -> Finished:
        arguments = [
            each for each in self._arguments if each != "--fake-browser-data" or "--channel-data" not in options
        ]
        return await run(*arguments, *options, env=self._env | env)

    async def start(self, *options: str) -> asyncio.subprocess.Process:
        return await start(*self._arguments, *options, env=self._env)

    async def run_in(self, script: str, *options: str | Path) -> Finished:
        """Run it in a shell, as the "$@" of a script."""
        shell = ("sh", "-c", script, "sh", *COMMAND, *self._arguments, *options)
        pipe = asyncio.subprocess.PIPE
        return await finish(await asyncio.create_subprocess_exec(*shell, env=self._env, stdout=pipe, stderr=pipe))

    def requests(self, *lines: Mapping[str, object] | str) -> None:
        """Write the input."""
        write_lines(self.source, lines)

    @property
    def asked(self) -> Counter[str]:
        """How often the sandbox was asked what."""
        names = ("request_session", "get_session", "update_session")
        return Counter({name: count for name in names if (count := self._sandbox.count(name))})

    @property
    def made(self) -> Counter[str | None]:
        """Sessions by reference."""
        sessions = self._sandbox.sessions
        return Counter(sessions[session_id].reference for session_id in sessions)

    @property
    def sessions(self) -> set[str]:
        """The ids of all sessions."""
        return {*self._sandbox.sessions}

    def results(self) -> dict[int, dict[str, Any]]:
        return results(self.target)

    def outcomes(self) -> list[str]:
        """The results in the order of their lines."""
        return [result["result"] for _, result in sorted(self.results().items())]


@pytest.fixture
def batch(sandbox: Sandbox, source: Path, target: Path) -> Batch:
    return Batch(sandbox, source, target)


class TestAFinishedRun:
    async def test_sends_nothing_and_changes_nothing(self, batch: Batch) -> None:
        batch.requests(*referenced(3))
        assert (await batch.run()).code == 0
        before, asked = text_of(batch.target), batch.asked
        again = await batch.run("--resume")
        assert again.code == 0
        assert (text_of(batch.target), batch.asked) == (before, asked)
        assert "3 known from an earlier run" in again.err

    async def test_goes_on_with_records_that_were_appended(self, batch: Batch) -> None:
        batch.requests(*referenced(2))
        await batch.run()
        batch.requests(*referenced(4))
        assert (await batch.run("--resume")).code == 0
        assert batch.outcomes() == ["authenticated"] * 4
        assert batch.asked["request_session"] == 4

    async def test_loses_no_result_where_records_were_put_before_others(self, batch: Batch) -> None:
        first, second, third = (request(reference=name) for name in "ABN")
        batch.requests(first, second)
        await batch.run()
        batch.requests(third, first, second)
        assert [(await batch.run("--resume")).code for _ in range(3)] == [0, 0, 0]
        references = [json.loads(row)["reference"] for row in text_of(batch.target).splitlines()]
        assert sorted(references) == ["A", "B", "N"]
        assert batch.asked == {"request_session": 3, "update_session": 3}

    async def test_goes_on_after_a_limit(self, batch: Batch) -> None:
        batch.requests(*referenced(5))
        first = await batch.run("--limit", "2")
        assert (first.code, set(batch.results())) == (0, {1, 2})
        assert "2 of 2: " in first.err
        assert (await batch.run("--resume")).code == 0
        assert batch.results().keys() == {1, 2, 3, 4, 5}
        assert batch.asked["request_session"] == 5

    async def test_sends_what_was_invalid_and_was_corrected(self, batch: Batch) -> None:
        good, bad, last = referenced(3)
        batch.requests(good, {**bad, "amount": -1}, "{", last)
        assert (await batch.run()).code == 1
        assert batch.outcomes() == ["authenticated", "invalid", "invalid", "authenticated"]
        kept = batch.results()[1]
        batch.requests(good, bad, request(reference="ref-torn"), last)
        assert (await batch.run("--resume")).code == 0
        assert batch.outcomes() == ["authenticated"] * 4
        assert batch.results()[1] == kept
        assert batch.asked["request_session"] == 4

    async def test_refuses_another_request_under_a_reference_that_was_sent(self, batch: Batch) -> None:
        batch.requests(request(reference="A"))
        await batch.run()
        batch.requests(request(reference="A"), request(reference="B"), request(reference="A", amount=7))
        await batch.run("--resume")
        refused = batch.results()[3]["error"]
        assert "the same reference as line 1" in refused["message"]
        assert batch.asked["request_session"] == 2

    async def test_knows_records_without_a_reference_by_their_content(self, batch: Batch) -> None:
        batch.requests(request(), request(amount=7))
        await batch.run()
        batch.requests(request(amount=7), request(amount=8), request())
        assert (await batch.run("--resume")).code == 0
        assert batch.asked["request_session"] == 3

    async def test_resume_begins_where_there_was_no_earlier_run(self, batch: Batch) -> None:
        batch.requests(*referenced(2))
        assert (await batch.run("--resume")).code == 0
        assert batch.results().keys() == {1, 2}


class TestAnInterruptedRun:
    async def test_goes_on_after_ctrl_c(self, batch: Batch) -> None:
        batch.requests(*referenced(40, SLOW))
        process = await batch.start("--concurrency", "4")
        await until(lambda: batch.asked["request_session"] >= 6)
        process.send_signal(signal.SIGINT)
        stopped = await finish(process)
        assert (stopped.code, len(batch.results()) < 40) == (130, True)
        # A record that was about to be sent when the signal came is `failed`, and sent when the run goes on.
        reported = {line: result for line, result in batch.results().items() if "session_id" in result}
        assert "to continue, run the same command with --resume" in stopped.err
        assert (await batch.run("--resume")).code == 0
        assert [*batch.results()] == [*range(1, 41)]
        assert {line: batch.results()[line] for line in reported} == reported
        assert set(batch.made.values()) == {1}

    async def test_goes_on_after_a_second_ctrl_c_and_tells_what_may_have_arrived(
        self, batch: Batch, sandbox: Sandbox
    ) -> None:
        batch.requests(*referenced(6))
        sandbox.faults.add("request_session", Fault.STALLED_REPLY, at=2, times=1)
        process = await batch.start("--concurrency", "1")
        await until(lambda: len(sandbox.sessions) == 2)
        process.send_signal(signal.SIGINT)
        await said(process, "a second signal stops at once")
        process.send_signal(signal.SIGINT)
        assert (await finish(process)).code == 130
        # There is no export at the end: the file has the rows that were appended.
        assert batch.outcomes() == ["authenticated"]
        assert (await batch.run("--resume")).code == 1
        assert batch.outcomes() == ["authenticated", "unknown", *["authenticated"] * 4]
        assert "--retry-unknown" in batch.results()[2]["error"]["message"]
        assert set(batch.made.values()) == {1}

    async def test_goes_on_after_credentials_were_refused_and_set_right(self, batch: Batch) -> None:
        batch.requests(*referenced(100))
        stopped = await batch.run("--concurrency", "4", CHECKOUT_CLIENT_SECRET="not_the_secret")
        assert (stopped.code, batch.asked) == (3, {})
        assert (await batch.run("--resume")).code == 0
        assert batch.outcomes() == ["authenticated"] * 100
        assert batch.asked["request_session"] == 100

    async def test_goes_on_after_an_outage_that_outlasted_its_poll(self, batch: Batch, sandbox: Sandbox) -> None:
        batch.requests(*referenced(100))
        async with sandbox.refusing():
            stopped = await batch.run("--concurrency", "4", "--outage-timeout", "0")
        assert (stopped.code, batch.asked) == (3, {})
        assert "stopped: " in stopped.err
        assert set(batch.outcomes()) == {"failed"}
        assert (await batch.run("--resume")).code == 0
        assert batch.outcomes() == ["authenticated"] * 100

    async def test_an_outage_that_ends_in_time_only_pauses_it(self, batch: Batch, sandbox: Sandbox) -> None:
        batch.requests(*referenced(300))
        process = await batch.start("--rate", "200", "--concurrency", "8")
        await until(lambda: batch.asked["request_session"] >= 20)
        async with sandbox.refusing():
            await said(process, "paused: ")
        await finish(process)
        assert batch.results().keys() == set(range(1, 301))
        assert set(batch.made.values()) == {1}
        # The connections of at most eight were cut.
        assert batch.outcomes().count("authenticated") >= 292

    async def test_goes_on_when_the_disk_has_room_for_the_journal_again(self, batch: Batch) -> None:
        batch.requests(*referenced(1000))
        stopped = await batch.run_in('ulimit -f 400; exec "$@"')
        assert stopped.code == 3
        assert f"stopped: the journal {journal_of(batch.target)} failed" in stopped.err
        assert stopped.err.count("failed: the disk") == 1
        assert "records" in stopped.out
        # Each session is in the output, or in neither journal nor output and named.
        reported = {result["session_id"] for result in batch.results().values() if "session_id" in result}
        named = dict(re.findall(r"not written: line (\d+), session (\w+) approved", stopped.err))
        assert not reported & {*named.values()}
        assert reported | {*named.values()} == batch.sessions
        resumed = await batch.run("--resume")
        assert batch.made == dict.fromkeys((f"ref-{each}" for each in range(1, 1001)), 1)
        # Only a person who has read the messages knows of the sessions that the journal does not know. There are none
        # if no session was being authenticated when the disk became full.
        unknown = [line for line, result in batch.results().items() if result["result"] == "unknown"]
        assert {*map(str, unknown)} <= named.keys()
        assert batch.outcomes().count("authenticated") + len(unknown) == 1000
        assert resumed.code == (1 if unknown else 0)

    async def test_a_journal_that_cannot_be_opened_for_want_of_room_is_left_alone(self, batch: Batch) -> None:
        batch.requests(*referenced(600))
        await batch.run()
        before = text_of(batch.target)
        stopped = await batch.run_in('ulimit -f 60; exec "$@"', "--resume")
        assert (stopped.code, stopped.out, text_of(batch.target)) == (2, "", before)
        assert (await batch.run("--resume")).code == 0
        assert (len(batch.results()), batch.asked["request_session"]) == (600, 600)

    async def test_a_disk_that_is_full_when_the_output_is_written_anew_leaves_the_rows_appended_before(
        self, batch: Batch
    ) -> None:
        """The name of the output leaves no room for the longer one of the new file."""
        batch.requests(*reversed(referenced(5)))
        journal, target = ("--journal", batch.target.with_name("journal")), batch.target
        batch.target = target.with_name(f"{'o' * 240}.jsonl")
        stopped = await batch.run(*journal, "--output", batch.target)
        assert (stopped.code, stopped.err.count("not written: ")) == (3, 0)
        assert "stopped: cannot write results: File name too long" in stopped.err
        assert "5 of 5 records have a new result" in stopped.err
        assert batch.results().keys() == {1, 2, 3, 4, 5}
        batch.target = rename(batch.target, target)
        again = await batch.run(*journal, "--resume")
        assert (again.code, [*batch.results()], batch.asked["request_session"]) == (0, [1, 2, 3, 4, 5], 5)


class TestLostReplies:
    """The API made the session, and the reply was lost."""

    async def test_are_unknown_until_a_person_decides_to_send_again(self, batch: Batch, sandbox: Sandbox) -> None:
        batch.requests(*referenced(4))
        sandbox.faults.add("request_session", Fault.LOST_REPLY, at=2, times=1)
        assert (await batch.run("--concurrency", "1")).code == 1
        assert batch.outcomes() == ["authenticated", "unknown", "authenticated", "authenticated"]
        assert (await batch.run("--resume")).code == 1
        assert batch.outcomes() == ["authenticated", "unknown", "authenticated", "authenticated"]
        assert (batch.asked["request_session"], set(batch.made.values())) == (4, {1})
        assert (await batch.run("--resume", "--retry-unknown")).code == 0
        assert batch.outcomes() == ["authenticated"] * 4
        assert batch.made == {"ref-1": 1, "ref-2": 2, "ref-3": 1, "ref-4": 1}

    async def test_of_a_later_step_are_asked_for(self, batch: Batch, sandbox: Sandbox) -> None:
        batch.requests(*referenced(1))
        sandbox.faults.add("update_session", Fault.NOT_JSON, times=None)
        assert (await batch.run()).code == 1
        sandbox.faults.clear()
        [session_id] = sandbox.sessions
        assert (batch.results()[1]["result"], batch.results()[1]["session_id"]) == ("unknown", session_id)
        assert (await batch.run("--resume")).code == 0
        assert (batch.results()[1]["result"], batch.results()[1]["session_id"]) == ("authenticated", session_id)
        assert batch.asked["request_session"] == 1


class TestTheResultsOfAnEarlierRun:
    async def test_a_torn_row_is_reported_again_with_its_cryptogram(self, batch: Batch) -> None:
        batch.requests(*referenced(3))
        await batch.run("--in-order")
        before = tear(batch.target, 20)
        assert (await batch.run("--resume", "--in-order")).code == 0
        assert without_times(batch.results()) == without_times(results_in(before))
        assert batch.asked["request_session"] == 3

    async def test_if_they_are_gone_all_are_reported_again_from_the_journal(self, batch: Batch) -> None:
        batch.requests(*referenced(2), request(amount=-1), request(card_number("declined"), reference="ref-4"))
        await batch.run()
        before = batch.results()
        remove(batch.target)
        asked = batch.asked
        assert (await batch.run("--resume")).code == 1
        assert without_times(batch.results()) == without_times(before)
        assert "cryptogram" in batch.results()[1]
        assert batch.asked == asked

    async def test_if_their_journal_is_gone_nothing_is_sent_whatever_is_tried(self, batch: Batch) -> None:
        batch.requests(*referenced(2))
        await batch.run()
        before, asked = text_of(batch.target), batch.asked
        remove(journal_of(batch.target))
        for options, advice in (
            (["--resume"], "An older copy does not know what was sent after it was made"),
            ([], "name another output file"),
            (["--resume"], "look up by their references the records without a final result"),
        ):
            refused = await batch.run(*options)
            assert (refused.code, refused.out) == (2, "")
            assert advice in refused.err
        assert (text_of(batch.target), batch.asked) == (before, asked)

    @pytest.mark.parametrize("edited", ["without an entry", "another journal", "a later entry"])
    async def test_that_were_edited_are_refused_and_left_alone(self, batch: Batch, edited: str) -> None:
        batch.requests(*referenced(2))
        await batch.run()
        asked, row = batch.asked, {"line": 3, "result": "declined"}
        known = str(batch.results()[1]["entry"]).partition("-")[0]
        entries = {"another journal": "00000000-1", "a later entry": f"{known}-3"}
        append(batch.target, json.dumps(row | ({"entry": entries[edited]} if edited in entries else {})))
        before = text_of(batch.target)
        refused = await batch.run("--resume")
        assert (refused.code, refused.out, text_of(batch.target), batch.asked) == (2, "", before, asked)
        assert ("is older than" if edited == "a later entry" else "of another journal") in refused.err

    async def test_what_is_not_results_is_left_alone(self, batch: Batch) -> None:
        batch.requests(*referenced(1))
        await batch.run()
        write_lines(batch.target, ["precious"])
        refused = await batch.run("--resume")
        assert (refused.code, text_of(batch.target)) == (2, "precious\n")
        assert f"{batch.target}, line 1: not a result of a run" in refused.err

    async def test_force_begins_anew(self, batch: Batch) -> None:
        batch.requests(*referenced(2))
        await batch.run()
        refused = await batch.run()
        assert (refused.code, batch.asked["request_session"]) == (2, 2)
        assert "--resume" in refused.err
        assert "--force" in refused.err
        assert (await batch.run("--force")).code == 0
        assert batch.results().keys() == {1, 2}
        assert batch.made == {"ref-1": 2, "ref-2": 2}


class TestTwoAtOnce:
    @pytest.mark.parametrize("option", ["--resume", "--force"])
    async def test_the_second_is_refused_and_the_first_not_disturbed(
        self, source: Path, target: Path, option: str
    ) -> None:
        write_lines(source, referenced(3))
        async with silent_api() as (url, arrived):
            env = environment(url)
            first = await start(*AUTHENTICATE, source, "--output", target, env=env)
            await until(lambda: len(arrived) == 3)
            second = await run(*AUTHENTICATE, source, "--output", target, option, env=env)
            assert (second.code, first.returncode, len(arrived)) == (2, None, 3)
            assert str(journal_of(target)) in second.err
            assert second.err.count("\n") == 1
            first.kill()
            await first.wait()


class TestOptions:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (["--resume", "--force"], "choose one"),
            (["--retry-unknown"], "--retry-unknown needs --resume"),
            (["--output", "-", "--resume"], "needs a journal"),
            (["--outage-timeout", "-1"], "--outage-timeout"),
            (["--journal", "{target}", "--force"], "the journal is the output file"),
            (["--journal", "{source}", "--force"], "the journal is the input file"),
            (["--output-format", "jsonl", "--output", "{report}", "--report", "{report}"], "the report is the output"),
            (["--channel-data", "{report}", "--report", "{report}"], "the report is the channel data file"),
        ],
    )
    async def test_that_contradict_each_other_are_refused(
        self, batch: Batch, options: Sequence[str], message: str
    ) -> None:
        batch.requests(*referenced(1))
        report = write_lines(batch.target.with_name("report.json"), [RECURRING])
        named = [each.format(source=batch.source, target=batch.target, report=report) for each in options]
        refused = await batch.run(*named)
        assert (refused.code, refused.out, batch.asked) == (2, "", {})
        assert message in refused.err
        assert not is_there(batch.target)
        assert not is_there(journal_of(batch.target))

    async def test_a_journal_of_its_own_name_lets_standard_output_be_resumed(
        self, batch: Batch, tmp_path: Path
    ) -> None:
        batch.requests(*referenced(2))
        own = ("--output", "-", "--journal", tmp_path / "own.journal")
        first = await batch.run(*own)
        assert results_in(first.out).keys() == {1, 2}
        asked = batch.asked
        batch.requests(*referenced(3))
        again = await batch.run(*own, "--resume")
        # The new reader gets all of it: what is known first, and each record once.
        assert again.code == 0
        assert again.out.startswith("".join(sorted(first.out.splitlines(keepends=True), key=line_of)))
        assert [*results_in(again.out)] == [1, 2, 3]
        assert batch.asked["request_session"] == asked["request_session"] + 1

    @pytest.mark.parametrize("output", ["-", "/dev/stdout"])
    async def test_rows_of_earlier_runs_have_the_line_that_their_record_has_now(
        self, batch: Batch, tmp_path: Path, output: str
    ) -> None:
        first, second, third, fourth = referenced(4)
        own = ("--output", output, "--output-format", "jsonl", "--journal", tmp_path / "own.journal", "--resume")
        batch.requests(first, second, third)
        assert (await batch.run_in('exec "$@"', *own)).code == 0
        batch.requests(third, fourth, first)
        again = await batch.run_in('exec "$@"', *own)
        assert again.code == 0
        rows = [json.loads(row) for row in again.out.splitlines()]
        assert sorted((row["reference"], row["line"]) for row in rows if row["reference"] != "ref-2") == [
            ("ref-1", 3),
            ("ref-3", 1),
            ("ref-4", 2),
        ]
        # The record that is no longer in the input has the line that it had, and comes last.
        assert (rows[-1]["reference"], rows[-1]["line"], len(rows)) == ("ref-2", 2, 4)
        assert not any("replayed" in row for row in rows)
        assert batch.asked["request_session"] == 4

    async def test_a_stream_of_a_run_that_is_stopped_has_what_was_not_reached(
        self, batch: Batch, tmp_path: Path
    ) -> None:
        batch.requests(*referenced(3))
        own = ("--output", "-", "--journal", tmp_path / "own.journal", "--resume")
        assert (await batch.run(*own)).code == 0
        again = await batch.run(*own, "--limit", "1")
        assert [*results_in(again.out)] == [1, 2, 3]

    async def test_what_standard_output_did_not_take_is_written_by_the_next_run(
        self, batch: Batch, tmp_path: Path
    ) -> None:
        # The API refuses the last one: it has no session.
        batch.requests(*referenced(2), request(MISTYPED, reference="ref-3"))
        own = ("--output", "-", "--journal", tmp_path / "own.journal")
        lost = await batch.run_in('exec "$@" >/dev/full', *own)
        assert (lost.code, lost.err.count("not written: line ")) == (3, 0)
        assert "stopped: cannot write results: No space left on device" in lost.err
        asked = batch.asked
        for _ in range(2):
            again = await batch.run(*own, "--resume")
            assert (again.code, sorted(results_in(again.out))) == (1, [1, 2, 3])
            assert "cryptogram" in results_in(again.out)[1]
        assert batch.asked == asked

    async def test_a_report_that_cannot_be_written_is_no_reason_to_say_that_nothing_was_sent(
        self, batch: Batch, tmp_path: Path
    ) -> None:
        batch.requests(*referenced(1))
        full = link(tmp_path / "report.json", Path("/dev/full"))
        done = await batch.run("--report", full)
        assert (done.code, batch.outcomes()) == (1, ["authenticated"])
        assert f"cannot write the report {full}: No space left on device" in done.err


class TestNobodyReads:
    """Where messages or the summary cannot be written, the run goes on, and ends as it would."""

    @pytest.mark.parametrize("where", ["2>/dev/full", ">/dev/full", "2>/dev/full >/dev/full"])
    async def test_on_a_full_disk(self, batch: Batch, where: str) -> None:
        batch.requests(*referenced(3))
        report = batch.target.with_name("report.json")
        done = await batch.run_in(f'exec "$@" {where}', "--report", report)
        assert (done.code, batch.outcomes()) == (0, ["authenticated"] * 3)
        assert json.loads(text_of(report))["records"] == 3
        assert "Traceback" not in done.err

    @pytest.mark.parametrize("stream", ["1", "2"])
    async def test_in_a_closed_pipe(self, batch: Batch, stream: str) -> None:
        batch.requests(*referenced(3))
        closed = f'mkfifo "{batch.target}.pipe"; exec 9<>"{batch.target}.pipe" {stream}>"{batch.target}.pipe" 9<&-'
        done = await batch.run_in(f'{closed}; exec "$@"')
        assert (done.code, batch.outcomes()) == (0, ["authenticated"] * 3)
        assert "Traceback" not in done.err

    @pytest.mark.parametrize("options", [(), ("--dry-run",)])
    async def test_an_error_is_reported_by_the_exit_code_alone(self, batch: Batch, options: Sequence[str]) -> None:
        done = await batch.run_in('exec "$@" 2>/dev/full', *options)
        assert (done.code, done.out) == (2, "")

    async def test_a_dry_run_goes_on(self, batch: Batch) -> None:
        batch.requests(request(reference="ref-1", amount=-1), request(reference="ref-2"))
        assert (await batch.run_in('exec "$@" >/dev/full 2>/dev/full', "--dry-run")).code == 1


def line_of(row: str) -> int:
    return int(json.loads(row)["line"])


def without_times(found: Mapping[int, Mapping[str, Any]]) -> dict[int, dict[str, Any]]:
    """Results without `seconds` and `entry`, which are new where a line is read again."""
    return {
        line: {name: value for name, value in result.items() if name not in {"seconds", "entry"}}
        for line, result in found.items()
    }
