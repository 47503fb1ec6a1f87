"""The command of `make simulate-scale`: run the scenarios of docs/scale.md, print tables, write JSON and a picture.

python -m tests.simulation.scale [--only GROUP ...] [--jobs 2] [--json FILE] [--svg FILE]
python -m tests.simulation.scale --workers 50 --limit 200      one scenario of your own
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path

from tests.simulation.scale.chart import draw
from tests.simulation.scale.measures import Figures
from tests.simulation.scale.scenario import Scenario, simulate
from tests.simulation.scale.scenarios import HEADROOM, scenarios


def main(arguments: list[str]) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.scale")
    parser.add_argument("--only", nargs="*", choices=tuple(scenarios()), default=tuple(scenarios()))
    parser.add_argument("--workers", type=int)
    parser.add_argument("--limit", type=float, default=1000.0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--svg", type=Path)
    given = parser.parse_args(arguments)
    groups = {name: each for name, each in scenarios().items() if name in given.only}
    if given.workers is not None:
        groups = {"own": [Scenario("own", given.workers, given.limit, headroom=HEADROOM)]}
    began = time.perf_counter()
    found: dict[str, list[Figures]] = {}
    with ProcessPoolExecutor(given.jobs) as pool:
        for name, each in groups.items():
            print(f"\n{name}\n{HEAD}", flush=True)
            found[name] = []
            for figures in pool.map(simulate, each):
                found[name].append(figures)
                print(row(figures), flush=True)
                _write(given, found)
    print(f"\n{sum(map(len, found.values()))} scenarios in {time.perf_counter() - began:.0f} s")
    return 0


def _write(given: argparse.Namespace, found: dict[str, list[Figures]]) -> None:
    """Write what is known so far: all scenarios together take long."""
    if given.json:
        results = {name: [asdict(figures) for figures in each] for name, each in found.items()}
        given.json.write_text(json.dumps(results) + "\n")
    if given.svg and "events" in found:
        given.svg.write_text(draw(found["events"]))


HEAD = (
    f"{'':36}{'workers':>8}{'limit':>7}{'use':>7}{'peak':>7}{'429s':>8}{'failed':>8}{'p50 ms':>9}{'p99 ms':>9}"
    f"{'wait p99':>9}{'fewest':>8}{'most':>6}{'cmds/s':>9}{'a call':>8}{'busy':>6}{'tokens':>8}{'back s':>8}"
)


def row(figures: Figures) -> str:
    """Return the figures of a scenario as a row of a table."""
    back = "" if figures.back_after is None else f"{figures.back_after:.0f}"
    return (
        f"{figures.name:36}{figures.workers:8}{figures.limit:7.0f}{figures.use:7.1%}{figures.peak:7.2f}"
        f"{figures.refused:8}{sum(figures.failed.values()):8}{figures.p50:9.0f}{figures.p99:9.0f}"
        f"{figures.wait_p99:9.0f}{figures.fairness:8.2f}{figures.most:6.2f}{figures.commands:9.0f}"
        f"{figures.commands_a_call:8.2f}{figures.busy:6.1%}{figures.token_requests:8}{back:>8}"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
