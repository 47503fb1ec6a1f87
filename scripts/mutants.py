"""Changes the code of the money path a little, many times, and counts how often the tests notice (mutation testing).

    python scripts/mutants.py [--sample 200] [--seed 1] [--jobs 1] [--module checkout_async/_core/paging.py] [--list]

Each mutant is one change of one module: a comparison moved to the other side of its limit, an operand, a keyword or a
member of a table left out, a statement deleted, a condition negated, a number changed. For each, the module's tests of
scripts/mutants.toml run in a copy of the repository until one fails. A mutant that makes a test hang counts as noticed.
Survivors are printed with file, line and change. Exit status 1: less than 92 % were noticed. Exit status 2: the tests
fail without a change, or scripts/mutants.toml does not match the code.

The sample is a function of the seed and of the changes themselves, so that an edit of one module does not choose other
mutants in the others.

mutmut 3.8 and cosmic-ray 8.7 were tried first. mutmut changes only the bodies of undecorated functions, but here much
is decided by tables, sets of statuses and header names, time limits, properties and context managers; and its wrappers
stand in the frames in which the tests look for secrets. cosmic-ray changes operators and numbers only, a fifth of them
in annotations, which nothing evaluates; it deletes no statement and no member of a table, knows one test command for
all modules, and draws no sample.
"""

from __future__ import annotations

import argparse
import ast
import copy
import hashlib
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

ROOT = Path(__file__).resolve().parent.parent
TABLE = Path(__file__).with_suffix(".toml")
SHARE = 0.92
TEST_LIMIT, RUN_LIMIT = 30, 600  # seconds: one test, and all tests of one mutant
COPIED = shutil.ignore_patterns(".*", "__pycache__", "build", "dist")
NO_FAILURE, FAILURES, INTERRUPTED = 0, 1, 2  # exit statuses of pytest; 2: a module cannot be imported

_COMPARISONS: dict[type[ast.cmpop], ast.cmpop] = {
    ast.Lt: ast.LtE(),
    ast.LtE: ast.Lt(),
    ast.Gt: ast.GtE(),
    ast.GtE: ast.Gt(),
    ast.Eq: ast.NotEq(),
    ast.NotEq: ast.Eq(),
    ast.Is: ast.IsNot(),
    ast.IsNot: ast.Is(),
    ast.In: ast.NotIn(),
    ast.NotIn: ast.In(),
}
_OPERATORS: dict[type[ast.operator], ast.operator] = {
    ast.Add: ast.Sub(),
    ast.Sub: ast.Add(),
    ast.Mult: ast.Div(),
    ast.Div: ast.Mult(),
    ast.FloorDiv: ast.Mult(),
    ast.Mod: ast.Mult(),
}
_EXTREMES = {"min": "max", "max": "min"}
_NEGATED_ALREADY = (ast.Compare, ast.BoolOp, ast.UnaryOp, ast.Constant)


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One change: the bytes from `start` to `end` of a module are replaced. `source` is the text of its first line."""

    module: str
    line: int
    source: str
    start: int
    end: int
    text: str
    change: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What names the change in scripts/mutants.toml, wherever the line stands."""
        return self.module, self.source, self.change

    def rank(self, seed: int) -> bytes:
        """Return the place in the sample."""
        return hashlib.sha256(repr((seed, self.key, self.start)).encode()).digest()


class Finder:
    """Finds the mutants of one module."""

    def __init__(self, module: str, content: bytes) -> None:
        self._module = module
        self._content = content
        self._lines = content.splitlines(keepends=True)
        self._offsets = [0]
        for line in self._lines:
            self._offsets.append(self._offsets[-1] + len(line))

    def find(self) -> list[Mutant]:
        """Return all mutants that are valid Python and differ from the module."""
        return [each for each in self._walk(ast.parse(self._content), ()) if self._compiles(each)]

    def _walk(self, node: ast.AST, parents: tuple[ast.AST, ...]) -> Iterator[Mutant]:
        if _is_skipped(node, parents):
            return
        for new, change in _changes(node, parents):
            yield self._mutant(node, new, change)
        for child in _evaluated_children(node):
            yield from self._walk(child, (*parents, node))

    def _mutant(self, node: ast.AST, new: ast.AST | None, change: str) -> Mutant:
        assert isinstance(node, ast.expr | ast.stmt)
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        text = "pass" if new is None else f"({ast.unparse(new)})"
        return Mutant(
            module=self._module,
            line=node.lineno,
            source=self._lines[node.lineno - 1].decode().strip(),
            start=self._offsets[node.lineno - 1] + node.col_offset,
            end=self._offsets[node.end_lineno - 1] + node.end_col_offset,
            text=text,
            change=change or f"{ast.unparse(node)} -> {text.removeprefix('(').removesuffix(')')}",
        )

    def _compiles(self, mutant: Mutant) -> bool:
        try:
            compile(mutated(self._content, mutant), self._module, "exec")
        except SyntaxError:
            return False
        return True


def mutated(content: bytes, mutant: Mutant) -> bytes:
    """Return a module's content with the change."""
    return content[: mutant.start] + mutant.text.encode() + content[mutant.end :]


def _is_skipped(node: ast.AST, parents: tuple[ast.AST, ...]) -> bool:
    """Return whether nothing in this node is changed: it is not evaluated, or it is a text or a list of names."""
    if isinstance(node, ast.Import | ast.ImportFrom | ast.JoinedStr):
        return True
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return True
    if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in {"__all__", "__slots__"}:
        return True
    if isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation) == "TypeAlias":
        return True
    is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_docstring or (isinstance(node, ast.keyword) and isinstance(parents[-1], ast.ClassDef))


def _evaluated_children(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the children without annotations and decorators."""
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "decorator_list"}:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield child


Change = tuple[ast.AST | None, str]
"""What to put in place of a node (None: `pass`), and the description, if it is not the code on both sides."""


def _changes(node: ast.AST, parents: tuple[ast.AST, ...]) -> Iterator[Change]:
    yield from _changed_operators(node)
    yield from _left_out(node, parents)
    match node:
        case ast.Constant(value=bool() | int() | float() as value):
            yield ast.Constant(_other_constant(value)), ""
        case ast.Call(func=ast.Name(id="min" | "max" as name)):
            yield _with(node, func=ast.Name(_EXTREMES[name])), ""
        case ast.Expr() | ast.AugAssign() | ast.Raise() | ast.Delete():
            yield None, ""
        case ast.Assign() if any(isinstance(each, ast.Attribute | ast.Subscript) for each in node.targets):
            yield None, ""
        case _:
            pass
    if isinstance(node, ast.expr) and _decides(node, parents):
        yield ast.UnaryOp(ast.Not(), node), ""


def _changed_operators(node: ast.AST) -> Iterator[Change]:
    match node:
        case ast.Compare():
            for index, operator in enumerate(node.ops):
                yield _with(node, ops=_replaced(node.ops, index, _COMPARISONS[type(operator)])), ""
        case ast.UnaryOp(op=ast.Not()):
            yield node.operand, ""
        case ast.BinOp(op=ast.BitOr() | ast.BitAnd()):
            yield node.left, ""
            yield node.right, ""
        case ast.BinOp() if type(node.op) in _OPERATORS and not _is_text(node.left) and not _is_text(node.right):
            yield _with(node, op=_OPERATORS[type(node.op)]), ""
        case _:
            pass


def _left_out(node: ast.AST, parents: tuple[ast.AST, ...]) -> Iterator[Change]:
    """Yield the node without one of its operands, members or keywords."""
    match node:
        case ast.BoolOp():
            for index, operand in enumerate(node.values):
                rest = _without(node.values, index)
                new = rest[0] if len(rest) == 1 else _with(node, values=rest)
                yield new, f"{ast.unparse(node)} without {ast.unparse(operand)}"
        case ast.Set() | ast.Tuple() | ast.List() if _is_table(node, parents):
            for index, member in enumerate(node.elts):
                yield _with(node, elts=_without(node.elts, index)), f"without {ast.unparse(member)}"
        case ast.Dict() if len(node.keys) > 1:
            for index, (key, value) in enumerate(zip(node.keys, node.values, strict=True)):
                new = _with(node, keys=_without(node.keys, index), values=_without(node.values, index))
                yield new, f"without {'**' if key is None else ast.unparse(key) + ': '}{ast.unparse(value)}"
        case ast.Call():
            for index, keyword in enumerate(node.keywords):
                yield _with(node, keywords=_without(node.keywords, index)), f"without {ast.unparse(keyword)}"
        case _:
            pass


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _is_table(node: ast.Set | ast.Tuple | ast.List, parents: tuple[ast.AST, ...]) -> bool:
    """Return whether members of a literal can be left out: a set, a constant of the module, or a list of exceptions."""
    if len(node.elts) < 2:
        return False
    is_constant = len(parents) == 2 and isinstance(parents[1], ast.Assign | ast.AnnAssign)
    return isinstance(node, ast.Set) or is_constant or isinstance(parents[-1], ast.ExceptHandler)


def _decides(node: ast.expr, parents: tuple[ast.AST, ...]) -> bool:
    """Return whether an expression is a condition that no other change negates."""
    parent = parents[-1]
    if isinstance(node, _NEGATED_ALREADY):
        return False
    if isinstance(parent, ast.If | ast.While | ast.IfExp):
        return node is parent.test
    if isinstance(parent, ast.comprehension):
        return node in parent.ifs
    function = next((each for each in reversed(parents) if isinstance(each, ast.FunctionDef)), None)
    return isinstance(parent, ast.Return) and function is not None and ast.unparse(function.returns or node) == "bool"


def _other_constant(value: bool | int | float) -> bool | int | float:
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int) else value * 2 or 1.0


def _with(node: ast.AST, **members: object) -> ast.AST:
    new = copy.copy(node)
    for name, value in members.items():
        setattr(new, name, value)
    return new


def _without(items: Sequence[T], index: int) -> list[T]:
    return [*items[:index], *items[index + 1 :]]


def _replaced(items: Sequence[T], index: int, new: T) -> list[T]:
    return [*items[:index], new, *items[index + 1 :]]


class Copy:
    """A copy of the repository in which mutants are tried, one after the other."""

    def __init__(self, directory: Path) -> None:
        self._root = directory / "checkout-async"
        shutil.copytree(ROOT, self._root, ignore=COPIED)

    def run(self, tests: Sequence[str]) -> tuple[int | None, str]:
        """Run tests until one fails. Return pytest's exit status (None: they took too long) and its output."""
        command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "--tb=line", f"--timeout={TEST_LIMIT}"]
        command += ["-p", "no:cacheprovider", "-m", "not slow", "--hypothesis-profile=mutants", *tests]
        # Bytecode of a mutant of the same size and second would be taken for that of the next one.
        environment = {**os.environ, "PYTHONPATH": str(self._root), "PYTHONDONTWRITEBYTECODE": "1"}
        with subprocess.Popen(
            command,
            cwd=self._root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                output, _ = process.communicate(timeout=RUN_LIMIT)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                return None, ""
        return process.returncode, output

    def survives(self, mutant: Mutant, tests: Sequence[str]) -> tuple[bool, str]:
        """Return whether no test notices the change, and otherwise the test that does."""
        file = self._root / mutant.module
        content = file.read_bytes()
        file.write_bytes(mutated(content, mutant))
        try:
            status, output = self.run(tests)
        finally:
            file.write_bytes(content)
        if status not in {NO_FAILURE, FAILURES, INTERRUPTED, None}:
            raise SystemExit(f"{mutant.module}: pytest ended with status {status}:\n{output}")
        failed = [line for line in output.splitlines() if line.startswith(("FAILED", "ERROR"))]
        if status == NO_FAILURE:
            return True, ""
        return False, failed[0].split(" - ")[0] if failed else "hangs"


def population(tests: dict[str, list[str]], equivalent: Sequence[dict[str, str]]) -> list[Mutant]:
    """Return all mutants but the equivalent ones. Raises SystemExit if an entry matches no mutant any more."""
    found = [each for module in tests for each in Finder(module, (ROOT / module).read_bytes()).find()]
    excluded = {(each["module"], each["line"], each["change"]) for each in equivalent}
    if unknown := excluded - {each.key for each in found}:
        raise SystemExit("\n".join(f"{TABLE.name}: no such mutant, delete the entry: {key}" for key in sorted(unknown)))
    return [each for each in found if each.key not in excluded]


def try_all(mutants: Sequence[Mutant], tests: dict[str, list[str]], jobs: int) -> list[Mutant]:
    """Return the mutants that survive. Raises SystemExit if the tests fail without a change."""
    survivors: list[Mutant] = []
    with tempfile.TemporaryDirectory(prefix="mutants-") as directory, ThreadPoolExecutor(jobs) as executor:
        copies: queue.SimpleQueue[Copy] = queue.SimpleQueue()
        for number in range(jobs):
            copies.put(Copy(Path(directory, str(number))))
        untouched = copies.get()
        needed = sorted({path for mutant in mutants for path in tests[mutant.module]})
        status, output = untouched.run(needed)
        if status != NO_FAILURE:
            raise SystemExit(f"The tests fail without a change:\n{output}")
        copies.put(untouched)

        def try_one(mutant: Mutant) -> tuple[Mutant, bool, str]:
            place = copies.get()
            try:
                return mutant, *place.survives(mutant, tests[mutant.module])
            finally:
                copies.put(place)

        for number, (mutant, survived, by) in enumerate(executor.map(try_one, mutants), 1):
            print(f"{number:4} {'SURVIVED' if survived else 'noticed '} {describe(mutant)}  {by}", flush=True)
            survivors += [mutant] if survived else []
    return survivors


def describe(mutant: Mutant) -> str:
    """Return file, line and change on one line."""
    return f"{mutant.module}:{mutant.line}  {' '.join(mutant.change.split())}"


def main() -> int:
    """Try a sample and print the survivors. Return the exit status."""
    parser = argparse.ArgumentParser(description="Count how many small changes of the money path the tests notice.")
    parser.add_argument("--sample", type=int, default=200, help="how many mutants to try (default: 200)")
    parser.add_argument("--seed", type=int, default=1, help="which ones (default: 1)")
    parser.add_argument("--jobs", type=int, default=1, help="how many at a time (default: 1)")
    parser.add_argument("--module", action="append", help="only mutants of this module; may be repeated")
    parser.add_argument("--list", action="store_true", help="print the sample and try nothing")
    options = parser.parse_args()
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    tests: dict[str, list[str]] = {module: paths for group in table["group"] for module, paths in _rows(group)}
    everything = population(tests, table.get("equivalent", []))
    chosen = [each for each in everything if not options.module or each.module in options.module]
    sample = sorted(chosen, key=lambda each: each.rank(options.seed))[: options.sample]
    print(f"{len(sample)} of {len(chosen)} mutants, seed {options.seed}")
    if options.list:
        print(*map(describe, sample), sep="\n")
        return 0
    survivors = try_all(sample, tests, options.jobs)
    noticed = len(sample) - len(survivors)
    print("\nSurvivors:" if survivors else "\nNo survivors.")
    print(*(f"  {describe(each)}\n      {each.source}" for each in survivors), sep="\n")
    counts = Counter(each.module for each in sample), Counter(each.module for each in survivors)
    for module in sorted(counts[0]):
        print(f"  {module:45} {counts[0][module] - counts[1][module]:4} of {counts[0][module]} noticed")
    print(f"{noticed} of {len(sample)} noticed: {noticed / len(sample):.1%} (at least {SHARE:.0%})")
    return 0 if noticed >= SHARE * len(sample) else 1


def _rows(group: dict[str, list[str]]) -> list[tuple[str, list[str]]]:
    return [(module, group["tests"]) for module in group["modules"]]


if __name__ == "__main__":
    sys.exit(main())
