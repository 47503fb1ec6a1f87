"""The guard of the benchmark: a loss of a tenth against the committed ratios is found, noise is not."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
RESULTS = json.loads((ROOT / "benchmarks/results.json").read_text())["results"]


def guard() -> Any:
    spec = importlib.util.spec_from_file_location("guard", ROOT / "benchmarks/guard.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def slower(factor: float) -> Any:
    """Return the committed results with another processor time of one operation."""
    changed = json.loads(json.dumps(RESULTS))
    changed["asyncio"]["request_session"]["64"]["ours"]["processor_us"] *= factor
    return changed


def test_the_committed_results_are_no_loss_against_themselves() -> None:
    assert guard().losses(RESULTS, RESULTS) == []


@pytest.mark.parametrize(("factor", "lines"), [(0.8, 0), (1.09, 0), (1.11, 2)])
def test_a_loss_of_more_than_a_tenth_is_found(factor: float, lines: int) -> None:
    found = guard().losses(slower(factor), RESULTS)
    assert len(found) == lines
    assert all("request_session on asyncio" in each for each in found)


def test_results_of_a_part_are_compared_with_that_part() -> None:
    part = {"asyncio": {"request_session": slower(1.5)["asyncio"]["request_session"]}}
    assert len(guard().losses(part, RESULTS)) == 2
