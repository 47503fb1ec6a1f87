"""`python -m scripts.mutants`: tries a sample of mutants and prints those that no test noticed."""

from __future__ import annotations

import argparse
import itertools
import sys
import tomllib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from scripts.mutants.changes import Finder, Mutant, mutated
from scripts.mutants.trial import Unusable, describe, try_all

ROOT = Path(__file__).resolve().parent.parent.parent
TABLE = Path(__file__).with_name("table.toml")
SHARE = 0.92


def read_table() -> tuple[dict[str, list[str]], list[dict[str, str]]]:
    """Return the tests of each module, and the equivalent mutants. Raises Unusable if a pattern names no file."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    tests: dict[str, list[str]] = {}
    for group in table["group"]:
        for pattern in [*group["modules"], *group["tests"]]:
            if not any(ROOT.glob(pattern)):
                raise Unusable(f"{TABLE.name}: there is no {pattern}")
        files = (file for pattern in group["modules"] for file in sorted(ROOT.glob(pattern)))
        tests |= {file.relative_to(ROOT).as_posix(): group["tests"] for file in files}
    return tests, table["equivalent"]


def population(tests: dict[str, list[str]], equivalent: Sequence[dict[str, str]]) -> list[Mutant]:
    """Return all mutants but the equivalent ones. Raises Unusable if an entry matches no mutant any more."""
    found = [each for module in tests for each in Finder(module, (ROOT / module).read_bytes()).find()]
    excluded = {(each["module"], each["line"], each["change"]) for each in equivalent}
    if unknown := excluded - {each.key for each in found}:
        raise Unusable("\n".join(f"{TABLE.name}: no such mutant, delete the entry: {key}" for key in sorted(unknown)))
    return [each for each in found if each.key not in excluded]


def sampled(mutants: Sequence[Mutant], size: int, seed: int) -> list[Mutant]:
    """Return as many mutants as there are up to `size`, without those that are no valid Python."""
    ranked = sorted(mutants, key=lambda each: each.rank(seed))
    return list(itertools.islice(filter(_compiles, ranked), size))


def _compiles(mutant: Mutant) -> bool:
    try:
        compile(mutated((ROOT / mutant.module).read_bytes(), mutant), mutant.module, "exec")
    except SyntaxError:
        return False
    return True


def main() -> int:
    """Try a sample and print the survivors. Return the exit status."""
    parser = argparse.ArgumentParser(description="Count how many small changes of the money path the tests notice.")
    parser.add_argument("--sample", type=int, default=200, help="how many mutants to try (default: 200)")
    parser.add_argument("--seed", type=int, default=1, help="which ones (default: 1)")
    parser.add_argument("--jobs", type=int, default=1, help="how many at a time (default: 1)")
    parser.add_argument("--module", action="append", help="only mutants of this module; may be repeated")
    parser.add_argument("--list", action="store_true", help="print the sample and try nothing")
    options = parser.parse_args()
    tests, equivalent = read_table()
    everything = population(tests, equivalent)
    chosen = [each for each in everything if not options.module or each.module in options.module]
    sample = sampled(chosen, options.sample, options.seed)
    print(f"{len(sample)} of {len(chosen)} mutants, seed {options.seed}")
    if options.list:
        print(*map(describe, sample), sep="\n")
        return 0
    survivors = try_all(ROOT, sample, tests, options.jobs)
    noticed = len(sample) - len(survivors)
    print("\nSurvivors:" if survivors else "\nNo survivors.")
    print(*(f"  {describe(each)}\n      {each.source}" for each in survivors), sep="\n")
    counts = Counter(each.module for each in sample), Counter(each.module for each in survivors)
    for module in sorted(counts[0]):
        print(f"  {module:45} {counts[0][module] - counts[1][module]:4} of {counts[0][module]} noticed")
    print(f"{noticed} of {len(sample)} noticed: {noticed / len(sample):.1%} (at least {SHARE:.0%})")
    return 0 if noticed >= SHARE * len(sample) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Unusable as error:
        print(error, file=sys.stderr)
        sys.exit(2)
