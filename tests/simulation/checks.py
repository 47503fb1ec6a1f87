"""The single checks of the oracles, read from their source: each is the text of one objection, with gaps for values."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path


@cache
def checks() -> dict[str, re.Pattern[str]]:
    """Return a pattern for each objection that the oracles can raise, by its text with `...` for values."""
    found: dict[str, re.Pattern[str]] = {}
    modules = sorted(Path(__file__).parent.glob("*oracles*.py"))
    for text in (text for module in modules for text in _texts(ast.parse(module.read_text()))):
        parts = [part.value if isinstance(part, ast.Constant) else None for part in text.values]
        pattern = "".join(".*" if part is None else re.escape(str(part)) for part in parts)
        found["".join("..." if part is None else str(part) for part in parts)] = re.compile(pattern, re.DOTALL)
    return found


def _texts(tree: ast.AST) -> Iterator[ast.JoinedStr]:
    """Yield the texts that generators yield."""
    for node in ast.walk(tree):
        value = node.value if isinstance(node, ast.Yield | ast.YieldFrom) else None
        value = value.elt if isinstance(value, ast.GeneratorExp) else value
        if isinstance(value, ast.JoinedStr):
            yield value


def objections(error: BaseException | None) -> dict[str, str]:
    """Return what the oracles objected to: the check, and the first text of it. Empty for any other error."""
    found: dict[str, str] = {}
    if isinstance(error, AssertionError):
        for text in str(error).split("; "):
            matching = [name for name, each in checks().items() if each.fullmatch(text)]
            # A text may fit a check with fewer words, too.
            found.setdefault(max(matching, key=len, default=""), text)
    return found
