"""Changes what looks otherwise on the site than where it was written: flow diagrams and docstrings."""

from __future__ import annotations

import re
from typing import Final

_DIAGRAM: Final = re.compile(r"^```mermaid\nstateDiagram-v2\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
_STATUS: Final = re.compile(r"^(\s+\w+: )(\d{3})\. ", re.MULTILINE)
_TREE: Final = re.compile(r"(?:^.+\n)*^.*├──.*(?:\n.+)*", re.MULTILINE)
_ARROW: Final = re.compile(r"^ *(\S+) --> (\S+?)(?:: (.*))?$", re.MULTILINE)


def draw_tables(markdown: str) -> str:
    """Return a page with a table in place of each state diagram: it fits a phone and needs no script."""
    return _DIAGRAM.sub(lambda match: _table(match[1]), markdown)


def _table(diagram: str) -> str:
    rows = [
        (_state(before, "start"), _names(text), _state(after, "end")) for before, after, text in _ARROW.findall(diagram)
    ]
    cells = "".join(f"| {before} | {text} | {after} |\n" for before, text, after in rows)
    return f"| In | When | Next |\n|---|---|---|\n{cells}"


def _state(name: str, outside: str) -> str:
    return outside if name == "[*]" else f"`{name}`"


def _names(text: str) -> str:
    """Return a text with names of the API as code."""
    return re.sub(r"\w+_\w+", lambda match: f"`{match[0]}`", text)


def as_markdown(docstring: str) -> str:
    """Return a docstring as Markdown: a status begins no list, and a drawn tree is a block."""
    escaped = _STATUS.sub(r"\1\2\\. ", docstring)
    return _TREE.sub(lambda match: f"```text\n{match[0]}\n```", escaped)
