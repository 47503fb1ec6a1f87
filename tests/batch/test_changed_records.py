"""An input that was edited between two runs: what may have arrived is not sent again as another record."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from checkout_async.batch import Journal, Record, read_report
from checkout_async.batch.command.job import Job
from checkout_async.sandbox import Fault, Sandbox
from tests.batch.support import CARD, RECURRING, changed, client_of, job_of, request
from tests.commands import results_in, write_lines


def resumed(job: Job) -> Job:
    """The same command with `--resume`."""
    return replace(job, files=replace(job.files, resume=True))


Edit = tuple[Mapping[str, object], Mapping[str, object]]
EDITS: dict[str, Edit] = {
    "amount": ({"reference": "a"}, {"reference": "a", "amount": 7}),
    "amount without reference": ({}, {"amount": 7}),
    "reference added": ({}, {"reference": "a"}),
    "reference removed": ({"reference": "a"}, {}),
}


@pytest.mark.parametrize("edit", EDITS)
async def test_a_record_in_doubt_stays_unknown_however_it_was_changed(
    edit: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    before, after = EDITS[edit]
    source, quiet = tmp_path / "in.jsonl", io.StringIO()
    job = job_of(
        input=source,
        output=tmp_path / "out.jsonl",
        stderr=quiet,
        stdout=quiet,
        channel_data=RECURRING,
        concurrency=1,
    )
    write_lines(source, [request(**before), request(reference="other")])
    sandbox.faults.add("request_session", Fault.LOST_REPLY, at=1, times=1)
    async with client_of(sandbox) as checkout:
        assert await job.run(checkout) == 1
        write_lines(source, [request(**after), request(reference="other"), request(reference="new")])
        for _ in range(3):
            assert await resumed(job).run(checkout) == 1
            rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
            found = [(row["line"], row.get("reference"), row["result"]) for row in rows]
            # Without one reference for both, the record in doubt and the one in its place have a row each.
            in_doubt = [(1, each.get("reference"), "unknown") for each in (before, after)]
            expected = in_doubt[:1] if before.get("reference") == after.get("reference") == "a" else in_doubt
            assert found == [*expected, (2, "other", "authenticated"), (3, "new", "authenticated")]
    assert sandbox.count("request_session") == len(sandbox.sessions) == 3


async def test_a_record_in_doubt_that_the_input_has_no_more_stays_in_the_output_and_is_counted(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    source, target, quiet = tmp_path / "in.jsonl", tmp_path / "out.jsonl", io.StringIO()
    async with Journal(f"{target}.journal") as journal:
        await journal.claim(Record(line=2, request=request(reference="gone"), reference="gone"))
    messages, report = io.StringIO(), tmp_path / "report.json"
    job = job_of(input=source, output=target, stderr=messages, stdout=quiet, channel_data=RECURRING, resume=True)
    job = changed(job, report=report)
    write_lines(source, [request(reference="a")])
    async with client_of(sandbox) as checkout:
        for _ in range(3):
            messages.truncate(0)
            assert await job.run(checkout) == 1
            assert "1 records in doubt are no longer in the input: gone; put them back" in messages.getvalue()
            assert read_report(report).results == {"authenticated": 1, "unknown": 1}
            results = results_in(target.read_text())
            assert [(row["reference"], row["result"]) for row in results.values()] == [
                ("a", "authenticated"),
                ("gone", "unknown"),
            ]
    assert len(sandbox.sessions) == 1


@pytest.mark.parametrize(("limit", "code"), [(1, 0), (None, 1)])
async def test_a_record_in_doubt_that_was_not_reached_is_not_called_removed(
    sandbox: Sandbox, tmp_path: Path, limit: int | None, code: int
) -> None:
    source, target, messages = tmp_path / "in.jsonl", tmp_path / "out.jsonl", io.StringIO()
    async with Journal(f"{target}.journal") as journal:
        await journal.claim(Record(line=2, request=request(reference="b"), reference="b"))
    job = job_of(input=source, output=target, stderr=messages, stdout=messages, channel_data=RECURRING, resume=True)
    write_lines(source, [request(reference="a"), request(reference="b")])
    async with client_of(sandbox) as checkout:
        assert await changed(job, limit=limit).run(checkout) == code
    assert "no longer in the input" not in messages.getvalue()


async def test_removed_records_in_doubt_are_named_without_what_looks_like_a_card_number(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    source, target, messages = tmp_path / "in.jsonl", tmp_path / "out.jsonl", io.StringIO()
    async with Journal(f"{target}.journal") as journal:
        for line in range(1, 13):
            reference = CARD if line == 1 else f"ref-{line}"
            await journal.claim(Record(line=line, request=request(reference=reference), reference=reference))
    job = job_of(input=source, output=target, stderr=messages, stdout=messages, channel_data=RECURRING, resume=True)
    write_lines(source, [request(reference="a")])
    async with client_of(sandbox) as checkout:
        assert await job.run(checkout) == 1
    assert "12 records in doubt are no longer in the input: ***, ref-2, ref-3" in messages.getvalue()
    assert "ref-10 and others; put them back" in messages.getvalue()


async def test_a_record_in_doubt_that_is_changed_back_goes_on_with_its_session(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    source, quiet = tmp_path / "in.jsonl", io.StringIO()
    job = job_of(input=source, output=tmp_path / "out.jsonl", stderr=quiet, stdout=quiet, channel_data=RECURRING)
    write_lines(source, [request(reference="a")])
    sandbox.faults.add("update_session", Fault.NOT_JSON, times=None)
    async with client_of(sandbox) as checkout:
        assert await job.run(checkout) == 1
        sandbox.faults.clear()
        write_lines(source, [request(reference="a", amount=7)])
        assert await resumed(job).run(checkout) == 1
        [row] = results_in((tmp_path / "out.jsonl").read_text()).values()
        assert (row["result"], [row["session_id"]]) == ("unknown", [*sandbox.sessions])
        write_lines(source, [request(reference="a")])
        assert await resumed(job).run(checkout) == 0
    assert len(sandbox.sessions) == 1
