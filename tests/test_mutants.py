"""`make mutants`: which changes it makes, that its table fits the code, and that it counts rightly."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.mutants import __main__ as command
from scripts.mutants.changes import Finder, Mutant, mutated
from scripts.mutants.trial import Unusable, try_all


def changed(code: str) -> set[str]:
    """Return the code after each change."""
    found = Finder("module.py", code.encode()).find()
    return {mutated(code.encode(), each).decode() for each in found}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("a < b", {"(a <= b)"}),
        ("a is None", {"(a is not None)"}),
        ("0 <= a < b", {"(0 < a < b)", "(0 <= a <= b)", "(1) <= a < b"}),
        ("a and b and c", {"(b and c)", "(a and c)", "(a and b)"}),
        ("a or (b and c)", {"(b and c)", "(a)", "a or ((c))", "a or ((b))"}),
        ("not a", {"(a)"}),
        ("a + b", {"(a - b)"}),
        ("isinstance(a, B | C)", {"isinstance(a, (B))", "isinstance(a, (C))"}),
        ("A = stat.B | stat.C", {"A = (stat.B)", "A = (stat.C)"}),
        ("a = Def | b(c)", {"a = (Def)", "a = (b(c))"}),
        ("if f(a): b = 1", {"if (not f(a)): b = 1", "if f(a): b = (2)"}),
        ("[a for a in b if c.d]", {"[a for a in b if (not c.d)]"}),
        ("a = 2.0", {"a = (4.0)"}),
        ("a = True", {"a = (False)"}),
        ("min(a, b)", {"(max(a, b))"}),
        ("a(b, c=d)", {"(a(b))"}),
        ("A = {'b', 'c'}", {"A = ({'c'})", "A = ({'b'})"}),
        ("A = ('b', 'c')", {"A = (('c',))", "A = (('b',))"}),
        ("A = {'b': c, 'd': e}", {"A = ({'d': e})", "A = ({'b': c})"}),
        ("raise A", {"pass"}),
        ("a.b = c", {"pass"}),
        ("a += b", {"pass"}),
        ("del a", {"pass"}),
        ("def f() -> bool: return g(a)", {"def f() -> bool: return (not g(a))"}),
        ("try: a = b\nexcept (B, C): d = e", {"try: a = b\nexcept ((C,)): d = e", "try: a = b\nexcept ((B,)): d = e"}),
    ],
)
def test_a_change_is_made(code: str, expected: set[str]) -> None:
    assert changed(code) - {"pass"} == expected - {"pass"}
    assert "pass" in changed(code) or "pass" not in expected


@pytest.mark.parametrize(
    "code",
    [
        "'text'",
        "a = 'text'",
        "__all__ = ['a', 'b']",
        "a: int | None = b",
        "A: TypeAlias = B | C",
        "Abc = Def | module.Ghi | Jkl",
        "def f(a: B | C) -> D | None: return a",
        "@dataclass(frozen=True)\nclass A: b: int",
        "class A(B, frozen=True): pass",
        "if TYPE_CHECKING: a = 1",
        "a = f'{b + 1}'",
        "a, b = 'c', 'd'",
        "from a import b",
    ],
)
def test_what_nothing_evaluates_and_texts_stay(code: str) -> None:
    assert changed(code) == set()


@pytest.fixture(scope="module")
def mutants() -> list[Mutant]:
    return command.population(*command.read_table())


def test_the_table_fits_the_code(mutants: list[Mutant]) -> None:
    tests, equivalent = command.read_table()
    assert {each.module for each in mutants} == tests.keys()
    for entry in equivalent:
        assert entry.keys() == {"module", "line", "change", "reason"}
        assert len(entry["reason"]) > 20


def test_an_entry_whose_line_has_changed_is_named() -> None:
    entry = {"module": "checkout_async/_core/paging.py", "line": "gone", "change": "a -> b", "reason": "none"}
    tests = {"checkout_async/_core/paging.py": ["tests/core"]}
    with pytest.raises(Unusable, match=r"no such mutant, delete the entry: .*'gone'"):
        command.population(tests, [entry])


def test_a_larger_sample_of_a_seed_begins_with_the_smaller_one(mutants: list[Mutant]) -> None:
    small, large, other = (command.sampled(mutants, size, seed) for size, seed in ((5, 1), (10, 1), (10, 2)))
    assert small == large[:5]
    assert large != other


@pytest.mark.slow
def test_a_change_is_noticed_or_survives(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text("def is_adult(age: float) -> bool:\n    return age >= 18\n")
    (tmp_path / "test_code.py").write_text("from code import is_adult\ndef test(): assert is_adult(18.5)\n")
    (tmp_path / "conftest.py").write_text(
        "from hypothesis import settings\nsettings.register_profile('mutants')\n"
        "def pytest_configure(config): config.addinivalue_line('markers', 'slow: slow')\n"
    )
    monkeypatch.setattr(command, "ROOT", tmp_path)
    tests = {"code.py": ["test_code.py"]}
    mutants = command.population(tests, [])
    assert {each.change for each in mutants} == {"age >= 18 -> age > 18", "18 -> 19"}
    assert [each.change for each in try_all(tmp_path, mutants, tests, 1)] == ["age >= 18 -> age > 18"]
