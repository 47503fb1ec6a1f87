"""Each input, compiled, must equal its golden tree. Read inputs/<case> and golden/<case> side by side.

After a deliberate change of the output run `python -m tests.codegen.regen` and read the diff.
"""

from __future__ import annotations

import pytest

from tests.codegen.support import GOLDEN, INPUTS, golden_files

CASES = sorted(path.name for path in INPUTS.iterdir())


@pytest.mark.costly
@pytest.mark.parametrize("case", CASES)
def test_an_input_compiles_to_its_golden_tree(case: str) -> None:
    folder = GOLDEN / case
    files = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert golden_files(case) == {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_every_golden_tree_has_an_input() -> None:
    assert sorted(path.name for path in GOLDEN.iterdir()) == CASES
