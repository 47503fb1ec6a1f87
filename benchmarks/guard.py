"""Compares the ratios of a run with those of the last committed one, and finds what got slower."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["losses"]

TOLERANCE = 0.10
REFERENCES = ("by hand", "specialist")


def losses(now: Mapping[str, Any], before: Mapping[str, Any]) -> list[str]:
    """Return a line for each ratio of processor time, at 64 in flight, that rose by more than a tenth."""
    earlier = dict(_ratios(before))
    return [
        f"{name}: {ratio:.2f} times the processor time, {earlier[name]:.2f} before"
        for name, ratio in _ratios(now)
        if name in earlier and ratio > earlier[name] * (1 + TOLERANCE)
    ]


def _ratios(results: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for loop, operations in results.items():
        for operation, tables in operations.items():
            # In JSON the numbers that are names of members are text.
            table: Mapping[str, Mapping[str, float]] = tables.get(64) or tables.get("64") or {}
            for other in REFERENCES:
                if other in table:
                    ratio = table["ours"]["processor_us"] / table[other]["processor_us"]
                    yield f"{operation} on {loop}, against '{other}'", ratio
