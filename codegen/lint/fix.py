"""Corrects fragments where there is one answer, line by line, so that comments and quotes stay as they are.

A loader that keeps comments (ruamel.yaml) writes the whole file anew, and not every line as it was. The positions of
all keys are known here, so whole lines are moved instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from codegen.diagnostics import Problems
from codegen.document import Object
from codegen.files import replace_file
from codegen.lint.order import ORDER, disordered
from codegen.lint.sensitive import Look
from codegen.load import load_fragments


def fix_fragments(folder: Path, looks: Iterator[Look]) -> Iterator[str]:
    """Put keywords in order, and mask what looks sensitive. Yield the path of each file that was written.

    An object on a line of its own, in braces, is left as it is.
    """
    masks: dict[str, list[Look]] = {}
    for look in looks:
        masks.setdefault(look.origin.file.removeprefix(f"{folder.name}/"), []).append(look)
    for name in load_fragments(folder, Problems()):
        path = folder / name
        lines = old = path.read_text(encoding="utf-8").splitlines()
        # From the last line up, since a line that is added moves those below it.
        for look in sorted(masks.get(name, ()), key=lambda each: each.origin, reverse=True):
            lines = _add_mask(lines, look)
        if lines != old:
            replace_file(path, "\n".join(lines) + "\n")
        moved = _put_in_order(folder, name)
        if moved or lines != old:
            yield name


def _add_mask(lines: list[str], look: Look) -> list[str]:
    """Return the lines with the mask of a member as the last of its keywords."""
    start = look.origin.line - 1
    inner = [number for number in range(start + 1, _end(lines, start)) if lines[number].strip()]
    if not inner:
        return lines
    indent = " " * _indent(lines[inner[0]])
    at = inner[-1] + 1
    return [*lines[:at], f"{indent}x-sensitive: {look.mask}", *lines[at:]]


def _put_in_order(folder: Path, name: str) -> bool:
    """Move the keywords of one object after another, until all are in order. Return whether a line was moved."""
    path, moved = folder / name, False
    refused: set[int] = set()
    while True:
        fragment = load_fragments(folder, Problems())[name]
        found = [each for each in disordered({name: fragment}) if each[0].origin.line not in refused]
        if not found:
            return moved
        value, kind = found[0]
        lines = path.read_text(encoding="utf-8").splitlines()
        sorted_lines = _sorted(lines, value, kind)
        if sorted_lines == lines:
            refused.add(value.origin.line)
            continue
        replace_file(path, "\n".join(sorted_lines) + "\n")
        moved = True


def _sorted(lines: list[str], value: Object, kind: str) -> list[str]:
    """Return the lines with the keywords of an object in order, each with the lines below it."""
    starts = {key: value.at(key).line - 1 for key in value}
    if len({*starts.values()}) < len(starts) or any(
        not lines[at].lstrip().startswith(("'", '"', key)) for key, at in starts.items()
    ):
        return lines  # in braces, or its first keyword is on the line of a list's dash
    order = list(starts)
    ends = dict(zip(order, [*list(starts.values())[1:], _end(lines, starts[order[-1]])], strict=True))
    rank = {key: number for number, key in enumerate(ORDER[kind])}
    listed = sorted((key for key in order if key in rank), key=rank.__getitem__)
    wanted = iter(listed)
    new_order = [next(wanted) if key in rank else key for key in order]
    blocks = [line for key in new_order for line in lines[starts[key] : ends[key]]]
    return [*lines[: starts[order[0]]], *blocks, *lines[ends[order[-1]] :]]


def _end(lines: list[str], start: int) -> int:
    """Return the number of the line after what belongs to a key: what is indented further, with blank lines inside."""
    end = start + 1
    for number in range(start + 1, len(lines)):
        if lines[number].strip() and _indent(lines[number]) <= _indent(lines[start]):
            break
        if lines[number].strip():
            end = number + 1
    return end


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
