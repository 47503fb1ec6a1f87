"""Git holds what people wrote and what the compiler generates: no picture but those of pages, and nothing built."""

from __future__ import annotations

import subprocess
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parent.parent
PICTURES = PurePosixPath("docs/images")
SUFFIXES = {".avif", ".bmp", ".gif", ".heic", ".ico", ".jpeg", ".jpg", ".pdf", ".png", ".svg", ".tif", ".tiff", ".webp"}
FIRST_BYTES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"BM", b"II*\0", b"MM\0*", b"%PDF", b"<svg")
BUILT = {"__pycache__", "build", "dist", "node_modules", "site", "site-packages", "venv"}
PARTS_OF_A_SITE = {"sitemap.xml", "sitemap.xml.gz", "search_index.json", "objects.inv", "pyvenv.cfg"}


def what_it_is(path: PurePosixPath, content: bytes) -> str:
    """Name what a file is that git should not hold, or return an empty text."""
    folders = set(path.parts[:-1])
    if folders & BUILT or path.name in PARTS_OF_A_SITE or any(each.startswith(".venv") for each in path.parts):
        return "built"
    if any(each.endswith((".egg-info", ".dist-info")) for each in folders):
        return "built"
    is_picture = path.suffix.lower() in SUFFIXES or content.startswith(FIRST_BYTES)
    return "a picture" if is_picture and PICTURES not in path.parents else ""


def committed() -> list[PurePosixPath]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [PurePosixPath(name) for name in done.stdout.split("\0") if name]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="an sdist has no git history")
def test_git_holds_no_picture_outside_docs_images_and_nothing_built() -> None:
    files = [path for path in committed() if (ROOT / path).is_file()]
    assert len(files) > 500
    found = {str(path): what_it_is(path, (ROOT / path).read_bytes()[:16]) for path in files}
    assert {path: kind for path, kind in found.items() if kind} == {}


@pytest.mark.parametrize(
    ("path", "content", "kind"),
    [
        ("shot.png", b"", "a picture"),
        ("docs/shot.svg", b"", "a picture"),
        ("docs/page.md", b"\x89PNG\r\n", "a picture"),
        ("tests/shot.JPG", b"", "a picture"),
        ("docs/images/shop.png", b"\x89PNG\r\n", ""),
        ("docs/index.md", b"# checkout-async", ""),
        ("site/index.html", b"<!doctype html>", "built"),
        ("preview/sitemap.xml", b"<?xml", "built"),
        (".venv/bin/python", b"", "built"),
        (".venv-docs/pyvenv.cfg", b"", "built"),
        ("env/lib/python3.11/site-packages/msgspec/__init__.py", b"", "built"),
        ("dist/checkout_async-0.1.0.tar.gz", b"", "built"),
        ("checkout_async.egg-info/PKG-INFO", b"", "built"),
        ("scripts/website/look.py", b"", ""),
    ],
)
def test_such_files_are_recognised(path: str, content: bytes, kind: str) -> None:
    assert what_it_is(PurePosixPath(path), content) == kind
