"""Progress: a bar where somebody watches, plain lines elsewhere; the same words in both."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Generator
from contextlib import contextmanager

import pytest
from rich.console import Console

from checkout_async.batch import BatchResult, Outcome
from checkout_async.batch.command.progress import BarProgress, LineProgress, ProgressStats, progress_on
from tests.batch.support import Clock


def outcome(result: BatchResult = BatchResult.AUTHENTICATED, *, replayed: bool = False) -> Outcome:
    return Outcome(line=1, result=result, replayed=replayed)


class TestTally:
    def test_it_counts_by_result_and_says_what_was_known_before(self) -> None:
        stats = ProgressStats(5000)
        for each in [outcome()] * 1200 + [
            outcome(BatchResult.CHALLENGE_REQUIRED),
            outcome(BatchResult.DECLINED, replayed=True),
        ]:
            stats.add(each)
        assert stats.count() == "1,202 of 5,000"
        assert stats.results() == (
            "1,200 authenticated, 1 challenge required, 1 declined (1 known from an earlier run)"
        )

    def test_the_rate_leaves_out_what_was_known_before(self) -> None:
        clock = Clock()
        stats = ProgressStats(None, clock=clock)
        for each in [outcome(replayed=True)] * 500 + [outcome()] * 40:
            stats.add(each)
        clock.now += 4.0
        assert (stats.count(), stats.rate_text()) == ("540", "10/s")

    def test_the_rate_is_that_of_the_last_half_minute(self) -> None:
        clock = Clock()
        stats = ProgressStats(None, clock=clock)
        for _ in range(60):
            stats.add(outcome())
            stats.add(outcome())
            clock.now += 1.0
        for _ in range(30):
            stats.add(outcome())
            clock.now += 2.0
        assert stats.rate == pytest.approx(0.5, rel=0.05)

    def test_a_run_that_stands_still_gets_slower_and_knows_no_end(self) -> None:
        clock = Clock()
        stats = ProgressStats(100, clock=clock)
        stats.add(outcome())
        clock.now += 10.0
        assert stats.rate_text() == "0.1/s, 16 min 30 s left"
        clock.now += 60.0
        assert stats.rate_text() == "0/s"

    def test_a_run_that_is_done_has_no_time_left(self) -> None:
        clock = Clock()
        stats = ProgressStats(1, clock=clock)
        stats.add(outcome())
        clock.now += 0.5
        assert stats.rate_text() == "2.0/s"

    def test_a_run_of_no_time_has_a_rate_too(self) -> None:
        assert ProgressStats(0, clock=Clock()).rate_text() == "0/s"

    def test_a_pause_counts_down_to_the_next_try(self) -> None:
        clock = Clock()
        stats = ProgressStats(100, "61 wait for the rate limit", clock=clock)
        stats.add(outcome())
        clock.now += 1.0
        stats.pause("the API cannot be reached", 8.0)
        clock.now += 2.5
        assert stats.blocked_reason() == "paused: the API cannot be reached, next try in 6 s"
        assert "left" not in stats.rate_text()
        stats.pause("the API cannot be reached", None)
        assert stats.blocked_reason() == "61 wait for the rate limit"
        assert "left" in stats.rate_text()


class TestLines:
    def test_they_come_now_and_then_and_at_the_end(self) -> None:
        stream, clock = io.StringIO(), Clock()
        with LineProgress(stream, ProgressStats(5, "2 wait to be sent", clock=clock), every=10.0) as progress:
            for _ in range(4):
                clock.now += 4.0
                progress.advance(outcome())
            progress.note("a remark")
            clock.now += 4.0
            progress.advance(outcome(BatchResult.DECLINED))
        assert stream.getvalue().splitlines() == [
            "3 of 5: 0.2/s, 8 s left; 3 authenticated; 2 wait to be sent",
            "a remark",
            "5 of 5: 0.2/s; 4 authenticated, 1 declined; 2 wait to be sent",
        ]

    def test_a_pause_has_lines_of_its_own(self) -> None:
        stream, clock = io.StringIO(), Clock()
        with LineProgress(stream, ProgressStats(5, clock=clock)) as progress:
            progress.pause("the API cannot be reached", 8.0)
            progress.pause("", None)
        assert stream.getvalue().splitlines() == [
            "paused: the API cannot be reached, next try in 8 s",
            "continuing: the pause is over",
            "0 of 5: 0/s",
        ]

    def test_the_last_line_is_not_about_a_pause_that_ended_with_the_run(self) -> None:
        stream = io.StringIO()
        with LineProgress(stream, ProgressStats(3)) as progress:
            progress.pause("the API cannot be reached", 8.0)
        assert stream.getvalue().splitlines()[-1] == "0 of 3: 0/s"


class TestBar:
    def test_it_shows_count_results_and_what_is_waited_for(self) -> None:
        with bar(ProgressStats(3000, "61 wait for the rate limit")) as (progress, stream):
            for _ in range(1200):
                progress.advance(outcome())
        shown = plain(stream)
        assert "1,200 of 3,000" in shown
        assert "1,200 authenticated" in shown
        assert "61 wait for the rate limit" in shown

    def test_it_shows_remarks_as_they_are(self) -> None:
        with bar(ProgressStats(3)) as (progress, stream):
            progress.note("[bold]3 of 3[/bold]")
        assert "[bold]3 of 3[/bold]" in plain(stream)

    def test_it_shows_a_pause_as_long_as_it_lasts(self) -> None:
        with bar(ProgressStats(3)) as (progress, stream):
            progress.pause("the API cannot be reached", 3600.0)
        assert "paused: the API cannot be reached, next try in 1 h" in plain(stream)


@contextmanager
def bar(stats: ProgressStats) -> Generator[tuple[BarProgress, io.StringIO]]:
    stream = io.StringIO()
    with BarProgress(Console(file=stream, force_terminal=True, width=120), stats) as progress:
        yield progress, stream


def plain(stream: io.StringIO) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())


@pytest.mark.parametrize(("term", "kind"), [("xterm", BarProgress), ("dumb", LineProgress)])
def test_a_terminal_that_can_draw_gets_the_bar(term: str, kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", term)
    leader, follower = os.openpty()
    with os.fdopen(follower, "w") as terminal:
        assert type(progress_on(terminal, 3)) is kind
    os.close(leader)


def test_anything_else_gets_plain_lines() -> None:
    assert type(progress_on(io.StringIO(), 3)) is LineProgress


def test_a_terminal_that_goes_away_is_no_reason_to_end_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    leader, follower = os.openpty()
    with os.fdopen(follower, "w") as terminal, progress_on(terminal, 3) as progress:
        os.close(leader)
        progress.note("a remark")
        progress.advance(outcome())
        progress.note("another one")
