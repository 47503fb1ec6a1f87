"""The summary of a run accounts for every line of its input."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import cast

import msgspec
import pytest

from checkout_async.batch import BatchOptions, Summary, read_report, write_report
from checkout_async.batch.cluster import PartitionSettings, RunPaths, gather_partitions, plan_partitions, run_partition
from checkout_async.batch.command.job import Job
from checkout_async.batch.report import line_counts
from checkout_async.batch.sources.base import InputLines
from tests.batch.support import RECURRING, ScriptedSender, changed, job_of, session

TABLE = (
    b"reference,source.type,source.number,source.expiry_month,source.expiry_year,source.name,amount,currency,"
    b"completion.type\n"
    b'ORD-1,card,4000000000000101,6,2035,"Bo\nDemo",1999,GBP,non_hosted\n'
    b"\n"
    b'ORD-2,card,4000000000000101,6,2035,"stray,1999,GBP,non_hosted\n'
    b"ORD-3,card,4000000000000101,6,2035,Bo,1999,GBP,non_hosted\n"
)
LINES = InputLines(header=1, records=3, continued=1, blank=1)
SAID = "6 lines read: 1 header, 3 records, 1 further in records of several lines, 1 blank"


@pytest.fixture
def job(tmp_path: Path) -> Job:
    source = tmp_path / "in.csv"
    source.write_bytes(TABLE)
    quiet = io.StringIO()
    return job_of(
        input=source,
        output=tmp_path / "out.jsonl",
        stderr=quiet,
        stdout=quiet,
        channel_data=RECURRING,
        report=tmp_path / "report.json",
    )


def printed(job: Job) -> str:
    return cast("io.StringIO", job.stdout).getvalue()


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (LINES, SAID),
        (InputLines(records=1), "1 line read: 1 record"),
        (InputLines(header=1, records=1200), "1,201 lines read: 1 header, 1,200 records"),
        (InputLines(), "0 lines read"),
    ],
)
def test_in_words(lines: InputLines, said: str) -> None:
    assert line_counts(lines) == said


async def test_a_run_prints_and_reports_it(job: Job) -> None:
    assert await job.run(ScriptedSender(lambda _: session())) == 1
    assert SAID in printed(job)
    assert job.report is not None
    report = read_report(job.report)
    assert (report.lines, report.records) == (LINES, 3)
    page = job.report.with_suffix(".html")
    write_report(report, page)
    assert SAID in page.read_text()


async def test_a_run_that_stops_early_counts_what_it_read(job: Job) -> None:
    assert await changed(job, limit=1).run(ScriptedSender(lambda _: session())) == 0
    assert "3 lines read: 1 header, 1 record, 1 further in records of several lines\n" in printed(job)


async def test_a_dry_run_prints_it(job: Job) -> None:
    assert await job.check() == 1
    assert SAID in printed(job)


async def test_the_report_of_a_cluster_has_it(job: Job, env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert job.files.input is not None
    assert job.files.output is not None
    places = RunPaths.of(job.files.input, job.files.output)
    parts = await asyncio.to_thread(plan_partitions, places, 2, default=2)
    for part in parts:
        await asyncio.to_thread(
            run_partition, part, PartitionSettings(rate=None, options=BatchOptions(channel_data=RECURRING))
        )
    report = await asyncio.to_thread(gather_partitions, places, parts)
    assert (report.lines, report.records) == (LINES, 3)


def test_reports_of_parts_add_up() -> None:
    first, second, without = Summary(), Summary(), Summary()
    first.lines, second.lines = LINES, InputLines(records=2, blank=1)
    merged = first.report("a", "b").merge(second.report("a", "b"))
    assert merged.lines == InputLines(header=1, records=5, continued=1, blank=2)
    for one, other in ((first, without), (without, first)):
        assert one.report("a", "b").merge(other.report("a", "b")).lines == LINES
    assert without.report("a", "b").lines is None
    assert "read" not in without.table()
    assert msgspec.json.decode(msgspec.json.encode(merged), type=type(merged)) == merged
