"""Runs the code of a page as a reader pastes it: block after block, with what the page says that one needs."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from checkout_async import CheckoutClient
from tests.documents import python_blocks

ROOT = Path(__file__).parents[2]
PAGES = (
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "openapi" / "README.md",
    *sorted(path for path in (ROOT / "docs").rglob("*.md")),
)


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def run_page(page: Path, folder: Path) -> dict[str, Any]:
    """Run all blocks of a page in one namespace, as in `python -m asyncio`, and return it."""
    names: dict[str, Any] = {"__name__": "__main__", "__builtins__": __builtins__}
    loaded = set(sys.modules)
    with asyncio.Runner() as runner:
        try:
            for number, block in enumerate(python_blocks(page), 1):
                run_block(block, f"{name_of(page)}, block {number}", names, runner, folder)
        finally:
            for client in {id(value): value for value in names.values() if isinstance(value, CheckoutClient)}.values():
                runner.run(client.aclose())
            for name in [name for name in set(sys.modules) - loaded if (folder / f"{name}.py").exists()]:
                del sys.modules[name]
    return names


def run_block(block: str, name: str, names: dict[str, Any], runner: asyncio.Runner, folder: Path) -> None:
    """Run a block. One whose first line names a file is saved as this file, too."""
    if named := re.match(r"# (\w+\.py)\b", block):
        (folder / named[1]).write_text(block, encoding="utf-8")
    code = compile(block, name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    value = eval(code, names)
    if inspect.iscoroutine(value):
        runner.run(value)


def leading_to(base_url: str) -> Mapping[str, str]:
    """Return the environment that a page asks for, with an API at an address."""
    return {
        "CHECKOUT_BASE_URL": base_url,
        "CHECKOUT_TOKEN_URL": f"{base_url}/connect/token",
        "CHECKOUT_CLIENT_ID": "ack_sandbox",
        "CHECKOUT_CLIENT_SECRET": "sandbox_secret",
    }
