"""The histogram of times: as good as the sorted list of all of them, to 1 %, whatever the times are."""

from __future__ import annotations

import math
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout_async.batch.report.latency import Latencies

TIMES = st.floats(min_value=0, max_value=100_000) | st.floats(min_value=0, max_value=0.001)


def of(times: list[float]) -> Latencies:
    latencies = Latencies()
    for seconds in times:
        latencies.add(seconds)
    return latencies


@given(st.lists(TIMES, min_size=1), st.sampled_from([1, 50, 90, 99, 99.9, 100]))
def test_a_percentile_is_that_of_the_sorted_times_to_one_percent(times: list[float], percent: float) -> None:
    exact = sorted(times)[math.ceil(len(times) * percent / 100) - 1]
    assert of(times).percentile(percent) == pytest.approx(exact, rel=0.01, abs=1e-6)


@given(st.lists(TIMES, min_size=1))
def test_shortest_and_longest_are_exact(times: list[float]) -> None:
    latencies = of(times)
    assert (latencies.shortest, latencies.longest, latencies.count) == (min(times), max(times), len(times))


@given(st.lists(TIMES), st.lists(TIMES))
def test_two_histograms_add_up_to_that_of_all_times(one: list[float], other: list[float]) -> None:
    merged = of(one)
    merged.merge(of(other))
    assert merged == of(one + other)


@given(st.lists(TIMES, min_size=1), st.integers(1, 60))
def test_the_bars_hold_every_time_once_and_join_without_gaps(times: list[float], most: int) -> None:
    bars = of(times).bars(most)
    assert len(bars) <= most
    assert sum(bar.count for bar in bars) == len(times)
    assert all(left.high == right.low for left, right in pairwise(bars))
    assert bars[0].low <= max(min(times), 1e-6) * 1.001
    assert max(times) <= bars[-1].high * 1.001


def test_memory_is_that_of_a_few_hundred_numbers_for_any_number_of_times() -> None:
    latencies = of([0.001 * 1.0001**step for step in range(100_000)])
    assert latencies.count == 100_000
    assert len(latencies.buckets) < 1000


def test_without_times_there_is_no_percentile_and_no_bar() -> None:
    assert (Latencies().percentile(50), Latencies().bars(10)) == (None, [])


def test_a_histogram_comes_back_from_json() -> None:
    latencies = of([0.02, 0.5, 0.5, 3.0])
    assert msgspec.json.decode(msgspec.json.encode(latencies), type=Latencies) == latencies
