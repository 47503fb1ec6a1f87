"""Reports as files: by suffix, refused early where they cannot be, and read back as they were."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from checkout_async.batch import BatchResult, Report, read_report, write_report
from checkout_async.batch.report.file import check_report_path
from checkout_async.batch.report.latency import Latencies
from checkout_async.errors import BatchFileError

START = datetime(2026, 11, 21, 1, 30, tzinfo=UTC)


@pytest.fixture
def report() -> Report:
    times = Latencies()
    for seconds in (0.1, 0.2, 4.0):
        times.add(seconds)
    return Report(
        input="cards.jsonl",
        output="results.jsonl",
        started=START,
        ended=START + timedelta(seconds=2),
        results={BatchResult.AUTHENTICATED: 2, BatchResult.INVALID: 1},
        errors={"InvalidRequest": 1},
        latencies=times,
    )


def test_a_json_report_is_read_back_as_it_was(report: Report, tmp_path: Path) -> None:
    write_report(report, tmp_path / "report.json")
    assert read_report(tmp_path / "report.json") == report


def test_a_json_report_has_what_other_programs_want_to_know(report: Report, tmp_path: Path) -> None:
    write_report(report, tmp_path / "report.json")
    members = json.loads((tmp_path / "report.json").read_text())
    assert members["results"] == {"authenticated": 2, "invalid": 1}
    assert (members["records"], members["seconds"], members["per_second"]) == (3, 2.0, 1.5)
    assert members["percentiles"] == {
        "p50": pytest.approx(0.2, rel=0.01),
        "p90": pytest.approx(4.0, rel=0.01),
        "p99": pytest.approx(4.0, rel=0.01),
    }


@pytest.mark.parametrize("name", ["report.html", "REPORT.HTML"])
def test_an_html_report_is_a_page(name: str, report: Report, tmp_path: Path) -> None:
    write_report(report, tmp_path / name)
    assert (tmp_path / name).read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize("name", ["report.json", "report.html"])
def test_file_names_that_are_not_utf8_can_be_reported(name: str, report: Report, tmp_path: Path) -> None:
    odd = os.fsdecode(b"\xff.csv")
    names = {"input": f"in-{odd}", "output": f"out-{odd}", "stopped": f"cannot write {odd}"}
    write_report(msgspec.structs.replace(report, **names), tmp_path / name)
    written = (tmp_path / name).read_text(encoding="utf-8")
    assert all(text.replace(odd, "\ufffd.csv") in written for text in names.values())


def test_an_earlier_report_is_replaced(report: Report, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("x" * 100_000)
    write_report(report, path)
    assert read_report(path) == report


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("report.pdf", "a report must be a .json or .html file"),
        ("report", "a report must be a .json or .html file"),
        ("missing/report.json", "there is no folder"),
        ("folder.html", "it is a folder"),
    ],
)
def test_a_report_that_cannot_be_written_is_refused_before_the_run(name: str, fault: str, tmp_path: Path) -> None:
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(BatchFileError, match=fault):
        check_report_path(tmp_path / name)


def test_a_full_disk_is_reported_as_such(report: Report, tmp_path: Path) -> None:
    (tmp_path / "report.json").symlink_to("/dev/full")
    with pytest.raises(BatchFileError, match=r"cannot write the report .*: No space left on device"):
        write_report(report, tmp_path / "report.json")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "is not a report of a batch"),
        (b"[]", "is not a report of a batch"),
        (b'{"format": 1}', "is not a report of a batch"),
        (b'{"format": 1, "input": "\xff"}', "is not a report of a batch"),
        (b'{"format": 1, "input": "", "output": "", "started": "2026-11-21T00:00:00"}', r"not a report.*started"),
        (b'{"format": 2}', "written by a later version"),
    ],
)
def test_a_file_that_is_not_a_report_is_refused(content: bytes, fault: str, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_bytes(content)
    with pytest.raises(BatchFileError, match=fault):
        read_report(path)


def test_a_report_that_is_not_there_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(BatchFileError, match="No such file"):
        read_report(tmp_path / "report.json")
