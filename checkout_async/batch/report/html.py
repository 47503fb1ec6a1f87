"""A report as an HTML page: one file, without scripts and without external references.

It is light or dark like the reader's device, and readable on a phone and in print. All text from outside is escaped.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from typing import Final

from checkout_async.batch.formatting import (
    RESULT_HELP,
    format_count,
    format_duration,
    format_latency,
    format_percent,
    format_rate,
    format_result,
)
from checkout_async.batch.outcome import BatchResult
from checkout_async.batch.report.charts import distribution, share_bar, shares_bar
from checkout_async.batch.report.report import PERCENTILES, Report, line_counts

__all__ = ["page"]

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def page(report: Report) -> str:
    """Return the report as an HTML document."""
    style = files("checkout_async.batch.report").joinpath("report.css").read_text()
    sections = [_head(report), _figures(report), _results(report), _times(report), _errors(report), _meanings()]
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>Batch authentication: {escape(report.input)}</title>
<style>{style}</style>
</head>
<body>
<main>
{"".join(sections)}</main>
</body>
</html>
"""


def _head(report: Report) -> str:
    stopped = f'<p class="stopped">Stopped before the end: {escape(report.stopped)}</p>\n' if report.stopped else ""
    return f"""<header>
<h1>Batch authentication</h1>
<p>{escape(report.input)} <span class="to">→ {escape(report.output)}</span></p>
<p class="when">{_when(report)}</p>
{stopped}</header>
"""


def _figures(report: Report) -> str:
    median = report.latencies.percentile(50)
    figures = [
        ("records", format_count(report.records)),
        ("authenticated", format_percent(report.authenticated, report.records) or "-"),
        ("left to do", format_count(report.unfinished)),
        ("took", format_duration(report.seconds)),
        ("a second", format_rate(report.per_second)),
        ("median time", "-" if median is None else format_latency(median)),
    ]
    items = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>\n" for name, value in figures)
    return f'<dl class="figures">\n{items}</dl>\n'


def _results(report: Report) -> str:
    rows = "".join(_result_row(result, report) for result in BatchResult if report.results.get(result))
    replayed = ""
    if report.replayed:
        verb = "was" if report.replayed == 1 else "were"
        replayed = (
            f"<p>{format_count(report.replayed)} of them {verb} known from an earlier run and not sent again.</p>\n"
        )
    lines = "" if report.lines is None else f"<p>{line_counts(report.lines)}.</p>\n"
    return f"""<section>
<h2>Results</h2>
{shares_bar(report)}
<table class="results">
<thead><tr><th scope="col">Result</th><th scope="col"></th>{_numeric("Records", "Share")}</tr></thead>
<tbody>
{rows}</tbody>
<tfoot><tr><th scope="row">all</th><td></td><td class="n">{format_count(report.records)}</td><td></td></tr></tfoot>
</table>
{replayed}{lines}</section>
"""


def _result_row(result: BatchResult, report: Report) -> str:
    count = report.results[result]
    return (
        f'<tr><th scope="row"><i class="{result.value}"></i>{format_result(result)}</th>'
        f'<td class="wide">{share_bar(result, count, report.records)}</td>'
        f'<td class="n">{format_count(count)}</td><td class="n">{format_percent(count, report.records)}</td></tr>\n'
    )


def _times(report: Report) -> str:
    latencies = report.latencies
    if latencies.shortest is None or latencies.longest is None:
        return ""
    columns = [("shortest", latencies.shortest)]
    columns += [(f"p{percent}", latencies.percentile(percent) or 0.0) for percent in PERCENTILES]
    columns.append(("longest", latencies.longest))
    values = "".join(f'<td class="n">{format_latency(value)}</td>' for _, value in columns)
    return f"""<section>
<h2>Time of a record</h2>
<p>From its first request to its last reply; p90 is the time that 90 % of the records did not exceed.</p>
{distribution(latencies)}
<table class="percentiles">
<thead><tr>{_numeric(*(name for name, _ in columns))}</tr></thead>
<tbody><tr>{values}</tr></tbody>
</table>
</section>
"""


def _errors(report: Report) -> str:
    if not report.errors:
        return ""
    most_first = sorted(report.errors.items(), key=lambda item: -item[1])
    rows = "".join(
        f'<tr><th scope="row">{escape(kind)}</th><td class="n">{format_count(count)}</td>'
        f'<td class="n">{format_percent(count, report.records)}</td></tr>\n'
        for kind, count in most_first
    )
    return f"""<section>
<h2>Errors</h2>
<p>The output says for each record what was wrong, where in the request, and the request id to give to
Checkout.com's support.</p>
<table>
<thead><tr><th scope="col">Kind</th>{_numeric("Records", "Share of all")}</tr></thead>
<tbody>
{rows}</tbody>
</table>
</section>
"""


def _meanings() -> str:
    rows = "".join(_meaning_rows())
    return f"""<section>
<h2>What the results mean</h2>
<table class="meanings">
<thead><tr><th scope="col">Result</th><th scope="col">Meaning</th><th scope="col">What to do</th></tr></thead>
<tbody>
{rows}</tbody>
</table>
</section>
"""


def _meaning_rows() -> Iterator[str]:
    for result in BatchResult:
        help_ = RESULT_HELP[result]
        yield (
            f'<tr><th scope="row"><i class="{result.value}"></i>{format_result(result)}</th>'
            f"<td>{escape(help_.meaning)}</td><td>{escape(help_.action)}</td></tr>\n"
        )


def _numeric(*names: str) -> str:
    return "".join(f'<th scope="col" class="n">{name}</th>' for name in names)


def _when(report: Report) -> str:
    start, end = report.started.astimezone(UTC), report.ended.astimezone(UTC)
    until = f"{end:%H:%M:%S}" if start.date() == end.date() else _date(end)
    return f"{_tagged(start, _date(start))} to {_tagged(end, until)} UTC"


def _date(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y, %H:%M:%S}"


def _tagged(moment: datetime, words: str) -> str:
    return f'<time datetime="{moment.isoformat(timespec="seconds")}">{words}</time>'
