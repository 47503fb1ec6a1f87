"""The report as a page: complete, self-contained, harmless, and made for people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout_async.batch import BatchResult, Report
from checkout_async.batch.report.html import page
from checkout_async.batch.report.latency import Latencies

START = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)
VOID = {"meta"}


class Reader(HTMLParser):
    """Reads a page as a person does: its words, and the elements with their attributes; every tag must
    be closed."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"] and data.strip():
            self.words.append(" ".join(data.split()))

    def tags(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag == name]


def latencies(*times: float) -> Latencies:
    found = Latencies()
    for seconds in times:
        found.add(seconds)
    return found


def report(
    results: dict[BatchResult, int] | None = None,
    *,
    errors: dict[str, int] | None = None,
    source: str = "cards.jsonl",
    times: Latencies | None = None,
    stopped: str = "",
    hours: float = 1.0,
) -> Report:
    return Report(
        input=source,
        output="results.jsonl",
        started=START,
        ended=START + timedelta(hours=hours),
        results={BatchResult.AUTHENTICATED: 1200, BatchResult.FAILED: 34} if results is None else results,
        errors=errors or {},
        latencies=times or Latencies(),
        stopped=stopped,
    )


def read(shown: Report) -> Reader:
    return Reader(page(shown))


def test_it_says_what_was_read_where_results_went_and_when() -> None:
    words = " ".join(read(report(hours=0.25)).words)
    assert "cards.jsonl → results.jsonl" in words
    assert "21 November 2026, 23:30:00 to 23:45:00 UTC" in words


def test_an_end_on_another_day_has_its_date() -> None:
    assert "22 November 2026, 00:30:00" in read(report()).words


def test_each_result_has_its_number_share_and_a_bar() -> None:
    reader = read(report())
    rows = reader.words[reader.words.index("Share") + 1 : reader.words.index("all")]
    assert rows == ["authenticated", "1,200", "97.2 %", "failed", "34", "2.8 %"]
    assert {"authenticated", "failed"} <= {each.get("class") for each in reader.tags("rect")}


def meanings() -> dict[str, tuple[str, str]]:
    """What the page says that each result means, and what to do about it."""
    words = read(report()).words
    cells = words[words.index("What to do") + 1 :]
    return {
        name.replace(" ", "_"): (meaning, action)
        for name, meaning, action in zip(cells[::3], cells[1::3], cells[2::3], strict=True)
    }


def test_every_result_is_explained_whether_it_occurred_or_not() -> None:
    assert list(meanings()) == list(BatchResult)
    assert all(text.endswith(".") for texts in meanings().values() for text in texts)


def test_to_resume_is_advised_for_results_that_a_later_run_can_change() -> None:
    assert {name for name, (_, action) in meanings().items() if "esume" in action} == {
        result for result in BatchResult if not result.is_final
    }


def test_errors_come_with_the_most_frequent_first() -> None:
    words = read(report(errors={"Conflict": 2, "InvalidRequest": 30})).words
    assert words.index("invalid request (InvalidRequest)") < words.index("in use (Conflict)")


def test_times_are_drawn_with_their_percentiles() -> None:
    reader = read(report(times=latencies(*(0.001 * step for step in range(10, 1000)))))
    assert len([each for each in reader.tags("rect") if each.get("class") == "time"]) > 20
    assert len(reader.tags("line")) == 3
    assert {"shortest", "p50", "p90", "p99", "longest"} <= set(reader.words)


@pytest.mark.costly
@given(st.lists(st.floats(0, 1e5), min_size=1, max_size=30))
def test_any_times_can_be_drawn_within_the_picture(times: list[float]) -> None:
    for each in read(report(times=latencies(*times))).tags("rect"):
        left, width = float(each.get("x") or 0), float(each["width"] or "nothing")
        assert 0 <= left <= left + width <= 100.02


def test_a_run_that_ended_early_says_so_and_why() -> None:
    words = read(report(stopped="the scope sessions:browser is missing")).words
    assert "Stopped before the end: the scope sessions:browser is missing" in words


def test_a_run_without_records_is_a_page_too() -> None:
    assert "0" in read(report({}, hours=0.0)).words


HOSTILE = "<script>alert(1)</script>\"'&<img src=x onerror=alert(1)>"


@pytest.mark.parametrize("shown", [report(source=HOSTILE), report(stopped=HOSTILE), report(errors={HOSTILE: 1})])
def test_whatever_a_file_is_called_it_is_words_and_no_markup(shown: Report) -> None:
    reader = read(shown)
    assert any(HOSTILE in words for words in reader.words)
    assert not {"script", "img"} & {tag for tag, _ in reader.elements}


def test_nothing_runs_and_nothing_is_loaded_from_anywhere() -> None:
    reader = read(report(errors={"Conflict": 1}, times=latencies(0.1)))
    assert not {"script", "link", "img", "iframe", "object", "a", "form"} & {tag for tag, _ in reader.elements}
    assert not {"src", "href"} & {name for _, attributes in reader.elements for name in attributes}
    assert "url(" not in page(report())
    policies = [each["content"] for each in reader.tags("meta") if "http-equiv" in each]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"]
