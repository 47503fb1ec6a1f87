"""Figures that a test run prints at its end.

Under pytest-xdist each worker process collects its own figures; the controlling process adds them up.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

COUNTS: Counter[str] = Counter()
NAMES: defaultdict[str, set[str]] = defaultdict(set)
"""Things that count once, however many workers saw them."""


def export() -> dict[str, Any]:
    """Return the figures of this process as values that pytest-xdist can send."""
    return {"counts": dict(COUNTS), "names": {name: sorted(values) for name, values in NAMES.items()}}


def add(exported: dict[str, Any]) -> None:
    """Add the figures of a worker."""
    COUNTS.update(exported["counts"])
    for name, values in exported["names"].items():
        NAMES[name].update(values)


def lines() -> list[str]:
    """Return what the summary prints, a line for each subject that has figures."""
    found = sorted(NAMES["deselected"])
    if COUNTS["canary outputs"]:
        found.append(
            f"canary: {len(NAMES['canaries'])} marked secrets searched for in {COUNTS['canary outputs']} outputs "
            f"({COUNTS['canary characters']:,} characters)"
        )
    if NAMES["canaries in signatures"]:
        found.append(
            f"canary: {len(NAMES['canaries in signatures'])} canaries in {len(NAMES['signatures'])} public signatures; "
            f"{COUNTS['errors of calls with canaries']:,} errors of {COUNTS['calls with canaries']:,} calls searched "
            f"in {len(NAMES['sinks'])} sinks"
        )
    if COUNTS["examples"]:
        found.append(f"fuzz: hypothesis ran {COUNTS['examples']} examples of {len(NAMES['properties'])} properties")
    return found
