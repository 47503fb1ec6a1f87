"""The simulation itself: a run is a function of its seed, the package survives it, and a known mistake does not.

`make test-simulation` runs these tests, and `make simulate` many more universes: simloom needs Python 3.12.
"""

from __future__ import annotations

import inspect
import shutil
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("simloom", reason="simloom needs Python 3.12: use `make test-simulation`")

from checkout_async.limits.limiter import Throttle
from tests.simulation.__main__ import run
from tests.simulation.checks import objections
from tests.simulation.defects import DEFECTS
from tests.simulation.defects.plant import PLANTED, replaced

_ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("seed", [1, 2, 17])  # 17 pauses a batch
def test_a_universe_run_twice_leaves_the_same_trace_byte_by_byte(seed: int) -> None:
    first, second = run(seed), run(seed)
    assert list(first.log.event_lines()) == list(second.log.event_lines())
    assert len(first.log.events) > 1000


def test_two_seeds_are_two_universes() -> None:
    assert run(1).digest != run(2).digest


@pytest.mark.parametrize("seed", range(10))
def test_no_oracle_objects_to_the_package(seed: int) -> None:
    result = run(seed)
    assert result.error is None, result.error


@pytest.mark.parametrize(
    "name",
    [
        "key_made_per_attempt",
        "unknown_outcome_taken_for_not_sent",
        "refund_done_when_sent",
        "amount_of_an_earlier_call_sent",
        "slot_kept_on_cancellation",
    ],
)
def test_an_oracle_objects_to_a_planted_defect(name: str) -> None:
    with DEFECTS[name]():
        assert any(objections(run(seed).error) for seed in range(20))


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_replaces_what_exists_and_leaves_nothing_behind(name: str) -> None:
    before = len(PLANTED)
    with DEFECTS[name]():
        planted = PLANTED[before:]
        assert planted
        for owner, attribute, value in planted:
            assert inspect.getattr_static(owner, attribute) is value
    for owner, attribute, value in planted:
        assert inspect.getattr_static(owner, attribute) is not value


def test_a_defect_without_a_target_cannot_be_planted() -> None:
    with pytest.raises(AttributeError), replaced(Throttle, "renamed", None):
        pass


def test_many_defects_are_fixes_of_the_past_reverted() -> None:
    fixes = {defect.fix for defect in DEFECTS.values() if defect.fix}
    assert len(DEFECTS) >= 36
    assert sum(bool(defect.fix) for defect in DEFECTS.values()) >= 8
    git = shutil.which("git")
    if git is None or not (_ROOT / ".git").exists():
        pytest.skip("there is no history to compare with")
    log = subprocess.run([git, "log", "--format=%s"], cwd=_ROOT, capture_output=True, text=True, check=True)
    subjects = set(log.stdout.splitlines())
    if len(subjects) < 100:
        pytest.skip("the clone is shallow")
    assert fixes <= subjects
