"""What a run came to: every record counted once by its result, times and rate without what was known before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout_async.batch import BatchResult, ErrorInfo, Outcome, Report, Summary
from tests.batch.support import Clock

NIGHT = datetime(2026, 11, 21, 1, 30, tzinfo=UTC)


def outcome(result: BatchResult, *, seconds: float | None = 0.1, kind: str = "", replayed: bool = False) -> Outcome:
    error = ErrorInfo(kind=kind, message="no matter") if kind else None
    return Outcome(line=1, result=result, seconds=seconds, error=error, replayed=replayed)


def summary_of(*outcomes: Outcome, took: float = 2.0) -> Summary:
    clock = Clock()
    summary = Summary(clock, lambda: NIGHT)
    for each in outcomes:
        summary.add(each)
    clock.now += took
    return summary


def test_the_table_has_results_in_their_order_then_errors_then_times() -> None:
    summary = summary_of(
        outcome(BatchResult.INVALID, kind="InvalidRequest"),
        outcome(BatchResult.CHALLENGE_REQUIRED),
        outcome(BatchResult.AUTHENTICATED),
        outcome(BatchResult.AUTHENTICATED, seconds=3.0),
        outcome(BatchResult.AUTHENTICATED, seconds=9.0, replayed=True),
        outcome(BatchResult.UNKNOWN, kind="Conflict"),
    )
    assert summary.table().splitlines() == [
        "result                                  records     share",
        "---------------------------------------------------------",
        "authenticated                                 3    50.0 %",
        "challenge required                            1    16.7 %",
        "invalid                                       1    16.7 %",
        "unknown                                       1    16.7 %",
        "---------------------------------------------------------",
        "records                                       6   100.0 %",
        "",
        "errors",
        "  in use (Conflict)                           1    16.7 %",
        "  invalid request (InvalidRequest)            1    16.7 %",
        "",
        "time per record: p50 100 ms, p90 3.00 s, p99 3.00 s, max 3.00 s",
        "1 was known from an earlier run",
        "took 2.0 s, 2.5 a second",
    ]


def test_a_run_without_records_has_a_table_too() -> None:
    assert summary_of(took=0.0).table().splitlines()[-3:] == ["records            0", "", "took 0.0 s"]


def test_replayed_records_count_as_records_but_not_in_rate_and_times() -> None:
    known = outcome(BatchResult.DECLINED, seconds=9.0, replayed=True)
    report = summary_of(known, known, outcome(BatchResult.ATTEMPTED)).report("in", "out")
    assert (report.records, report.replayed, report.per_second) == (3, 2, 0.5)
    assert (report.latencies.count, report.latencies.longest) == (1, 0.1)


def test_the_report_knows_what_may_be_authorised_and_what_is_left_to_do() -> None:
    report = summary_of(*(outcome(result) for result in BatchResult)).report("in", "out")
    assert (report.records, report.authenticated, report.unfinished) == (11, 2, 3)


def test_the_end_is_by_the_clock_that_cannot_be_set_back() -> None:
    report = summary_of(outcome(BatchResult.DECLINED), took=3600.0).report("in", "out", stopped="Ctrl-C")
    assert (report.started, report.ended, report.seconds) == (NIGHT, NIGHT + timedelta(hours=1), 3600.0)
    assert report.stopped == "Ctrl-C"


def test_a_report_stays_as_it_is_while_the_run_goes_on() -> None:
    summary = summary_of(outcome(BatchResult.DECLINED))
    report = summary.report("in", "out")
    summary.add(outcome(BatchResult.DECLINED))
    assert (report.records, report.latencies.count, summary.report("in", "out").records) == (1, 1, 2)


OUTCOMES = st.lists(
    st.builds(
        outcome,
        st.sampled_from(BatchResult),
        seconds=st.none() | st.floats(0, 100),
        kind=st.sampled_from(["", "Conflict", "ConnectFailed"]),
        replayed=st.booleans(),
    )
)


def reports(*outcomes: Outcome) -> Report:
    return summary_of(*outcomes).report("in", "out")


@pytest.mark.costly
@given(OUTCOMES, OUTCOMES)
def test_the_reports_of_two_parts_add_up_to_that_of_the_whole(one: list[Outcome], other: list[Outcome]) -> None:
    assert reports(*one).merge(reports(*other)) == reports(*one, *other)


def test_parts_in_parallel_last_from_the_first_start_to_the_last_end() -> None:
    early, late = reports(outcome(BatchResult.DECLINED)), reports(outcome(BatchResult.DECLINED))
    late = Report(
        input="in-2",
        output="out-2",
        started=NIGHT + timedelta(seconds=1),
        ended=NIGHT + timedelta(seconds=5),
        results=late.results,
        stopped="no access",
    )
    merged = late.merge(early).merge(late)
    assert (merged.started, merged.seconds, merged.input, merged.stopped) == (NIGHT, 5.0, "in-2", "no access")
