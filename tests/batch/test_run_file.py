"""`batch.run_file` does from Python what the command does: from an input to an output, by way of a journal."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, cast

import anyio
import pytest

from checkout_async.batch import Backoff, BatchOptions, BatchResult, Outcome, Report, run_file
from checkout_async.batch.formats import Format
from checkout_async.batch.journal.operations import ClaimOp, JournalOperation, SettleOp
from checkout_async.batch.journal.store import JournalStore
from checkout_async.errors import (
    AuthenticationFailed,
    BatchFileError,
    ConfigurationError,
    JournalError,
    OutcomeUnknown,
    RateLimited,
    RunIncomplete,
)
from checkout_async.operations import ApiRequest, Sender
from checkout_async.sandbox import Fault, Sandbox, card_number
from tests.batch.support import CARD, RECURRING, Answer, ScriptedSender, client_of, reference_of, request, session
from tests.commands import is_there, mode_of, results_in, text_of, write_lines

OPTIONS = BatchOptions(channel_data=RECURRING, concurrency=4, outage_backoff=Backoff(initial=0.001, give_up_after=0))


def requests(count: int) -> list[Mapping[str, object]]:
    return [request(reference=f"ref-{number}") for number in range(1, count + 1)]


def approved() -> ScriptedSender:
    return ScriptedSender(lambda request: session(id=session_of(reference_of(request))))


def session_of(reference: str) -> str:
    return f"sid_{reference:a>26}"


def journal_of(target: Path) -> Path:
    return target.with_name(f"{target.name}.journal")


def outcomes(target: Path) -> list[str]:
    return [row["result"] for row in results_in(text_of(target)).values()]


@pytest.mark.parametrize("name", ["on_outcome", "on_pause"])
async def test_a_function_that_nobody_would_await_is_refused_before_anything_is_sent(tmp_path: Path, name: str) -> None:
    async def store(*_: object) -> None: ...

    options: dict[str, Any] = {name: store}
    source = write_lines(tmp_path / "in.jsonl", requests(1))
    sender = approved()
    with pytest.raises(ConfigurationError, match=f"{name} must be a function that is not async"):
        await run_file(sender, source, tmp_path / "out.jsonl", options=OPTIONS, **options)
    assert sender.calls == []


async def failing(kind: type[Exception], sender: Sender, source: Path, target: Path, *, resume: bool = False) -> str:
    """Run into an error; return its text."""
    with pytest.raises(kind) as caught:
        await run_file(sender, source, target, options=OPTIONS, resume=resume)
    return str(caught.value)


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv", "out.parquet"])
async def test_a_file_becomes_an_output_and_a_report(sandbox: Sandbox, source: Path, tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    write_lines(source, [*requests(2), request(card_number("declined"), reference="ref-3"), "{"])
    seen: list[Outcome] = []
    async with client_of(sandbox) as checkout:
        report = await run_file(checkout, str(source), str(target), options=OPTIONS, on_outcome=seen.append)
    assert isinstance(report, Report)
    assert (report.records, report.stopped) == (4, "")
    assert report.results == {"authenticated": 2, "declined": 1, "invalid": 1}
    assert (report.input, report.output) == (str(source), str(target))
    assert report.lines is not None
    assert Counter(each.line for each in seen) == {1: 1, 2: 1, 3: 1, 4: 1}
    assert (mode_of(target), mode_of(journal_of(target))) == (0o600, 0o600)


async def test_rows_are_in_the_order_of_the_input_at_the_end(source: Path, target: Path) -> None:
    write_lines(source, requests(6))
    first_may_end = anyio.Event()

    async def answer(request: ApiRequest[object]) -> Answer:
        if reference_of(request) == "ref-1":
            await first_may_end.wait()
        elif reference_of(request) == "ref-6":
            first_may_end.set()
        return session()

    seen: list[int] = []
    await run_file(
        ScriptedSender(answer), source, target, options=OPTIONS, on_outcome=lambda each: seen.append(each.line)
    )
    assert seen != sorted(seen)
    assert [*results_in(text_of(target))] == [1, 2, 3, 4, 5, 6]


async def test_a_resumed_run_sends_only_what_is_new(source: Path, target: Path) -> None:
    write_lines(source, requests(3))
    await run_file(approved(), source, target, resume=True, options=OPTIONS, limit=2)
    assert [*results_in(text_of(target))] == [1, 2]
    sender = approved()
    report = await run_file(sender, source, target, resume=True, options=OPTIONS)
    assert sender.operations == ["request_session"]
    assert (report.records, report.replayed, outcomes(target)) == (3, 2, ["authenticated"] * 3)
    before = text_of(target)
    await run_file(ScriptedSender(lambda _: AssertionError()), source, target, resume=True, options=OPTIONS)
    assert text_of(target) == before


async def test_without_resume_or_force_an_earlier_run_is_left_alone(source: Path, target: Path) -> None:
    write_lines(source, requests(1))
    await run_file(approved(), source, target, options=OPTIONS)
    before = text_of(target)
    assert "--resume" in await failing(BatchFileError, approved(), source, target)
    assert text_of(target) == before
    sender = approved()
    await run_file(sender, source, target, force=True, options=OPTIONS)
    assert len(sender.calls) == 1


async def test_an_output_without_its_journal_is_refused(source: Path, target: Path) -> None:
    write_lines(source, requests(1))
    await run_file(approved(), source, target, options=OPTIONS)
    journal_of(target).unlink()
    sender = approved()
    assert "nothing says what was sent" in await failing(BatchFileError, sender, source, target, resume=True)
    assert sender.calls == []


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"resume": True, "force": True}, ConfigurationError),
        ({"input_format": Format.CSV}, BatchFileError),
        ({"output_format": Format.PARQUET, "output": "/dev/null"}, BatchFileError),
        ({"output": "out.unheard"}, BatchFileError),
        ({"journal": "in.jsonl"}, BatchFileError),
        ({"output": "in.jsonl", "force": True}, BatchFileError),
    ],
)
async def test_files_and_options_that_do_not_fit_are_refused_before_anything_is_sent(
    source: Path, tmp_path: Path, given: Mapping[str, object], error: type[Exception]
) -> None:
    write_lines(source, requests(1))
    before, sender, paths = text_of(source), approved(), {"output": "out.jsonl"}
    arguments = {**paths, **given}
    for name in ("output", "journal"):
        if name in arguments:
            arguments[name] = tmp_path / str(arguments[name])
    with pytest.raises(error):
        await run_file(sender, source, options=OPTIONS, **arguments)  # type: ignore[arg-type]
    assert sender.calls == []
    assert text_of(source) == before
    assert [each.name for each in tmp_path.iterdir()] == ["in.jsonl"]


async def test_a_run_that_ends_early_raises_its_reason_after_the_output_is_written(source: Path, target: Path) -> None:
    write_lines(source, requests(9))

    def answer(request: ApiRequest[object]) -> Answer:
        if reference_of(request) in {"ref-1", "ref-2"}:
            return session()
        return AuthenticationFailed("check client id, secret and scopes")

    assert "check client id" in await failing(AuthenticationFailed, ScriptedSender(answer), source, target)
    rows = results_in(text_of(target))
    assert [rows[line]["result"] for line in (1, 2, 3)] == ["authenticated", "authenticated", "failed"]
    assert len(rows) < 9
    sender = approved()
    await run_file(sender, source, target, resume=True, options=OPTIONS)
    assert (outcomes(target), len(sender.calls)) == (["authenticated"] * 9, 7)


async def test_an_outage_is_raised_too(source: Path, target: Path) -> None:
    write_lines(source, requests(20))
    pauses: list[str] = []
    with pytest.raises(RateLimited):
        await run_file(
            ScriptedSender(lambda _: RateLimited("429", operation="request_session", status=429)),
            source,
            target,
            options=OPTIONS,
            on_pause=lambda reason, _: pauses.append(reason),
        )
    assert set(outcomes(target)) == {"failed"}


async def test_a_stop_ends_it_without_an_error_and_with_what_was_read(source: Path, target: Path) -> None:
    write_lines(source, requests(50))
    stop = anyio.Event()

    def answer(request: ApiRequest[object]) -> Answer:
        if reference_of(request) == "ref-5":
            stop.set()
        return session(id=session_of(reference_of(request)))

    sender = ScriptedSender(answer)
    report = await run_file(sender, source, target, options=OPTIONS, stop=stop)
    rows = results_in(text_of(target))
    assert 5 <= len(rows) == len(sender.calls) == report.records < 50
    assert {row["result"] for row in rows.values()} == {"authenticated"}


async def test_a_run_that_was_stopped_before_it_began_reads_no_more_than_it_has_workers(
    source: Path, target: Path
) -> None:
    write_lines(source, requests(5))
    stop = anyio.Event()
    stop.set()
    sender = approved()
    report = await run_file(sender, source, target, options=OPTIONS, stop=stop)
    assert len(sender.calls) == report.records == len(outcomes(target)) <= OPTIONS.concurrency


async def test_an_output_that_cannot_be_written_does_not_set_the_event_of_the_caller(source: Path) -> None:
    """The caller may stop other runs by it."""
    write_lines(source, requests(50))
    stop, sender = anyio.Event(), approved()
    with pytest.raises(RunIncomplete, match="No space left on device"):
        await run_file(sender, source, "/dev/full", output_format=Format.JSONL, options=OPTIONS, stop=stop)
    assert len(sender.calls) < 50
    assert not stop.is_set()


async def test_what_a_lost_reply_leaves_is_unknown_until_a_person_decides(source: Path, target: Path) -> None:
    write_lines(source, requests(1))
    lost = ScriptedSender(lambda _: OutcomeUnknown("lost", operation="request_session"))
    assert (await run_file(lost, source, target, options=OPTIONS)).results == {"unknown": 1}
    sender = approved()
    assert (await run_file(sender, source, target, resume=True, options=OPTIONS)).results == {"unknown": 1}
    assert sender.calls == []
    retrying = BatchOptions(channel_data=RECURRING, retry_unknown=True)
    assert (await run_file(sender, source, target, resume=True, options=retrying)).results == {"authenticated": 1}


async def test_an_output_that_cannot_be_written_anew_is_raised_and_made_by_the_next_run(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_path: Path) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    write_lines(source, requests(3))
    sender = approved()
    with monkeypatch.context() as disk:
        disk.setattr("checkout_async.batch.results.file.atomic_write", full)
        assert "cannot write results: No space" in await failing(RunIncomplete, sender, source, target)
    assert sorted(outcomes(target)) == ["authenticated"] * 3
    await run_file(sender, source, target, resume=True, options=OPTIONS)
    assert len(sender.calls) == 3


@pytest.mark.parametrize("kind", [ClaimOp, SettleOp])
async def test_an_outcome_that_the_journal_lacks_is_not_in_the_output_and_is_passed_on(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch, kind: type[ClaimOp | SettleOp]
) -> None:
    write_lines(source, requests(30))
    change, seen = JournalStore._change, list[object]()

    def limited(store: JournalStore, operations: Sequence[JournalOperation]) -> None:
        change(store, operations)
        seen.extend(each for each in operations if isinstance(each, kind))
        if len(seen) > 10:
            raise sqlite3.OperationalError("disk full")  # and what this transaction has changed is rolled back

    monkeypatch.setattr(JournalStore, "_change", limited)
    passed, sender = list[Outcome](), approved()
    with pytest.raises(JournalError, match="disk full"):
        await run_file(sender, source, target, options=OPTIONS, on_outcome=passed.append)
    rows = results_in(text_of(target))
    assert rows.keys() == {each.line for each in passed if each.entry is not None}
    lost = {each.line for each in passed if each.entry is None}
    assert lost
    sent = {int(reference_of_call(body)) for _, body in sender.calls}
    assert sent <= rows.keys() | lost
    monkeypatch.undo()
    again = approved()
    report = await run_file(again, source, target, resume=True, options=OPTIONS)
    assert len(results_in(text_of(target))) == report.records == 30
    assert not sent & {int(reference_of_call(body)) for _, body in again.calls}
    assert report.results.get(BatchResult.UNKNOWN, 0) == len(sent - rows.keys())


def reference_of_call(body: object) -> str:
    return str(cast("Mapping[str, object]", body)["reference"]).removeprefix("ref-")


async def test_a_session_that_an_earlier_run_made_is_read(sandbox: Sandbox, source: Path, target: Path) -> None:
    write_lines(source, requests(1))
    sandbox.faults.add("update_session", Fault.NOT_JSON, times=None)
    async with client_of(sandbox) as checkout:
        first = await run_file(checkout, source, target, options=OPTIONS)
        sandbox.faults.clear()
        second = await run_file(checkout, source, target, resume=True, options=OPTIONS)
    assert (first.results, second.results) == ({"unknown": 1}, {"authenticated": 1})
    assert len(sandbox.sessions) == 1


async def test_a_named_journal_and_a_pipe_are_resumed(source: Path, tmp_path: Path) -> None:
    """A device stands for the pipe: nothing of it is kept."""
    write_lines(source, requests(2))
    own, sender = tmp_path / "own.journal", approved()
    for resume in (False, True):
        report = await run_file(
            sender,
            source,
            "/dev/null",
            output_format=Format.JSONL,
            journal=own,
            resume=resume,
            options=OPTIONS,
        )
        assert report.results == {"authenticated": 2}
    assert len(sender.calls) == 2
    assert is_there(own)


async def test_an_error_of_the_callback_is_raised_as_it_is(source: Path, target: Path) -> None:
    write_lines(source, requests(3))

    def full(_outcome: Outcome) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match="No space left"):
        await run_file(approved(), source, target, options=OPTIONS, on_outcome=full)


@pytest.mark.parametrize("name", ["in.jsonl", "in.csv"])
async def test_an_input_that_becomes_shorter_is_one_that_cannot_be_read(
    tmp_path: Path, target: Path, name: str
) -> None:
    """As a file that another program writes anew."""
    source = tmp_path / name
    # More than is read at once.
    note = "x" * 1000
    if source.suffix == ".csv":
        rows = [f"ref-{number},card,{CARD},1,2035,100,GBP,non_hosted,{note}" for number in range(400)]
        head = "reference,source.type,source.number,source.expiry_month,source.expiry_year,amount,currency"
        source.write_text("\n".join([f"{head},completion.type,#note", *rows, ""]))
    else:
        write_lines(source, [{**each, "#note": note} for each in requests(400)])
    sender, done = approved(), list[Outcome]()

    def shorten(outcome: Outcome) -> None:
        done.append(outcome)
        if len(done) == 1:
            os.truncate(source, 50_000)

    with pytest.raises(RunIncomplete, match="cannot read the input: the file has become shorter"):
        await run_file(sender, source, target, options=OPTIONS, on_outcome=shorten)
    assert 0 < len(sender.calls) == len(outcomes(target)) < 400


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"limit": 0}, "limit must be a whole number above 0"),
        ({"limit": -1}, "limit must be a whole number above 0"),
        ({"limit": True}, "limit must be int"),
        ({"output_format": "xml"}, "output_format must be one of jsonl, csv, parquet"),
        ({"input_format": "xml"}, "input_format must be one of jsonl, csv, parquet"),
        ({"options": BatchOptions(retry_unknown=True)}, "--retry-unknown needs --resume"),
    ],
    ids=["0", "-1", "True", "output format", "input format", "retry_unknown"],
)
async def test_options_that_the_command_refuses(source: Path, target: Path, options: dict[str, Any], text: str) -> None:
    write_lines(source, requests(1))
    sender = approved()
    with pytest.raises(ConfigurationError, match=text):
        await run_file(sender, source, target, **options)
    assert (sender.calls, is_there(target)) == ([], False)


async def test_a_format_may_be_given_as_text(source: Path, tmp_path: Path) -> None:
    write_lines(source, requests(1))
    given: Any = "csv"
    await run_file(approved(), source, tmp_path / "out", options=OPTIONS, output_format=given)
    assert text_of(tmp_path / "out").startswith("line,")
