"""Proves generated code before a byte of it is written: it holds only the statements that were meant, and it works."""

from __future__ import annotations

import ast
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Set
from pathlib import Path
from typing import Final

from codegen.diagnostics import CompilerError
from codegen.target import OWN, RUNTIME, Target

_TRIAL: Final = Path(__file__).with_name("trial.py")
_STATEMENTS: Final = (
    ast.AnnAssign,
    ast.Assign,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.FunctionDef,
)
# What may be called while a module is imported.
_CALLED: Final = frozenset(
    {
        "Alternative",
        "Meta",
        "Operation",
        "TypedDict",
        "modules_on_demand",
        "msgspec.field",
        "named_on_demand",
        "require_interface",
    }
)
_DECORATORS: Final = frozenset({"cached_property", "property"})
_IMPORTED: Final = frozenset(
    {"__future__", "checkout_async", "collections", "datetime", "functools", "msgspec", "typing"}
)
# The types that the model generator imports under another name where a field has their own.
_TYPES: Final = frozenset({"bool", "dict", "float", "int", "list", "str"})


class ProofError(CompilerError):
    """Generated code is not what was meant, or does not work."""


def prove(files: Mapping[str, bytes], target: Target = OWN) -> None:
    """Raise ProofError if a generated module holds another statement than it should, or cannot be used."""
    imported = _IMPORTED | {target.package.partition(".")[0]}
    modules = {path: content for path, content in files.items() if path.endswith(".py")}
    for path, content in modules.items():
        for node in _unexpected(ast.parse(content), imported):
            raise ProofError(f"{path}:{node.lineno}: unexpected code: {ast.unparse(node)}")
    _try(modules, target)


def _unexpected(holder: ast.Module | ast.ClassDef, imported: Set[str]) -> Iterator[ast.stmt | ast.expr]:
    """Yield the code that runs at import and that no template writes."""
    for node in holder.body:
        yield from (each for each in getattr(node, "decorator_list", ()) if not _is_known_decorator(each))
        if isinstance(node, ast.ClassDef):
            yield from _unexpected(node, imported)
        elif not _is_meant(node, imported):
            yield node
        elif isinstance(node, ast.AnnAssign | ast.Assign | ast.If):
            yield from _unexpected_calls(node)


def _is_known_decorator(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        return ast.unparse(node.func) == "deprecated" and not any(
            call for each in node.args for call in _unexpected_calls(each)
        )
    if isinstance(node, ast.Attribute):
        return isinstance(node.value, ast.Name) and node.attr == "setter"
    return ast.unparse(node) in _DECORATORS


def _is_meant(node: ast.stmt, imported: Set[str]) -> bool:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names] == ["msgspec"]
    if isinstance(node, ast.ImportFrom) and node.module == "builtins":
        return _TYPES.issuperset(alias.name for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").split(".")[0] in imported
    return isinstance(node, _STATEMENTS) or _is_text(node) or _is_for_types(node, imported)


def _is_for_types(node: ast.stmt, imported: Set[str]) -> bool:
    """Return whether a statement is `if TYPE_CHECKING:` with imports and aliases, and at run time other values."""
    if not isinstance(node, ast.If) or ast.unparse(node.test) != "TYPE_CHECKING":
        return False
    parts = [each for each in (*node.body, *node.orelse) if not isinstance(each, ast.Pass)]
    return all(
        isinstance(each, ast.ImportFrom | ast.AnnAssign | ast.Assign) and _is_meant(each, imported) for each in parts
    )


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _unexpected_calls(node: ast.AST) -> Iterator[ast.expr]:
    for part in ast.walk(node):
        if isinstance(part, ast.Call) and ast.unparse(part.func) not in _CALLED:
            yield part


def _last_lines(text: str) -> str:
    """Return the end of what a process wrote: its error, and the lines of the generated code that it came from."""
    return "\n".join(text.strip().splitlines()[-8:])


def _try(modules: Mapping[str, bytes], generated: Target) -> None:
    """Import the modules in a process of its own, from a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="codegen-") as name:
        for path, content in modules.items():
            target = Path(name) / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        script = [str(_TRIAL), str(Path(name) / generated.folder), str(RUNTIME), generated.package]
        run = [sys.executable, "-I", "-B", *script]
        done = subprocess.run(run, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ProofError(f"the generated code does not work: {_last_lines(done.stderr)}")
