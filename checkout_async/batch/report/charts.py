"""The drawings of a report as inline SVG: one bar, a bar of shares, the distribution of times.

A drawing stretches to the space it has, so the text next to it is HTML and keeps its size on a phone. Colours are CSS
classes of the page.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from checkout_async.batch.formatting import format_count, format_latency, format_percent, format_result
from checkout_async.batch.outcome import BatchResult
from checkout_async.batch.report.latency import Bar, Latencies
from checkout_async.batch.report.report import PERCENTILES, Report

__all__ = ["distribution", "share_bar", "shares_bar"]

_BARS = 40
_HEIGHT = 100.0
_GAP = 0.12
"""Between two bars, as a part of a bar's width."""

_ROOM = 28.0
"""The width of the text of a percentile on a phone, in percent of the drawing."""

_APART = 15.0
"""The same between two times of the axis."""

_FLIP = 80.0
"""From here on, a text is to the left of its place."""


def share_bar(result: BatchResult, part: int, whole: int) -> str:
    """Draw one result's share as a bar from the left."""
    width = 100 * part / whole if whole else 0.0
    return _svg("bar", "", f'<rect class="{result.value}" width="{max(width, 0.4):.2f}" height="100"/>')


def shares_bar(report: Report) -> str:
    """Draw all results of a report as one bar."""
    pieces: list[str] = []
    start = 0.0
    for result in (result for result in BatchResult if report.results.get(result)):
        count = report.results[result]
        width = 100 * count / report.records
        words = f"{format_result(result)}: {format_count(count)}, {format_percent(count, report.records)}"
        pieces.append(_rect(result.value, start, 0, width, _HEIGHT, words))
        start += width
    return _svg("strip", "shares of the results, as in the table below", *pieces)


def distribution(latencies: Latencies) -> str:
    """Draw the distribution of times on a logarithmic axis, with percentiles marked; needs at least one time."""
    bars = latencies.bars(_BARS)
    tallest = max(bar.count for bar in bars)
    wide = 100 / len(bars)
    pieces = [
        _rect("time", (index + _GAP / 2) * wide, _HEIGHT - tall, wide * (1 - _GAP), tall, _words(bar))
        for index, bar in enumerate(bars)
        if (tall := _tall(bar.count, tallest))
    ]
    marks = list(_marks(latencies, bars))
    pieces += [f'<line class="mark" x1="{mark.at:.2f}" x2="{mark.at:.2f}" y1="0" y2="100"/>' for mark in marks]
    drawing = _svg("times", "records by the time they took; the percentiles are in the table below", *pieces)
    return f'<div class="chart">{_labels("marks", marks)}{drawing}{_labels("ticks", _ticks(bars))}</div>'


@dataclass(frozen=True, slots=True)
class _Label:
    """A text above or below a drawing, at a percentage of its width, in a row counted from the bottom."""

    at: float
    words: str
    row: int = 0


def _marks(latencies: Latencies, bars: Sequence[Bar]) -> Iterator[_Label]:
    """Yield the percentiles, each in the lowest row in which it has room."""
    taken: list[tuple[int, float]] = []
    for percent in PERCENTILES:
        value = latencies.percentile(percent) or 0.0
        at = _place(value, bars)
        start = at - _ROOM if at > _FLIP else at
        row = next(row for row in range(len(PERCENTILES)) if all(start >= end for used, end in taken if used == row))
        taken.append((row, start + _ROOM))
        yield _Label(at, f"p{percent} {format_latency(value)}", row)


def _ticks(bars: Sequence[Bar]) -> list[_Label]:
    """Return round times for the axis, as many as fit; if none do, the ends of the axis."""
    for digits in ((1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0), (1.0, 2.0, 5.0), (1.0, 3.0), (1.0,)):
        values = [digit * 10.0**power for power in range(-6, 7) for digit in digits]
        places = [(_place(value, bars), value) for value in values if bars[0].low <= value <= bars[-1].high]
        if len(places) > 1 and all(right - left > _APART for (left, _), (right, _) in pairwise(places)):
            return [_Label(at, _round(value)) for at, value in places]
    return [_Label(0.0, format_latency(bars[0].low)), _Label(100.0, format_latency(bars[-1].high))]


def _round(seconds: float) -> str:
    return f"{1000 * seconds:g} ms" if seconds < 0.9 else f"{seconds:,g} s"


def _place(value: float, bars: Sequence[Bar]) -> float:
    """Return where a time is on the axis, in percent of its width."""
    low, high = math.log(bars[0].low), math.log(bars[-1].high)
    return min(100 * (math.log(max(value, bars[0].low)) - low) / (high - low), 100.0)


def _tall(count: int, tallest: int) -> float:
    """Return a bar's height: the tallest fills the drawing, the smallest can be seen."""
    return max(_HEIGHT * count / tallest, 0.8) if count else 0.0


def _words(bar: Bar) -> str:
    return f"{format_latency(bar.low)} to {format_latency(bar.high)}: {format_count(bar.count)}"


def _labels(name: str, labels: Sequence[_Label]) -> str:
    def place(label: _Label) -> str:
        side = f"right:{100 - label.at:.2f}%" if label.at > _FLIP else f"left:{label.at:.2f}%"
        return f"{side};bottom:{1.2 * label.row:.1f}rem"

    height = 1.2 * (1 + max(label.row for label in labels))
    spans = "".join(f'<span style="{place(each)}">{escape(each.words)}</span>' for each in labels)
    return f'<div class="{name}" style="height:{height:.1f}rem" aria-hidden="true">{spans}</div>'


def _rect(name: str, x: float, y: float, width: float, height: float, words: str) -> str:
    place = f'x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}"'
    return f'<rect class="{name}" {place}><title>{escape(words)}</title></rect>'


def _svg(name: str, words: str, *pieces: str) -> str:
    """Return a drawing of 100 by 100 that fills its space; without words, screen readers skip it."""
    role = f'role="img" aria-label="{escape(words)}"' if words else 'aria-hidden="true"'
    return f'<svg class="{name}" viewBox="0 0 100 100" preserveAspectRatio="none" {role}>{"".join(pieces)}</svg>'
