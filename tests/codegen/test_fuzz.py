"""Spoilt fragments give problems with file and line, never a traceback."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from codegen.compiler import compile_document
from codegen.diagnostics import SpecificationError
from tests.codegen.support import ITEM, LIBRARY, ORDER, SHOP, write_fragments

_SCALARS = ["null", "1", "-1", "0", ".nan", "1e400", "''", "x", "true", "'*'", "'/'", r'"\0"', r'"\ud800"', "'#/Order'"]
_OTHERS = ["[]", "{}", "[1]", "[string, 'null']", "{a: b}", "{type: string}", "{$ref: '#/Order'}"]
_VALUES = st.sampled_from([*_SCALARS, *_OTHERS])

REQUEST = "components/schemas/library/request.yaml"


@st.composite
def spoilt(draw: st.DrawFn) -> Mapping[str, str]:
    """Return a specification with lines that are left out, said twice, or given another value."""
    fragments = dict(draw(st.sampled_from([SHOP, LIBRARY])))
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from(sorted(fragments)))
        lines = fragments[name].split("\n")
        place = draw(st.integers(0, len(lines) - 1))
        key = lines[place].partition(":")[0]
        changes = [[], [lines[place]] * 2, [f"{key}: {draw(_VALUES)}"]]
        lines[place : place + 1] = draw(st.sampled_from(changes))
        fragments[name] = "\n".join(lines)
    return fragments


@given(spoilt())
@example({**SHOP, ORDER: SHOP[ORDER].replace(ITEM, "    item: {type: string, const: 1, description: D.}\n")})
@example({**LIBRARY, REQUEST: LIBRARY[REQUEST].replace("  x-recognised-by:\n", "  x-recognised-by:\n" * 2)})
@settings(max_examples=60, deadline=None)
def test_spoilt_fragments_give_problems_and_no_traceback(fragments: Mapping[str, str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_fragments(Path(folder), fragments)
        try:
            compile_document(Path(folder) / "openapi")
        except SpecificationError as error:
            assert all(problem.origin.file.startswith("openapi/") for problem in error.problems)
            assert all(problem.origin.line > 0 for problem in error.problems)
