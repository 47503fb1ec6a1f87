"""The simulation itself: a run is a function of its seed, the package survives it, and a known mistake does not.

`make test-simulation` runs these tests, and `make simulate` many more universes: simloom needs Python 3.12.
"""

from __future__ import annotations

import pytest

pytest.importorskip("simloom", reason="simloom needs Python 3.12: use `make test-simulation`")

from tests.simulation.__main__ import run
from tests.simulation.defects import DEFECTS


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
    "name", ["unknown_outcome_taken_for_not_sent", "key_made_per_attempt", "slot_kept_on_cancellation"]
)
def test_an_oracle_objects_to_a_planted_defect(name: str) -> None:
    with DEFECTS[name]():
        assert any(run(seed).error is not None for seed in range(20))
