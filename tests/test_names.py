"""One name for one thing: no class of the hand-written package has the name of another one."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "checkout_async"


def classes() -> dict[str, list[str]]:
    """Where each class is defined, by its name without leading underscores."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted(PACKAGE.rglob("*.py")):
        if "_generated" not in path.parts:
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ClassDef):
                    found[node.name.lstrip("_")].append(f"{path.relative_to(PACKAGE)}:{node.lineno}")
    return found


def test_no_class_name_stands_twice() -> None:
    assert {name: places for name, places in classes().items() if len(places) > 1} == {}
