"""Renders the strict form of a Struct: the class that the generator wrote, with every documented limit, without texts.

A second run of the generator would take a second. A test compares the result with what that run writes.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from codegen.ir import Member, ObjectType
from codegen.render_text import docstring
from codegen.render_type import struct_annotation


def strict_class(source: str, type_: ObjectType, imports: Mapping[str, str]) -> str:
    """Return the source of a class whose members have the limits of `type_`. What is deprecated keeps its text."""
    (node,) = ast.parse(source).body
    assert isinstance(node, ast.ClassDef)
    members = {each.python_name: each for each in type_.members}
    lines = source.split("\n")
    for start, end, text in sorted(_changes(node, members, type_, imports), key=lambda each: each[0], reverse=True):
        # ast counts columns in UTF-8 bytes.
        first, last = lines[start[0] - 1].encode(), lines[end[0] - 1].encode()
        lines[start[0] - 1 : end[0]] = (first[: start[1]] + text.encode() + last[end[1] :]).decode().split("\n")
    return "\n".join(lines)


_Place = tuple[int, int]


def _changes(
    node: ast.ClassDef, members: Mapping[str, Member], type_: ObjectType, imports: Mapping[str, str]
) -> Iterator[tuple[_Place, _Place, str]]:
    """Yield what to replace in a class: from where, up to where, and with what."""
    last: Member | None = None
    for index, each in enumerate(node.body):
        if isinstance(each, ast.AnnAssign):
            last = members.get(ast.unparse(each.target))
            if last is not None:
                text = _aliased(struct_annotation(last, "sent", likes=False), each.annotation, imports)
                yield (*_span(each.annotation), text)
        elif isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant):
            if index == 0 and not type_.deprecated:
                yield (*_span(each), docstring(f"`{type_.name}` with every documented limit.", 4))
            elif index > 0 and last is not None and not last.deprecated:
                yield (*_span(each), "")


def _span(node: ast.expr | ast.stmt) -> tuple[_Place, _Place]:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)


def _aliased(annotation: str, written: ast.expr, imports: Mapping[str, str]) -> str:
    """Return an annotation with the names by which the generator imported its types: a member may hide a type."""
    used = {each.id for each in ast.walk(written) if isinstance(each, ast.Name)}
    aliases = {
        imports[name].split(" as ")[0].rpartition(" ")[2]: name for name in used if " as " in imports.get(name, "")
    }
    if not aliases:
        return annotation
    tree = ast.parse(annotation, mode="eval")
    for each in ast.walk(tree):
        if isinstance(each, ast.Name):
            each.id = aliases.get(each.id, each.id)
    return ast.unparse(tree)
