"""The compiler is read from top to bottom: a module imports only what its package's docstring lists above it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import codegen

FOLDER = Path(codegen.__file__).parent
ORDER = re.findall(r"\w+/?", (codegen.__doc__ or "").split("\n\n")[-1])


def place(module: str) -> int:
    """Return the position of a module of the compiler: its own, or that of its folder."""
    parts = module.split(".")
    return ORDER.index(parts[0] if parts[0] in ORDER else f"{parts[0]}/")


def test_the_docstring_lists_every_module() -> None:
    found = {path.stem for path in FOLDER.glob("*.py")} | {f"{path.parent.name}/" for path in FOLDER.glob("*/*.py")}
    assert found - {"__init__"} == set(ORDER)


@pytest.mark.costly
def test_imports_point_upward_in_the_list_and_never_to_the_package_that_is_generated() -> None:
    for path in FOLDER.rglob("*.py"):
        module = ".".join(path.relative_to(FOLDER).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text())):
            assert not (isinstance(node, ast.ImportFrom) and (node.module or "").startswith("checkout_async"))
            assert not (isinstance(node, ast.Import) and node.names[0].name.startswith("checkout_async"))
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("codegen."):
                imported = (node.module or "").removeprefix("codegen.")
                inside = imported.partition(".")[0] == module.partition(".")[0]
                assert inside or place(imported) < place(module), f"{module} imports {imported}"
