"""Spoilt fragments give problems with file and line, never a traceback."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from codegen.compiler import compile_document, compile_files
from codegen.diagnostics import SpecificationError
from tests.codegen.support import ITEM, LIBRARY, ORDER, SHOP, write_fragments

_SCALARS = ["null", "1", "-1", "0", ".nan", "1e400", "''", "x", "true", "'*'", "'/'", r'"\0"', r'"\ud800"', "'#/Order'"]
_OTHERS = ["[]", "{}", "[1]", "[string, 'null']", "{a: b}", "{type: string}", "{$ref: '#/Order'}"]
_VALUES = st.sampled_from([*_SCALARS, *_OTHERS])

REQUEST = "components/schemas/library/request.yaml"


# Values that often pass the checks where they stand.
_PLAUSIBLE = st.sampled_from(
    [*_SCALARS, "2026-11-27", "date", "[integer, 'null']", '"\\"\\"\\""', "x" * 200, "'{}'", "class"]
)
# Names that mean something in the generated code.
_NAMES = st.sampled_from(["class", "self", "str", "list", "msgspec", "Meta", "body", "_x", "3x", "é", "x-y", "UNSET"])


@st.composite
def spoilt(draw: st.DrawFn, *, most: int = 3, values: st.SearchStrategy[str] = _VALUES) -> Mapping[str, str]:
    """Return a specification with lines that are left out, said twice, or given another value."""
    fragments = dict(draw(st.sampled_from([SHOP, LIBRARY])))
    for _ in range(draw(st.integers(1, most))):
        name = draw(st.sampled_from(sorted(fragments)))
        lines = fragments[name].split("\n")
        place = draw(st.integers(0, len(lines) - 1))
        key, colon, value = lines[place].partition(":")
        renamed = key.replace(key.strip(" -"), draw(_NAMES)) + colon + value
        changes = [[], [lines[place]] * 2, [f"{key}: {draw(values)}"], [renamed]]
        lines[place : place + 1] = draw(st.sampled_from(changes))
        fragments[name] = "\n".join(lines)
    return fragments


def check_problems(compile_: Callable[[], object]) -> bool:
    """Return whether fragments compile. If not, all problems must have a file and a line."""
    try:
        compile_()
    except SpecificationError as error:
        assert all(problem.origin.file.startswith("openapi/") for problem in error.problems)
        assert all(problem.origin.line > 0 for problem in error.problems)
        return False
    return True


def passes_the_checks(fragments: Mapping[str, str]) -> bool:
    """Return whether the checks find no problem, so that code is generated."""
    with tempfile.TemporaryDirectory() as folder:
        return check_problems(lambda: compile_document(write_fragments(Path(folder), fragments) / "openapi"))


@pytest.mark.costly
@given(spoilt())
@example({**SHOP, ORDER: SHOP[ORDER].replace(ITEM, "    item: {type: string, const: 1, description: D.}\n")})
@example({**LIBRARY, REQUEST: LIBRARY[REQUEST].replace("  x-recognised-by:\n", "  x-recognised-by:\n" * 2)})
@settings(max_examples=60, deadline=None)
def test_spoilt_fragments_give_problems_and_no_traceback(fragments: Mapping[str, str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        check_problems(lambda: compile_document(write_fragments(Path(folder), fragments) / "openapi"))


@pytest.mark.slow
@given(spoilt(most=1, values=_PLAUSIBLE).filter(passes_the_checks))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
def test_what_passes_the_checks_compiles_to_code_that_is_proved(fragments: Mapping[str, str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        check_problems(lambda: compile_files(write_fragments(Path(folder), fragments)))
