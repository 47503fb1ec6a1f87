"""A report as an HTML page: one file, without scripts and without external references.

The markup is in report.html, in parts that are filled in by `string.Template`: a page of a few parts needs no template
library. Every text is escaped. The page is light or dark like the reader's device, and readable on a phone and in
print.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from functools import cache
from html import escape
from importlib.resources import files
from string import Template

from checkout_async.batch.formatting import (
    format_count,
    format_duration,
    format_error,
    format_latency,
    format_percent,
    format_rate,
    format_result,
)
from checkout_async.batch.outcome import BatchResult
from checkout_async.batch.report.charts import distribution, share_bar, shares_bar
from checkout_async.batch.report.report import PERCENTILES, Report, line_counts, replayed_count

__all__ = ["page"]


class _Markup(str):
    """A text that is markup already."""

    __slots__ = ()


def page(report: Report) -> str:
    """Return the report as an HTML document."""
    return _part(
        "page",
        style=_Markup(_file("report.css")),
        input=report.input,
        output=report.output,
        started=_moment(report.started),
        ended=_moment(report.ended, with_date=_day(report.ended) != _day(report.started)),
        stopped=_part("stopped", reason=report.stopped) if report.stopped else "",
        figures=_figures(report),
        shares=_Markup(shares_bar(report)),
        results=_joined(_result(result, report) for result in BatchResult if report.results.get(result)),
        records=format_count(report.records),
        replayed=_part("remark", words=f"{replayed_count(report)} and not sent again") if report.replayed else "",
        lines="" if report.lines is None else _part("remark", words=line_counts(report.lines)),
        times=_times(report),
        errors=_errors(report),
    )


def _figures(report: Report) -> _Markup:
    median = report.latencies.percentile(50)
    figures = {
        "records": format_count(report.records),
        "authenticated": format_percent(report.authenticated, report.records) or "-",
        "left to do": format_count(report.unfinished),
        "took": format_duration(report.seconds),
        "a second": format_rate(report.per_second),
        "median time": "-" if median is None else format_latency(median),
    }
    return _joined(_part("figure", name=name, value=value) for name, value in figures.items())


def _result(result: BatchResult, report: Report) -> _Markup:
    count = report.results[result]
    return _part(
        "result",
        name=result.value,
        words=format_result(result),
        bar=_Markup(share_bar(result, count, report.records)),
        count=format_count(count),
        share=format_percent(count, report.records),
    )


def _times(report: Report) -> str:
    latencies = report.latencies
    if latencies.shortest is None or latencies.longest is None:
        return ""
    percentiles = {f"p{percent}": latencies.percentile(percent) or 0.0 for percent in PERCENTILES}
    times = {"shortest": latencies.shortest, **percentiles, "longest": latencies.longest}
    return _part(
        "times",
        chart=_Markup(distribution(latencies)),
        names=_joined(_part("name of a time", name=name) for name in times),
        values=_joined(_part("time", time=format_latency(time)) for time in times.values()),
    )


def _errors(report: Report) -> str:
    if not report.errors:
        return ""
    most_first = sorted(report.errors.items(), key=lambda item: -item[1])
    rows = (
        _part("error", kind=format_error(kind), count=format_count(count), share=format_percent(count, report.records))
        for kind, count in most_first
    )
    return _part("errors", errors=_joined(rows))


def _moment(moment: datetime, *, with_date: bool = True) -> _Markup:
    moment = moment.astimezone(UTC)
    day = f"{moment.day} {moment:%B %Y, }" if with_date else ""
    return _part("moment", moment=moment.isoformat(timespec="seconds"), words=f"{day}{moment:%H:%M:%S}")


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()


def _part(name: str, /, **texts: str) -> _Markup:
    """Fill in a part of report.html; texts are escaped unless they are markup."""
    values = {key: text if isinstance(text, _Markup) else escape(text) for key, text in texts.items()}
    return _Markup(_parts()[name].substitute(values))


def _joined(parts: Iterable[_Markup]) -> _Markup:
    return _Markup("".join(parts))


@cache
def _parts() -> dict[str, Template]:
    _, *parts = re.split(r"<!-- ([a-z ]+) -->\n", _file("report.html"))
    return {name: Template(part) for name, part in zip(parts[::2], parts[1::2], strict=True)}


def _file(name: str) -> str:
    return files("checkout_async.batch.report").joinpath(name).read_text("utf-8")
