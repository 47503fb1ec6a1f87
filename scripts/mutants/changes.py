"""The changes that one module can have: mutants, found in its syntax tree."""

from __future__ import annotations

import ast
import copy
import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar, cast

T = TypeVar("T")

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
    """One change: the bytes from `start` to `end` of a module are replaced. `source` is the text of its first line.

    `number` counts the same change of the same text in one module.
    """

    module: str
    line: int
    source: str
    number: int = 0
    start: int
    end: int
    text: str
    change: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What names the change in table.toml, wherever the line stands."""
        return self.module, self.source, self.change

    def rank(self, seed: int) -> bytes:
        """Return the place in the sample."""
        return hashlib.sha256(repr((seed, self.key, self.number)).encode()).digest()


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
        """Return all mutants of the module."""
        found: list[Mutant] = []
        counts: Counter[tuple[str, str, str]] = Counter()
        for mutant in self._walk(ast.parse(self._content), ()):
            found.append(replace(mutant, number=counts[mutant.key]))
            counts[mutant.key] += 1
        return found

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
    is_union = isinstance(node, ast.Assign) and isinstance(node.value, ast.BinOp) and _names_classes(node.value)
    if is_union and len(parents) == 1:
        return True  # a type alias
    is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return is_docstring or (isinstance(node, ast.keyword) and isinstance(parents[-1], ast.ClassDef))


def _names_classes(node: ast.expr) -> bool:
    """Return whether an expression is one class or a union of classes, by names in CapWords."""
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.BitOr) and _names_classes(node.left) and _names_classes(node.right)
    name = ast.unparse(node).rpartition(".")[2]
    return name.isidentifier() and name[0].isupper() and not name.isupper()


def _evaluated_children(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the children without annotations and decorators."""
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "decorator_list"}:
            continue
        children = cast("list[object]", value if isinstance(value, list) else [value])
        yield from (child for child in children if isinstance(child, ast.AST))


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
    if isinstance(node, ast.Set) or isinstance(parents[-1], ast.ExceptHandler):
        return True
    return len(parents) == 2 and isinstance(parents[1], ast.Assign | ast.AnnAssign) and not _is_unpacked(parents[1])


def _is_unpacked(node: ast.Assign | ast.AnnAssign) -> bool:
    return isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple)


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
