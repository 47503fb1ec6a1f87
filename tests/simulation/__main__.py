"""The command of `make simulate`: run universes, plant defects, or replay one seed with its trace.

python -m tests.simulation --seeds 100 [--first 0]     universes one after the other
python -m tests.simulation --seconds 60                as many as fit into a minute
python -m tests.simulation --defects [NAME ...]        plant each defect, and count the seeds until it is found
    [--jobs 2]                                         in as many processes
python -m tests.simulation --replay SEED [--trace F]   one universe again, with every call and mishap
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import count, takewhile
from typing import Final

import simloom

from tests.simulation.checks import checks, objections
from tests.simulation.defects import DEFECTS
from tests.simulation.world import Universe, live

_MOST_SEEDS = 60
"""A planted defect must be found within this many seeds."""

_SHRINKING = 60.0
"""Seconds to look for a smaller schedule that fails."""

# What a patch raises whose target has changed. A process that fails with one is no mistake that an oracle has found.
_BROKEN: Final = ("TypeError", "AttributeError", "NameError", "ImportError")

# More steps than any instant has, but few enough to end a busy loop soon; collecting garbage rarely is faster.
_OPTIONS: Final = {"max_steps_per_instant": 100_000, "gc_interval": 50_021}


def main(arguments: list[str]) -> int:
    """Run the command; return 1 if an oracle objected, or if a planted defect was not found."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--defects", nargs="*", metavar="NAME")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--replay", type=int, metavar="SEED")
    parser.add_argument("--trace", metavar="FILE")
    given = parser.parse_args(arguments)
    if given.replay is not None:
        return _replay(given.replay, given.trace)
    if given.defects is not None:
        return _plant(given.defects or list(DEFECTS), given.jobs)
    return _explore(_seeds(given.first, given.seeds, given.seconds))


def run(seed: int) -> simloom.RunResult:
    """Run the universe of a seed."""
    gc.freeze()  # a run ends with a collection, which need not look at what was there before
    return simloom.run(live, seed=seed, virtual_time=True, seed_randomness=True, raise_on_error=False, **_OPTIONS)


def _seeds(first: int, number: int | None, seconds: float | None) -> Iterator[int]:
    if seconds is None:
        yield from range(first, first + (100 if number is None else number))
        return
    until = time.perf_counter() + seconds
    yield from takewhile(lambda _seed: time.perf_counter() < until, count(first))


def _explore(seeds: Iterator[int]) -> int:
    started = time.perf_counter()
    fired, outcome = Counter[str](), Counter[str]()
    hours, ran = 0.0, 0
    for seed in seeds:
        began = time.perf_counter()
        result = run(seed)
        ran += 1
        if result.error is not None:
            return _report(seed, result, time.perf_counter() - began)
        universe: Universe = result.value
        hours += universe.hours
        fired += universe.edge.fired
        outcome += Counter(answer.outcome.value for answer in universe.call_results)
    seconds = time.perf_counter() - started
    print(f"{ran} universes, no oracle objected: {ran / seconds:.2f} a second")
    print(f"{hours:,.0f} simulated hours and {outcome.total():,} calls in {seconds:.0f} s")
    print("calls ended:", ", ".join(f"{number:,} {what}" for what, number in outcome.most_common()))
    print("faults fired:", ", ".join(f"{number:,} {what}" for what, number in sorted(fired.items())))
    return 0


def _report(seed: int, result: simloom.RunResult, seconds: float) -> int:
    """Print a failure, how to replay it, and the smallest schedule that still fails, as far as a minute finds it.

    `seconds` is how long the run took.
    """
    print(f"seed {seed}: {type(result.error).__name__}: {result.error}")
    replay = f"replay it: make simulate REPLAY={seed}"
    print(replay, flush=True)
    runs = min(200, int(_SHRINKING / seconds))
    shrunk = simloom.shrink(live, result, max_runs=runs, virtual_time=True, seed_randomness=True, **_OPTIONS)
    print("\n".join(shrunk.describe().splitlines()[:40]))
    print(replay)  # again, for who reads only the end of a log
    return 1


def _replay(seed: int, trace: str | None) -> int:
    result = run(seed)
    if trace is not None:
        result.log.write_to(trace)
    print(f"seed {seed}: digest {result.digest}")
    if result.error is None:
        for answer in result.value.call_results:
            what = f"{answer.operation:16} {answer.reference:10} {answer.outcome.value} {answer.kind}"
            print(f"{answer.started:12.3f} {answer.ended:12.3f} {what}")
        return 0
    print(f"{type(result.error).__name__}: {result.error}")
    return 1


@dataclass(frozen=True)
class _Found:
    """A planted defect, the seed that found it (None: none did), and what the oracles objected to, by check."""

    name: str
    seed: int | None
    words: dict[str, str]


def _plant(names: list[str], jobs: int) -> int:
    """Plant defects, print a table, and return 1 if one was not found, or if no defect trips some check."""
    tripped, alone, missed = set[str](), set[str](), list[str]()
    with ProcessPoolExecutor(jobs) as pool:
        for found in pool.map(_find, names):
            where = "NOT FOUND" if found.seed is None else f"seed {found.seed:2}"
            words = "; ".join(found.words.values())
            fix = DEFECTS[found.name].fix
            print(f"{found.name:44} {'reverted fix' if fix else '':12}  {where:9}  {words[:160]}", flush=True)
            tripped |= found.words.keys()
            alone |= found.words.keys() if len(found.words) == 1 else set[str]()
            missed += [found.name] if found.seed is None else []
    fixes = [name for name in names if DEFECTS[name].fix]
    print(
        f"{len(names) - len(missed)} of {len(names)} defects found, {len(fixes)} of them fixes of the past, reverted:"
    )
    print("\n".join(f"    {name}: {DEFECTS[name].fix}" for name in fixes))
    if len(names) < len(DEFECTS):
        return min(len(missed), 1)
    untested = checks().keys() - tripped
    for check in checks():
        if check in untested:
            print(f"NO DEFECT is found by this check: {check}")
        elif check not in alone:
            print(f"no defect is found by this check alone: {check}")
    return 1 if missed or untested else 0


def _find(name: str) -> _Found:
    """Run seeds with a defect until an oracle objects. Any other error means that the defect itself is broken."""
    words: dict[str, str] = {}
    for seed in range(_MOST_SEEDS):
        with DEFECTS[name]():
            result = run(seed)
        words = objections(result.error)
        if result.error is not None and words and not any(each in str(result.error) for each in _BROKEN):
            return _Found(name, seed, words)
        if result.error is not None:
            return _Found(name, None, {"": f"seed {seed}: {type(result.error).__name__}: {result.error}"})
    return _Found(name, None, words)


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        # The order of a set depends on it.
        os.execve(
            sys.executable,
            [sys.executable, "-m", "tests.simulation", *sys.argv[1:]],
            {**os.environ, "PYTHONHASHSEED": "0"},
        )
    sys.exit(main(sys.argv[1:]))
