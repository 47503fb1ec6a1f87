"""The times of records in bounded memory: a histogram with logarithmic buckets, accurate to 1 % of each value.

Each doubling of the time has 64 buckets of equal ratio, so a bucket's middle is off by at most 0.55 %. A million
records take a few hundred numbers, and histograms of several machines add up. Times are in seconds.

hdrhistogram from PyPI does the same for whole numbers between bounds that are set beforehand. It is as quick, but has a
compiled part and no types, and needs setuptools at run time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import msgspec

__all__ = ["Bar", "Latencies"]

_PER_DOUBLING: Final = 64
_SHORTEST: Final = 2.0**-20
"""Shorter times, below a microsecond, count as this."""


@dataclass(frozen=True, slots=True)
class Bar:
    """The number of times from `low` up to, but not including, `high`."""

    low: float
    high: float
    count: int


class Latencies(msgspec.Struct, kw_only=True):
    """Times by bucket; `shortest` and `longest` are exact, and None while there are no times."""

    buckets: dict[int, int] = {}
    shortest: float | None = None
    longest: float | None = None

    @property
    def count(self) -> int:
        """The number of times."""
        return sum(self.buckets.values())

    def add(self, seconds: float) -> None:
        """Count one time, a finite number."""
        bucket = _bucket(seconds)
        self.buckets[bucket] = self.buckets.get(bucket, 0) + 1
        self._extend(seconds, seconds)

    def merge(self, other: Latencies) -> None:
        """Add all times of another histogram."""
        for bucket, count in other.buckets.items():
            self.buckets[bucket] = self.buckets.get(bucket, 0) + count
        if other.shortest is not None and other.longest is not None:
            self._extend(other.shortest, other.longest)

    def percentile(self, percent: float) -> float | None:
        """Return the time that `percent` of the records did not exceed (nearest rank), to 1 %; None without times."""
        if self.shortest is None or self.longest is None:
            return None
        rank = math.ceil(self.count * percent / 100)
        for bucket in sorted(self.buckets):
            rank -= self.buckets[bucket]
            if rank <= 0:
                return min(max(_value_at(bucket + 0.5), self.shortest), self.longest)
        return self.longest

    def bars(self, most: int) -> list[Bar]:
        """Return the distribution as at most `most` bars on a logarithmic axis, without gaps."""
        if not self.buckets:
            return []
        first, last = min(self.buckets), max(self.buckets)
        width = (last - first) // most + 1
        counts = [0] * ((last - first) // width + 1)
        for bucket, count in self.buckets.items():
            counts[(bucket - first) // width] += count
        edges = [_value_at(first + index * width) for index in range(len(counts) + 1)]
        return [Bar(low, high, count) for (low, high), count in zip(pairwise(edges), counts, strict=True)]

    def _extend(self, shortest: float, longest: float) -> None:
        self.shortest = shortest if self.shortest is None else min(self.shortest, shortest)
        self.longest = longest if self.longest is None else max(self.longest, longest)


def _bucket(seconds: float) -> int:
    return math.floor(_PER_DOUBLING * math.log2(max(seconds, _SHORTEST)))


def _value_at(position: float) -> float:
    """Return the time at a position on the axis of buckets; a whole number is where that bucket begins."""
    return float(2 ** (position / _PER_DOUBLING))
