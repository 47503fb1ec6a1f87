"""What a run came to, as a value and as text: a `Summary` counts while it goes on, a `Report` is what stays.

Neither holds anything of a request or a session but counts and times. Reports of parts of a run, such as the
partitions of a cluster, add up.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, TypeVar

import msgspec

from checkout_async.batch.outcome import BatchResult, Outcome
from checkout_async.batch.report.latency import Latencies
from checkout_async.batch.wording import duration, label, latency, number, rate, share

__all__ = ["PERCENTILES", "Report", "Summary"]

Key = TypeVar("Key", bound=str)

PERCENTILES: Final = (50, 90, 99)
"""The shares of records, in percent, whose longest time is shown."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A run as it ended. `input` and `output` are names; `started` and `ended` are in UTC.

    `results` has every record, `errors` those with an error by its kind, `replayed` those of which an earlier run had
    told already. `latencies` are the times of the others. `stopped` says why the run ended before its source did.
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

    @property
    def records(self) -> int:
        """How many records have an outcome."""
        return sum(self.results.values())

    @property
    def authenticated(self) -> int:
        """How many may be authorised as authenticated: authenticated and attempted ones."""
        return self.results.get(BatchResult.AUTHENTICATED, 0) + self.results.get(BatchResult.ATTEMPTED, 0)

    @property
    def unfinished(self) -> int:
        """How many a later run has something to do for: invalid, failed and unknown ones."""
        return sum(count for result, count in self.results.items() if not result.is_final)

    @property
    def seconds(self) -> float:
        """How long the run took."""
        return (self.ended - self.started).total_seconds()

    @property
    def per_second(self) -> float:
        """Records of this run, without replayed ones, for each second of it; 0 for a run of no time."""
        return (self.records - self.replayed) / self.seconds if self.seconds > 0 else 0.0

    def merge(self, other: Report) -> Report:
        """Return the report of both as one run, from the earlier start to the later end.

        It has this one's names, and both reasons for stopping.
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
        )


class Summary:
    """Counts outcomes by result, and those with an error by its kind. `clock` and `now` tell the time."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.by_result: Counter[BatchResult] = Counter()
        self.by_error: Counter[str] = Counter()
        self.replayed = 0
        self.latencies = Latencies()
        self._clock = clock
        self._began = clock()
        self._started = now()

    @property
    def done(self) -> int:
        """Outcomes counted so far."""
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
        """Return what was counted so far, as of now."""
        latencies = Latencies()
        latencies.merge(self.latencies)
        return Report(
            input=input,
            output=output,
            started=self._started,
            # By the monotonic clock: the other may be set back during a night.
            ended=self._started + timedelta(seconds=self._clock() - self._began),
            results={result: self.by_result[result] for result in BatchResult if result in self.by_result},
            errors=dict(sorted(self.by_error.items())),
            replayed=self.replayed,
            latencies=latencies,
            stopped=stopped,
        )

    def table(self) -> str:
        """Return the report as text: counts and shares, errors by kind, percentiles, duration and rate."""
        return table(self.report("", ""))


def table(report: Report) -> str:
    """Return a report as text of a few lines, for a terminal."""
    rows = [(label(result), report.results[result]) for result in BatchResult if result in report.results]
    errors = [(f"  {kind}", count) for kind, count in report.errors.items()]
    width = max(len(name) for name, _ in [*rows, *errors, ("records", 0)])
    whole = report.records

    def line(name: str, count: int) -> str:
        return f"{name:<{width}}  {number(count):>11}  {share(count, whole):>8}".rstrip()

    rule = "-" * (width + 23)
    lines = [f"{'result':<{width}}  {'records':>11}  {'share':>8}", rule]
    lines += [line(name, count) for name, count in rows] + [rule, line("records", whole)]
    if errors:
        lines += ["", "errors", *(line(name, count) for name, count in errors)]
    return "\n".join([*lines, "", *_remarks(report)])


def _remarks(report: Report) -> Iterator[str]:
    longest = report.latencies.longest
    if longest is not None:
        marks = [f"p{percent} {latency(report.latencies.percentile(percent) or 0.0)}" for percent in PERCENTILES]
        yield f"time per record: {', '.join(marks)}, max {latency(longest)}"
    if report.replayed:
        yield f"{number(report.replayed)} {'was' if report.replayed == 1 else 'were'} known from an earlier run"
    pace = f", {rate(report.per_second)} a second" if report.seconds > 0 else ""
    yield f"took {duration(report.seconds)}{pace}"


def _sum(one: Mapping[Key, int], other: Mapping[Key, int]) -> dict[Key, int]:
    return {key: one.get(key, 0) + other.get(key, 0) for key in sorted(one.keys() | other.keys())}
