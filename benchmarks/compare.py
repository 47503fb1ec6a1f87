"""Compare this package with other ways to call the API, in interleaved rounds, and print one table of ratios.

    python benchmarks/compare.py                      everything, about ten minutes
    python benchmarks/compare.py --rounds 3 --only request_session
    python benchmarks/compare.py --json FILE --svg FILE

Each contender runs in a process of its own, and so does the server. In each round every contender makes its calls once,
in turn, so that whatever else the machine does strikes all of them alike. The figures are medians over the rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from canned import canned_replies
from chart import draw
from contenders import CONTENDERS
from guard import losses

IN_FLIGHT = {1: 300, 64: 2000, 512: 4000}
"""How many calls a round makes, by how many are in flight."""
SLOW = {"httpx": 10, "stripe": 10, "vendor": 5}
"""By how much the calls of slow contenders are divided, so that a round stays short."""
OPERATIONS = ("request_session", "get_payment", "capture_payment")
LOOPS = {"asyncio": tuple(CONTENDERS), "uvloop": ("ours", "by hand", "specialist", "bytes")}
PACKAGES = ("aiohttp", "msgspec", "anyio", "httpx", "stripe", "checkout-sdk", "uvloop")

Figures = dict[str, float]


@dataclass(frozen=True)
class Bar:
    """What was promised: a ratio of ours to another contender's figure, at least or at most."""

    figure: str
    in_flight: int
    other: str
    least: float | None = None
    most: float | None = None

    def ratio(self, table: Mapping[str, Figures]) -> float:
        """Return the ratio that was measured."""
        return table["ours"][self.figure] / table[self.other][self.figure]

    def holds(self, ratio: float) -> bool:
        """Return whether the promise was kept."""
        return ratio >= (self.least or 0.0) and (self.most is None or ratio <= self.most)


BARS = (
    Bar("per_second", 64, "by hand", least=1.0),
    Bar("per_second", 64, "specialist", least=0.8),
    Bar("per_second", 64, "vendor", least=6.0),
    Bar("p99_us", 512, "by hand", most=1.1),
    Bar("median_us", 1, "by hand", most=1.1),
)


class Worker:
    """A contender in its own process."""

    def __init__(self, name: str, base: str, loop: str) -> None:
        script = Path(__file__).parent / "worker.py"
        arguments = [sys.executable, str(script), name, base, *(["uvloop"] if loop == "uvloop" else [])]
        self._name = name
        # A file, as nobody empties a pipe meanwhile: some SDKs write much there.
        self._errors = tempfile.TemporaryFile(mode="w+", encoding="utf-8")  # noqa: SIM115 - closed by __exit__
        self._process = subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True
        )
        self._divisor = SLOW.get(name, 1)

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()
        self._errors.close()

    def measure(self, operation: str, in_flight: int) -> Figures:
        """Run one round. Raises SystemExit if a call failed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{operation} {in_flight} {IN_FLIGHT[in_flight] // self._divisor}\n")
        self._process.stdin.flush()
        if not (line := self._process.stdout.readline()):
            self._errors.seek(0)
            raise SystemExit(f"{self._errors.read()}'{self._name}' failed, as above")
        figures: Figures = json.loads(line)
        return figures


def compare(base: str, loop: str, operation: str, in_flight: int, rounds: int) -> dict[str, Figures]:
    """Return the medians of each contender, and the spread of its processor time."""
    samples: dict[str, list[Figures]] = {}
    with ExitStack() as stack:
        names = [name for name in LOOPS[loop] if in_flight == 64 or name in LOOPS["uvloop"] or name == "vendor"]
        workers = {name: stack.enter_context(Worker(name, base, loop)) for name in names}
        for _ in range(rounds):
            for name, worker in workers.items():
                samples.setdefault(name, []).append(worker.measure(operation, in_flight))
    return {name: _medians(each) for name, each in samples.items()}


def _medians(samples: list[Figures]) -> Figures:
    medians = {name: statistics.median(sample[name] for sample in samples) for name in samples[0]}
    times = sorted(sample["processor_us"] for sample in samples)
    return medians | {"spread": (times[-1] - times[0]) / medians["processor_us"]}


def show(title: str, table: Mapping[str, Figures]) -> None:
    """Print one table."""
    print(f"\n{title}\n{'':16}{'calls/s':>9}{'median ms':>11}{'p99 ms':>9}{'cpu us':>9}{'spread':>8}  ours is")
    for name, each in table.items():
        faster = table["ours"]["per_second"] / each["per_second"]
        print(
            f"{name:16}{each['per_second']:9,.0f}{each['median_us'] / 1e3:11.2f}{each['p99_us'] / 1e3:9.2f}"
            f"{each['processor_us']:9.0f}{each['spread']:8.0%}  {faster:.2f} times as fast, "
            f"{table['ours']['processor_us'] / each['processor_us']:.2f} of its processor time"
        )


def judge(title: str, tables: Mapping[int, Mapping[str, Figures]]) -> None:
    """Print which promises hold."""
    for bar in BARS:
        table = tables.get(bar.in_flight, {})
        if bar.other in table:
            ratio = bar.ratio(table)
            promise = f"at least {bar.least:g}" if bar.least is not None else f"at most {bar.most:g}"
            print(
                f"{'holds ' if bar.holds(ratio) else 'MISSED'} {title}: {bar.figure} at {bar.in_flight} in flight is "
                f"{ratio:.2f} of '{bar.other}' ({promise})"
            )


def machine() -> dict[str, str]:
    """Return where and with what was measured."""
    cpu = next((line.split(": ")[1] for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "")
    found = {"date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", "cpu": cpu.strip() or platform.processor()}
    found |= {"cores": str(os.cpu_count()), "load": f"{os.getloadavg()[0]:.1f}", "system": platform.platform()}
    return found | {"python": platform.python_version()} | {each: version(each) for each in PACKAGES}


def _lines(path: str) -> list[str]:
    return Path(path).read_text(encoding="utf-8").splitlines() if Path(path).exists() else []


def main() -> None:
    """Measure, print, and write what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", choices=OPERATIONS)
    parser.add_argument("--loop", choices=LOOPS)
    parser.add_argument("--in-flight", type=int, choices=IN_FLIGHT)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--svg", type=Path)
    parser.add_argument("--guard", type=Path, help="fail if a ratio is a tenth worse than in this file")
    options = parser.parse_args()
    about = machine()
    print(", ".join(f"{name} {value}" for name, value in about.items()))
    for name, (_, what) in CONTENDERS.items():
        print(f"  {name:16}{what}")
    results: dict[str, dict[str, dict[int, dict[str, Figures]]]] = {}
    with canned_replies() as base:
        for loop in [options.loop] if options.loop else LOOPS:
            for operation in [options.only] if options.only else OPERATIONS:
                tables = results.setdefault(loop, {}).setdefault(operation, {})
                for in_flight in [options.in_flight] if options.in_flight else IN_FLIGHT:
                    tables[in_flight] = compare(base, loop, operation, in_flight, options.rounds)
                    show(f"{operation}, {in_flight} in flight, {loop}", tables[in_flight])
    print()
    for loop, operations in results.items():
        for operation, tables in operations.items():
            judge(f"{operation} on {loop}", tables)
    before = json.loads(options.guard.read_text())["results"] if options.guard else {}
    _write(options, {"machine": about, "results": results})
    if lost := losses(results, before):
        raise SystemExit("\n".join(["slower than before:", *lost]))


def _write(options: argparse.Namespace, report: dict[str, Any]) -> None:
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    if options.svg:
        options.svg.write_text(draw(report["results"]))


if __name__ == "__main__":
    main()
