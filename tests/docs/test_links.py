"""Links of the documents lead to files that exist, and to headings that exist."""

from __future__ import annotations

import posixpath
import re
from functools import cache
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, name_of

LINK = re.compile(r"!?\[[^\]]*\]\((?!https?:|mailto:)([^)\s#]*)(#[^)\s]+)?\)")
GENERATED = ("docs/changelog.md", "docs/reference/operations/", "docs/reference/models/")
"""Pages that are made when the site is built: its strict mode checks links to them."""
DOCUMENTS = [*PAGES, ROOT / "SECURITY.md", ROOT / "benchmarks" / "README.md"]


def prose(page: Path) -> str:
    """Return a page without its code."""
    return re.sub(r"^```.*?^```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


@cache
def anchors(page: Path) -> set[str]:
    """Return the anchors of a page, as GitHub and the site make them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    found = set[str]()
    for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        found.add(slug if slug not in found else f"{slug}_1")
    return found


def dead_links(page: Path) -> list[str]:
    dead: list[str] = []
    for target, anchor in LINK.findall(prose(page)):
        path = posixpath.normpath(posixpath.join(posixpath.dirname(name_of(page)), target)) if target else name_of(page)
        if path.startswith(GENERATED):
            continue
        if not (ROOT / path).exists():
            dead.append(target)
        elif anchor and path.endswith(".md") and anchor[1:] not in anchors(ROOT / path):
            dead.append(f"{target}{anchor}")
    return dead


@pytest.mark.parametrize("page", DOCUMENTS, ids=name_of)
def test_its_links_lead_somewhere(page: Path) -> None:
    assert dead_links(page) == []


def test_a_dead_link_and_a_dead_anchor_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.docs.test_links.ROOT", tmp_path)
    monkeypatch.setattr("tests.docs.pages.ROOT", tmp_path)
    (tmp_path / "b.md").write_text("# A heading, of two\n")
    page = tmp_path / "a.md"
    page.write_text(
        "[1](b.md) [2](b.md#a-heading-of-two) [3](c.md) [4](b.md#other) [5](https://shop.example) `[6](d.md)`"
    )
    assert dead_links(page) == ["c.md", "b.md#other"]


def test_every_page_is_in_the_menu_of_the_site() -> None:
    menu = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")} - {"api.md"}
    named = set(re.findall(r"^ +- (?:[^:\n]+: )?(\S+\.md)$", menu, re.MULTILINE))
    assert pages - named == set()
