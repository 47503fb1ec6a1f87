"""The hooks of MkDocs: they add the generated pages, and lead links out of docs/ to the repository.

The pages of docs/ are written to be read in the repository, too. There, a link to a file leads to the file.
"""

from __future__ import annotations

import os
import posixpath
import re
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from mkdocs.config.defaults import MkDocsConfig  # noqa: E402
from mkdocs.structure.files import File, Files  # noqa: E402
from mkdocs.structure.pages import Page  # noqa: E402

from scripts.website import model_pages, operation_pages  # noqa: E402
from scripts.website.markdown import draw_tables  # noqa: E402

_LINK: Final = re.compile(r"(!?\[[^\]]*\])\((?!https?:|#|mailto:)([^)\s#]+)(#[^)\s]*)?\)")
_FENCED: Final = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_MOVED: Final = {"api.md": operation_pages.INDEX, "../CHANGELOG.md": "changelog.md"}
"""Where the site has what the repository has elsewhere."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Leave the menu of versions out, unless mike builds one of several."""
    if "MIKE_DOCS_VERSION" not in os.environ:
        del config.extra["version"]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the models and operations, and the changelog."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    for path, text in [*model_pages.pages(), *operation_pages.pages(), ("changelog.md", _from_root(changelog))]:
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Make the links of a page fit the site, and its flow diagram fit a phone."""
    markdown = draw_tables(markdown)
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        kept.append(match[0])
        return f"\0{len(kept) - 1}\0"

    text = _LINK.sub(
        lambda match: _link(match, page.file.src_uri, config.extra["repository"]), _FENCED.sub(keep, markdown)
    )
    return re.sub(r"\0(\d+)\0", lambda match: kept[int(match[1])], text)


def _link(match: re.Match[str], source: str, repository: str) -> str:
    label, target, anchor = match[1], match[2], match[3] or ""
    if target in _MOVED:
        return f"{label}({posixpath.relpath(_MOVED[target], posixpath.dirname(source))}{anchor})"
    path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(source), target))
    if path.startswith("docs/"):
        return match[0]
    kind = "tree" if (ROOT / path).is_dir() else "blob"
    assert (ROOT / path).exists(), f"{source} links to {target}, which does not exist"
    return f"{label}({repository}/{kind}/main/{path}{anchor})"


def _from_root(text: str) -> str:
    """Return a page of the repository's root as a page of docs/."""
    return _LINK.sub(lambda match: f"{match[1]}({posixpath.relpath(match[2], 'docs')}{match[3] or ''})", text)
