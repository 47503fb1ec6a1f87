"""What is measured: what callers, Redis and the API see."""

from __future__ import annotations

import math
import statistics
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.scale.api import Api
    from tests.simulation.scale.scenario import Scenario

__all__ = ["Figures", "Measures", "percentile"]


@dataclass(frozen=True)
class Figures:
    """What was measured. Rates are a second, times in milliseconds, both after the warm-up if nothing else is said."""

    name: str
    workers: int
    limit: float
    seconds: float
    calls: int
    """Calls that succeeded, from the beginning on."""
    use: float
    """Requests that the API accepted, as a part of its limit."""
    peak: float
    """The most requests that arrived in any second, as a part of the limit, from the beginning on."""
    refused: int
    """Requests that got a 429, from the beginning on."""
    failed: dict[str, int]
    """Calls that failed, by error, from the beginning on."""
    p50: float
    p99: float
    """Time that a call took."""
    wait_p50: float
    wait_p99: float
    """Time from a call to the arrival of its first request."""
    commands: float
    """Commands that Redis executed."""
    commands_peak: int
    """The most commands in a second of the clock, from the beginning on."""
    commands_a_call: float
    busy: float
    """The part of the time for which Redis was busy, from the beginning on."""
    token_requests: int
    tokens: list[float]
    """When tokens were asked for, in seconds."""
    fairness: float
    """Calls of the worker with the fewest, as a part of the average."""
    most: float
    """Calls of the worker with the most, as a part of the average."""
    back_after: float | None
    """Seconds from the end of what went wrong until three seconds in a row had 90 % of the rate; None: not yet."""
    arrivals_a_second: list[int]
    refusals_a_second: list[int]
    failures_a_second: list[int]
    done_a_second: list[int]
    commands_a_second: list[int]


class Measures:
    """Counts while a scenario runs."""

    def __init__(self, workers: int, now: Callable[[], float]) -> None:
        self._workers = workers
        self.now = now
        """Returns the time, in seconds since the beginning."""
        self._waits: list[tuple[float, float]] = []
        self.calls: list[tuple[float, float, int]] = []
        """Of each call that succeeded: when, what it took in seconds, and the number of its worker."""
        self.failures: Counter[str] = Counter()
        """Calls that failed, by error."""
        self.commands: Counter[int] = Counter()
        """Commands of Redis in each second."""
        self.busy = 0.0
        """Seconds for which Redis was busy."""

    def command(self) -> None:
        """Note that Redis executed a command."""
        self.commands[int(self.now())] += 1

    def waited(self, begun: float) -> None:
        """Note that a request has arrived at the API."""
        self._waits.append((self.now(), self.now() - begun))

    def failed(self, error: str) -> None:
        """Note that a call failed."""
        self.failures[error] += 1

    def done(self, worker: int, begun: float) -> None:
        """Note that a call succeeded."""
        self.calls.append((self.now(), self.now() - begun, worker))

    def figures(self, scenario: Scenario, api: Api) -> Figures:
        """Return what was measured."""
        first, last = scenario.warm_up, scenario.seconds
        whole = int(last)
        times = [taken for at, taken, _ in self.calls if at >= first]
        waits = [taken for at, taken in self._waits if at >= first]
        by_worker = Counter(worker for at, _, worker in self.calls if at >= first)
        average = len(times) / self._workers
        accepted = len(api.arrivals) - len(api.refusals) - len(api.failures)
        early = bisect_left(api.arrivals, first) - bisect_left(api.refusals, first) - bisect_left(api.failures, first)
        commands = sum(number for second, number in self.commands.items() if first <= second < whole)
        arrived = sum(1 for at in api.arrivals if first <= at < whole)
        accepted_a_second = [
            all_ - refused - failed
            for all_, refused, failed in zip(
                *(_by_second(each, whole) for each in (api.arrivals, api.refusals, api.failures)), strict=True
            )
        ]
        counts = [by_worker[number] for number in range(self._workers)]
        return Figures(
            name=scenario.name,
            workers=scenario.workers,
            limit=scenario.limit,
            seconds=last,
            calls=len(self.calls),
            use=(accepted - early) / (last - first) / scenario.limit,
            peak=_most_in_a_second(api.arrivals) / scenario.limit,
            refused=len(api.refusals),
            failed=dict(self.failures),
            p50=percentile(times, 50) * 1000,
            p99=percentile(times, 99) * 1000,
            wait_p50=percentile(waits, 50) * 1000,
            wait_p99=percentile(waits, 99) * 1000,
            commands=commands / (whole - first),
            commands_peak=max(self.commands.values(), default=0),
            commands_a_call=commands / max(1, arrived),
            busy=self.busy / last,
            token_requests=len(api.token_requests),
            tokens=[round(at, 2) for at in api.token_requests],
            fairness=min(counts) / average if average else 0.0,
            most=max(counts) / average if average else 0.0,
            back_after=_back_after(scenario, accepted_a_second),
            arrivals_a_second=_by_second(api.arrivals, whole),
            refusals_a_second=_by_second(api.refusals, whole),
            failures_a_second=_by_second(api.failures, whole),
            done_a_second=_by_second([at for at, _, _ in self.calls], whole),
            commands_a_second=[self.commands[second] for second in range(whole)],
        )


def _back_after(scenario: Scenario, accepted: Sequence[int]) -> float | None:
    if scenario.event is None:
        return None
    enough = 0.9 * scenario.rate * min(1.0, scenario.demand)
    end = math.ceil(scenario.event_at + scenario.event_lasts)
    return next((float(at - end) for at in range(end, len(accepted) - 2) if min(accepted[at : at + 3]) >= enough), None)


def percentile(values: Sequence[float], percent: int) -> float:
    """Return a percentile, or 0.0 of nothing."""
    if len(values) < 2:
        return values[0] if values else 0.0
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def _by_second(times: Sequence[float], seconds: int) -> list[int]:
    counts = Counter(int(at) for at in times)
    return [counts[second] for second in range(seconds)]


def _most_in_a_second(times: Sequence[float]) -> int:
    """Return how many of the times are in the fullest second, which may begin at any time."""
    return max((index + 1 - bisect_left(times, at - 1 + 1e-9) for index, at in enumerate(times)), default=0)
