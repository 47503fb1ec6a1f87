"""The guard of the benchmark: a loss of a tenth against the committed ratios is found, noise is not."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
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


@pytest.mark.slow
@pytest.mark.parametrize("contender", ["ours", "ours, mapping", "ours, hook", "by hand", "specialist", "bytes"])
def test_every_operation_can_be_measured(contender: str) -> None:
    script = f"""
import subprocess, sys
from canned import canned_replies
with canned_replies() as base:
    subprocess.run([sys.executable, "worker.py", {contender!r}, base], check=True)
"""
    asked = "".join(f"{operation} 4 8\n" for operation in RESULTS["asyncio"])
    printed = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT / "benchmarks",
        env=os.environ | {"PYTHONPATH": f"{ROOT}"},
        input=asked,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert [json.loads(line).keys() >= {"per_second", "processor_us"} for line in printed.splitlines()] == [True] * 3
