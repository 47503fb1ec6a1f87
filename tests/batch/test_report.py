"""The summary counts every line once, by status or by kind of error."""

from __future__ import annotations

from checkout_async.batch import Failure, Outcome, Summary
from tests.batch.support import bad_line, record, session


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_table_lists_statuses_then_errors_then_the_total() -> None:
    clock = Clock()
    summary = Summary(clock)
    for status in ("declined", "approved", "approved", "postponed"):
        summary.add(Outcome.of(record(), session(status)))
    summary.add(Outcome.malformed(bad_line(5)))
    summary.add(Outcome.of(record(), session("processing"), Failure(kind="Conflict", message="409")))
    clock.now = 2.0
    assert [line.split() for line in summary.table().splitlines() if not line.startswith("-")] == [
        ["status", "lines"],
        ["approved", "2", "33.3", "%"],
        ["declined", "1", "16.7", "%"],
        ["postponed", "1", "16.7", "%"],
        ["error:", "Conflict", "1", "16.7", "%"],
        ["error:", "MalformedLine", "1", "16.7", "%"],
        ["total", "6", "100.0", "%"],
        ["2.0", "s,", "3", "a", "second"],
    ]


def test_lines_with_an_error_count_as_errors_whatever_the_session_was() -> None:
    summary = Summary()
    summary.add(Outcome.of(record(), session("approved"), Failure(kind="Conflict", message="409")))
    assert (summary.by_status, summary.by_error, summary.done) == ({}, {"Conflict": 1}, 1)


def test_a_run_without_lines_has_a_table_too() -> None:
    assert "total" in Summary(Clock()).table()
