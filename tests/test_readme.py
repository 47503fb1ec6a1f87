"""The code that the README shows runs, against the simulator in place of the API."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from scripts import figures
from tests.documents import python_blocks

ROOT = Path(__file__).parent.parent
BLOCKS = python_blocks(ROOT / "README.md")


def test_every_block_compiles() -> None:
    assert len(BLOCKS) >= 3
    for block in BLOCKS:
        wrapped = "async def main():\n" + "".join(f"    {line}\n" for line in block.splitlines())
        compile(wrapped, "README.md", "exec")


@pytest.mark.parametrize("page", ["README.md", "docs/quickstart.md"])
def test_the_first_example_runs_without_an_account(
    page: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The environment has no credentials, and the block is not changed."""
    for name in [name for name in os.environ if name.startswith("CHECKOUT_")]:
        monkeypatch.delenv(name)
    block = python_blocks(ROOT / page)[0]
    assert len(block.splitlines()) <= 18
    exec(compile(block, page, "exec"), {"__name__": "__main__"})
    assert re.fullmatch(r"pay_\w{26} Authorized True\n", capsys.readouterr().out)


@pytest.mark.parametrize("page", figures.PAGES, ids=lambda page: page.name)
def test_the_figures_of_a_page_are_what_the_benchmark_measured(page: Path) -> None:
    results = json.loads(figures.RESULTS.read_text(encoding="utf-8"))
    text = page.read_text(encoding="utf-8")
    assert figures.rendered(text, figures.PAGES[page], results) == text, "run python scripts/figures.py"


def test_the_sentence_on_performance_follows_the_results() -> None:
    """From figures of our own: 2 of 4 microseconds are a half, and 3 of 4 three quarters."""
    contenders = {name: {"processor_us": 4} for name in ("by hand", "vendor")}
    runs = {name: {"64": {"ours": {"processor_us": ours}, **contenders}} for name, ours in (("a", 2), ("b", 3))}
    assert "0.50 to 0.75 times" in figures.sentence({"results": {"asyncio": runs}})


def test_the_make_targets_that_documents_name_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for document in ("README.md", "CHANGELOG.md", "openapi/README.md", "docs/architecture.md", "benchmarks/README.md"):
        named = set(re.findall(r"`make ([a-z-]+)`", (ROOT / document).read_text()))
        assert named <= targets, f"{document} names {named - targets}"
