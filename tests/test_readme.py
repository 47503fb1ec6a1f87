"""The code that the README shows runs, against the simulator in place of the API."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from checkout_async import CheckoutClient
from checkout_async.sandbox import Sandbox
from tests.documents import python_blocks

ROOT = Path(__file__).parent.parent
BLOCKS = python_blocks(ROOT / "README.md")


def test_every_block_compiles() -> None:
    assert len(BLOCKS) >= 3
    for block in BLOCKS:
        wrapped = "async def main():\n" + "".join(f"    {line}\n" for line in block.splitlines())
        compile(wrapped, "README.md", "exec")


async def test_the_first_example_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(BLOCKS[0].splitlines()) <= 16
    mains: list[Any] = []
    async with Sandbox() as sandbox:

        def made_for_the_sandbox(*_args: object, **_options: object) -> CheckoutClient:
            return sandbox.client()

        monkeypatch.setattr("checkout_async.CheckoutClient", made_for_the_sandbox)
        monkeypatch.setattr(asyncio, "run", mains.append)
        exec(compile(BLOCKS[0], "README.md", "exec"), {})
        await mains[0]
    assert "pending" in capsys.readouterr().out


async def test_the_example_of_the_simulator_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = [block for block in BLOCKS if "from checkout_async.sandbox" in block]
    wrapped = "async def main():\n" + "".join(f"    {line}\n" for line in block.splitlines())
    names: dict[str, Any] = {}
    exec(compile(wrapped, "README.md", "exec"), names)
    await names["main"]()
    assert "total_captured=5000" in capsys.readouterr().out


PAGES = ("docs/observability.md",)
"""Pages whose every block runs as it stands."""


@pytest.mark.parametrize(("page", "block"), [(page, block) for page in PAGES for block in python_blocks(ROOT / page)])
async def test_the_examples_of_a_page_run(page: str, block: str) -> None:
    wrapped = "async def main():\n" + "".join(f"    {line}\n" for line in block.splitlines())
    names: dict[str, Any] = {}
    exec(compile(wrapped, page, "exec"), names)
    await names["main"]()


def test_the_make_targets_that_documents_name_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for document in ("README.md", "CHANGELOG.md", "openapi/README.md", "docs/architecture.md", "benchmarks/README.md"):
        named = set(re.findall(r"`make ([a-z-]+)`", (ROOT / document).read_text()))
        assert named <= targets, f"{document} names {named - targets}"
