"""The report of a run as a value and as text: a `Summary` counts during the run, a `Report` is its result.

Both contain only counts and times, and nothing of a request or a session. Reports of parts of a run can be added up.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, TypeVar

import msgspec

from checkout_async.batch.formatting import (
    format_count,
    format_duration,
    format_error,
    format_latency,
    format_percent,
    format_rate,
    format_result,
)
from checkout_async.batch.outcome import BatchResult, Outcome
from checkout_async.batch.report.latency import Latencies
from checkout_async.batch.sources.base import InputLines

__all__ = ["PERCENTILES", "Report", "Summary", "line_counts", "replayed_count", "table"]

Key = TypeVar("Key", bound=str)

PERCENTILES: Final = (50, 90, 99)
"""The percentiles of the time of a record that are shown."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The report of a run that has ended. `input` and `output` are names; `started` and `ended` are in UTC.

    `results` counts all records by result, `errors` those with an error by its kind, `replayed` those that an earlier
    run had reported already. `latencies` are the times of the others. `stopped` says why the run ended before its
    input did; it is empty if it did not. `lines` says what each line was that was read of the input; it is None for an
    input without lines (Parquet, Python) and if the input was not read.
    """

    input: str
    output: str
    started: Annotated[datetime, msgspec.Meta(tz=True)]
    ended: Annotated[datetime, msgspec.Meta(tz=True)]
    results: dict[BatchResult, int]
    errors: dict[str, int] = {}
    replayed: int = 0
    latencies: Latencies = msgspec.field(default_factory=Latencies)
    stopped: str = ""
    lines: InputLines | None = None

    @property
    def records(self) -> int:
        """The number of records with an outcome."""
        return sum(self.results.values())

    @property
    def authenticated(self) -> int:
        """The number of records that may be authorised as authenticated: authenticated or attempted."""
        return self.results.get(BatchResult.AUTHENTICATED, 0) + self.results.get(BatchResult.ATTEMPTED, 0)

    @property
    def unfinished(self) -> int:
        """The number of records without a final result: invalid, failed or unknown."""
        return sum(count for result, count in self.results.items() if not result.is_final)

    @property
    def seconds(self) -> float:
        """The duration of the run in seconds."""
        return (self.ended - self.started).total_seconds()

    @property
    def per_second(self) -> float:
        """Records of this run a second, without replayed ones; 0 if the run took no time."""
        return (self.records - self.replayed) / self.seconds if self.seconds > 0 else 0.0

    def merge(self, other: Report) -> Report:
        """Return the report of both as one run, from the earlier start to the later end.

        It has this report's names, and the reasons of both for stopping.
        """
        latencies = Latencies()
        for part in (self.latencies, other.latencies):
            latencies.merge(part)
        reasons = dict.fromkeys([*self.stopped.split("; "), *other.stopped.split("; ")])
        return msgspec.structs.replace(
            self,
            started=min(self.started, other.started),
            ended=max(self.ended, other.ended),
            results=_sum(self.results, other.results),
            errors=_sum(self.errors, other.errors),
            replayed=self.replayed + other.replayed,
            latencies=latencies,
            stopped="; ".join(filter(None, reasons)),
            lines=self.lines.merge(other.lines) if self.lines and other.lines else self.lines or other.lines,
        )


class Summary:
    """Counts outcomes by result, and those with an error by its kind. `clock` is monotonic, `now` the date and time.

    Set `lines` to the counts of the input's lines, if it has lines.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.by_result: Counter[BatchResult] = Counter()
        self.by_error: Counter[str] = Counter()
        self.replayed: int = 0
        self.latencies: Latencies = Latencies()
        self.lines: InputLines | None = None
        self._clock = clock
        self._began = clock()
        self._started = now()

    @property
    def done(self) -> int:
        """The number of outcomes counted so far."""
        return self.by_result.total()

    def add(self, outcome: Outcome) -> None:
        """Count one outcome."""
        self.by_result[outcome.result] += 1
        if outcome.error is not None:
            self.by_error[outcome.error.kind] += 1
        if outcome.replayed:
            self.replayed += 1
        elif outcome.seconds is not None:
            self.latencies.add(outcome.seconds)

    def report(self, input: str, output: str, *, stopped: str = "") -> Report:  # noqa: A002  # the command's own word
        """Return the report of the outcomes counted so far, with the current time as the end."""
        latencies = Latencies()
        latencies.merge(self.latencies)
        return Report(
            input=input,
            output=output,
            started=self._started,
            # By the monotonic clock: the wall clock may be set back during the run.
            ended=self._started + timedelta(seconds=self._clock() - self._began),
            results={result: self.by_result[result] for result in BatchResult if result in self.by_result},
            errors=dict(sorted(self.by_error.items())),
            replayed=self.replayed,
            latencies=latencies,
            stopped=stopped,
            lines=self.lines and msgspec.structs.replace(self.lines),
        )

    def table(self) -> str:
        """Return the report as text: counts and shares, errors by kind, percentiles, duration and rate."""
        return table(self.report("", ""))


def table(report: Report) -> str:
    """Return a report as text of a few lines, for a terminal."""
    rows = [(format_result(result), report.results[result]) for result in BatchResult if result in report.results]
    errors = [(f"  {format_error(kind)}", count) for kind, count in report.errors.items()]
    width = max(len(name) for name, _ in [*rows, *errors, ("records", 0)])
    whole = report.records

    def line(name: str, count: int) -> str:
        return f"{name:<{width}}  {format_count(count):>11}  {format_percent(count, whole):>8}".rstrip()

    rule = "-" * (width + 23)
    lines = [f"{'result':<{width}}  {'records':>11}  {'share':>8}", rule]
    lines += [line(name, count) for name, count in rows] + [rule, line("records", whole)]
    if errors:
        lines += ["", "errors", *(line(name, count) for name, count in errors)]
    return "\n".join([*lines, "", *_remarks(report)])


def _remarks(report: Report) -> Iterator[str]:
    longest = report.latencies.longest
    if longest is not None:
        marks = [f"p{percent} {format_latency(report.latencies.percentile(percent) or 0.0)}" for percent in PERCENTILES]
        yield f"time per record: {', '.join(marks)}, max {format_latency(longest)}"
    if report.replayed:
        yield replayed_count(report)
    if report.lines is not None:
        yield line_counts(report.lines)
    pace = f", {format_rate(report.per_second)} a second" if report.seconds > 0 else ""
    yield f"took {format_duration(report.seconds)}{pace}"


def replayed_count(report: Report) -> str:
    """Return how many records are replayed, as in `5 were known from an earlier run`."""
    return f"{format_count(report.replayed)} {'was' if report.replayed == 1 else 'were'} known from an earlier run"


def line_counts(lines: InputLines) -> str:
    """Return what the lines of an input were, as in `5 lines read: 1 header, 3 records, 1 blank`."""
    named = {
        "header": lines.header,
        "record" if lines.records == 1 else "records": lines.records,
        "further in records of several lines": lines.continued,
        "blank": lines.blank,
    }
    parts = ", ".join(f"{format_count(count)} {name}" for name, count in named.items() if count)
    return f"{format_count(lines.total)} {'line' if lines.total == 1 else 'lines'} read: {parts}".removesuffix(": ")


def _sum(one: Mapping[Key, int], other: Mapping[Key, int]) -> dict[Key, int]:
    return {key: one.get(key, 0) + other.get(key, 0) for key in sorted(one.keys() | other.keys())}
