"""Writes the figures in README.md and docs/performance.md from benchmarks/results.json (`--check`: compares them)."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
RESULTS: Final = ROOT / "benchmarks" / "results.json"
_PLACE: Final = re.compile(r"(<!-- figures: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)

# What was promised: a figure, the calls in flight, another contender, and the bar that ours must keep to it.
_PROMISES: Final = (
    ("calls a second by hand", "per_second", "64", "by hand", "1.0 or more"),
    ("those of the specialist", "per_second", "64", "specialist", "0.8 or more"),
    ("those of the vendor's SDK", "per_second", "64", "vendor", "6 or more"),
    ("p99 by hand, 512 in flight", "p99_us", "512", "by hand", "1.1 or less"),
    ("median by hand, one in flight", "median_us", "1", "by hand", "1.1 or less"),
    ("processor time by hand", "processor_us", "64", "by hand", ""),
    ("that of the specialist", "processor_us", "64", "specialist", ""),
    ("that of the vendor's SDK", "processor_us", "64", "vendor", ""),
)


def sentence(results: Mapping[str, Any]) -> str:
    """Return the sentence of README."""
    runs = {name: operation["64"] for name, operation in results["results"]["asyncio"].items()}
    by_hand = [_ratio(run, "processor_us", "by hand") for run in runs.values()]
    vendor = [_ratio(run, "processor_us", "vendor") for run in runs.values()]
    return (
        f"Measured with {len(runs)} operations at 64 calls in flight, a call takes {_range(by_hand)} times the "
        f"processor\ntime of hand-written aiohttp code without any policy, and {_range(vendor)} times that of "
        "checkout-sdk.\n[docs/performance.md](docs/performance.md) has the figures and how sure they are.\n"
    )


def machine(results: Mapping[str, Any]) -> str:
    """Return where and when was measured."""
    found = results["machine"]
    packages = ", ".join(f"{name} {found[name]}" for name in ("aiohttp", "msgspec", "httpx", "stripe", "checkout-sdk"))
    return (
        f"Measured on {found['date']}: {found['cpu']}, {found['cores']} cores (load {found['load']} before), Python "
        f"{found['python']},\n{packages}.\n"
    )


def times(results: Mapping[str, Any]) -> str:
    """Return the table of processor times."""
    loops: Mapping[str, Any] = results["results"]
    operations, uvloop = loops["asyncio"], loops.get("uvloop", {})
    names = [*next(iter(operations.values()))["64"]]
    lines = [f"| Processor time a call, us, at 64 in flight | {' | '.join(operations)} | the same on uvloop |"]
    lines.append("|---" * (len(operations) + 2) + "|")
    for name in names:
        cells = [f"{operation['64'][name]['processor_us']:.0f}" for operation in operations.values()]
        others = [each["64"][name]["processor_us"] for each in uvloop.values() if name in each["64"]]
        lines.append(f"| {name} | {' | '.join(cells)} | {' / '.join(f'{each:.0f}' for each in others)} |")
    return "\n".join(lines) + "\n"


def promises(results: Mapping[str, Any]) -> str:
    """Return the table of what was promised and what was measured."""
    loops: Mapping[str, Any] = results["results"]
    lines = [f"| Ratio of ours to | promise | {' | '.join(loops['asyncio'])} | the same on uvloop |"]
    lines.append("|---" * (len(loops["asyncio"]) + 3) + "|")
    for title, figure, in_flight, other, bar in _PROMISES:
        asyncio, uvloop = (
            [f"{_ratio(each[in_flight], figure, other):.2f}" for each in loop.values() if other in each[in_flight]]
            for loop in (loops["asyncio"], loops.get("uvloop", {}))
        )
        lines.append(f"| {title} | {bar} | {' | '.join(asyncio)} | {' / '.join(uvloop)} |")
    return "\n".join(lines) + "\n"


_PARTS: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    each.__name__: each for each in (sentence, machine, times, promises)
}
PAGES: Final = {ROOT / "README.md": ["sentence"], ROOT / "docs" / "performance.md": ["machine", "times", "promises"]}


def rendered(text: str, parts: list[str], results: Mapping[str, Any]) -> str:
    """Return the text of a page with the figures in their places."""
    assert [match[2] for match in _PLACE.finditer(text)] == parts, "a page lacks a place for figures"
    # Python-Markdown reads a table only after an empty line.
    return _PLACE.sub(lambda match: f"{match[1]}\n{_PARTS[match[2]](results)}\n{match[3]}", text)


def _ratio(run: Mapping[str, Any], figure: str, other: str) -> float:
    return float(run["ours"][figure]) / float(run[other][figure])


def _range(ratios: list[float]) -> str:
    low, high = f"{min(ratios):.2f}", f"{max(ratios):.2f}"
    return low if low == high else f"{low} to {high}"


def main() -> None:
    """Write the pages, or with `--check` exit with 1 if one is out of date."""
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    for page, parts in PAGES.items():
        before = page.read_text(encoding="utf-8")
        after = rendered(before, parts, results)
        if "--check" not in sys.argv[1:]:
            page.write_text(after, encoding="utf-8")
        elif before != after:
            sys.exit(f"{page.name} is not what benchmarks/results.json says: run python scripts/figures.py")


if __name__ == "__main__":
    main()
