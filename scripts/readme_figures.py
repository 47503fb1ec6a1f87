"""Writes the sentence on performance in README.md from benchmarks/results.json (`--check`: compares it)."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
README: Final = ROOT / "README.md"
RESULTS: Final = ROOT / "benchmarks" / "results.json"
_PLACE: Final = re.compile(r"(<!-- figures: \S+ -->\n).*?(<!-- end -->)", re.DOTALL)


def sentence(results: dict[str, Any]) -> str:
    """Return the sentence on a set of results."""
    runs = {name: operation["64"] for name, operation in results["results"]["asyncio"].items()}
    by_hand = [_ratio(run, "by hand") for run in runs.values()]
    vendor = [_ratio(run, "vendor") for run in runs.values()]
    return (
        f"Measured with {len(runs)} operations at 64 calls in flight, a call takes {_range(by_hand)} times the "
        f"processor\ntime of hand-written aiohttp code without any policy, and {_range(vendor)} times that of "
        "checkout-sdk.\n[docs/performance.md](docs/performance.md) has the figures and how sure they are.\n"
    )


def rendered(readme: str, results: dict[str, Any]) -> str:
    """Return the text of README with the sentence in its place."""
    text, count = _PLACE.subn(lambda match: f"{match[1]}{sentence(results)}{match[2]}", readme)
    assert count == 1, "README.md has no place for the figures"
    return text


def _ratio(run: dict[str, Any], other: str) -> float:
    return float(run["ours"]["processor_us"]) / float(run[other]["processor_us"])


def _range(ratios: list[float]) -> str:
    low, high = f"{min(ratios):.2f}", f"{max(ratios):.2f}"
    return low if low == high else f"{low} to {high}"


def main() -> None:
    """Write README.md, or with `--check` exit with 1 if it is out of date."""
    before = README.read_text(encoding="utf-8")
    after = rendered(before, json.loads(RESULTS.read_text(encoding="utf-8")))
    if "--check" not in sys.argv[1:]:
        README.write_text(after, encoding="utf-8")
    elif before != after:
        sys.exit("README.md is not what benchmarks/results.json says: run python scripts/readme_figures.py")


if __name__ == "__main__":
    main()
