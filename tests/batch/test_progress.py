"""Progress: a bar where somebody watches, plain lines elsewhere."""

from __future__ import annotations

import io
import os
import re

import pytest
from rich.console import Console

from checkout_async.batch.progress import BarProgress, LineProgress, progress_on


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_plain_lines_come_now_and_then_and_at_the_end() -> None:
    stream, clock = io.StringIO(), Clock()
    with LineProgress(stream, 5, every=10.0, clock=clock) as progress:
        for _ in range(4):
            clock.now += 4.0
            progress.advance()
        progress.note("a remark")
        clock.now += 4.0
        progress.advance()
    assert stream.getvalue().splitlines() == ["3 of 5 lines, 0/s", "a remark", "5 of 5 lines, 0/s"]


def test_plain_lines_tell_the_rate_and_do_without_a_total() -> None:
    stream, clock = io.StringIO(), Clock()
    with LineProgress(stream, None, clock=clock) as progress:
        for _ in range(50):
            progress.advance()
        clock.now += 2.0
    assert stream.getvalue() == "50 lines, 25/s\n"


def test_a_run_of_no_time_has_a_rate_too() -> None:
    stream, clock = io.StringIO(), Clock()
    with LineProgress(stream, 0, clock=clock):
        pass
    assert stream.getvalue() == "0 of 0 lines, 0/s\n"


def test_the_bar_counts_and_shows_remarks_as_they_are() -> None:
    stream = io.StringIO()
    with BarProgress(Console(file=stream, force_terminal=True, width=120), 3) as progress:
        for _ in range(2):
            progress.advance()
        progress.note("[bold]3 of 3[/bold]")
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())
    assert "2/3" in shown
    assert "[bold]3 of 3[/bold]" in shown


@pytest.mark.parametrize(("term", "kind"), [("xterm", BarProgress), ("dumb", LineProgress)])
def test_a_terminal_that_can_draw_gets_the_bar(term: str, kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", term)
    leader, follower = os.openpty()
    with os.fdopen(follower, "w") as terminal:
        assert type(progress_on(terminal, 3)) is kind
    os.close(leader)


def test_anything_else_gets_plain_lines() -> None:
    assert type(progress_on(io.StringIO(), 3)) is LineProgress
