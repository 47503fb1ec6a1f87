"""docs/troubleshooting.md: each message that it explains is one that the package can show."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest

import checkout_async
from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
MESSAGES = re.findall(r"^### `(.+)`$", PAGE, re.MULTILINE)
REASONS = re.findall(r"^\| `([^`|]+ [^`|]+)` \|", PAGE, re.MULTILINE)
SPECIFIC = 12
"""The letters of a message, beside `…`, that identify it."""


@cache
def texts() -> list[str]:
    """Return every text of the package, with `…` for what is put into it."""
    found: list[str] = []
    for path in (ROOT / "checkout_async").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = (part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
                found.append("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return found


def fragments(message: str) -> list[str]:
    """Return the parts of a message between what differs, without names of headers, which the code keeps apart."""
    parts = re.split(r"…|Cko-Signature|\{\w+\}", message)
    return [part.strip(" :;()") for part in parts if len(part.strip(" :;()")) > 3]


def is_shown(message: str) -> bool:
    """Whether all parts of a message stand in texts of the package."""
    return all(any(part in text for text in texts()) for part in fragments(message))


@pytest.mark.costly
@pytest.mark.parametrize("message", [message for message in MESSAGES if " " in message] + REASONS)
def test_the_package_can_show_this_message(message: str) -> None:
    assert len("".join(fragments(message))) >= SPECIFIC
    assert is_shown(message)


def test_what_no_text_contains_is_found() -> None:
    assert not is_shown("the client is closed, so everything was sent")


@pytest.mark.parametrize("name", [message for message in MESSAGES if " " not in message])
def test_the_error_exists(name: str) -> None:
    assert hasattr(checkout_async.errors, name)
