"""Line ends are fixed, and two branches that each add a member merge into what their merged fragments generate."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from codegen.__main__ import main
from codegen.record import RECORD
from codegen.write import GENERATED, MANIFEST
from tests.codegen.support import HERE, INPUTS

ATTRIBUTES = HERE.parents[1] / ".gitattributes"


def git(root: Path, *arguments: str) -> None:
    """Run git in a folder, without the user's configuration."""
    settings = ["-c", "user.name=a", "-c", "user.email=a@shop.example", "-c", "core.autocrlf=true"]
    subprocess.run(["git", *settings, *arguments], cwd=root, check=True, capture_output=True)


def add_member(root: Path, branch: str, after: str) -> None:
    """Add a member to the schema `Loan` on a branch of its own, generate, and commit."""
    git(root, "checkout", "-q", "-b", branch, "start")
    file = root / "openapi" / "components" / "schemas" / "library" / "loan.yaml"
    text = file.read_text(encoding="utf-8")
    assert text.count(after) == 1
    member = f"    {branch}:\n      type: string\n      description: Added on one branch.\n"
    file.write_text(text.replace(after, after + member), encoding="utf-8")
    assert main(["--root", str(root)]) == 0
    git(root, "commit", "-q", "--all", "--message", branch)


@pytest.mark.slow
def test_two_branches_that_each_add_a_member_merge_without_a_conflict(tmp_path: Path) -> None:
    source = INPUTS / "library" / "openapi"
    for path in source.rglob("*.yaml"):
        target = tmp_path / "openapi" / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    (tmp_path / ".gitignore").write_text(f"{RECORD}\n")
    (tmp_path / ".gitattributes").write_bytes(ATTRIBUTES.read_bytes())
    assert main(["--root", str(tmp_path)]) == 0
    git(tmp_path, "init", "-q", "--initial-branch=start")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "-q", "--message", "start")
    add_member(tmp_path, "one", "      description: Number of the volume.\n")
    add_member(tmp_path, "two", "      description: What is stamped into it.\n")
    git(tmp_path, "merge", "--quiet", "one")
    (tmp_path / RECORD).unlink()
    assert main(["--root", str(tmp_path), "--check"]) == 0
    assert b"\r" not in (tmp_path / GENERATED / "models" / "library.py").read_bytes()
    assert (tmp_path / MANIFEST).is_file()


def test_a_checkout_has_the_same_line_ends_on_every_system(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / ".gitattributes").write_bytes(ATTRIBUTES.read_bytes())
    for name, content in {"a.yaml": b"a: 1\nb: 2\n", "a.png": b"\x89PNG\r\n\x1a\n\0"}.items():
        (tmp_path / name).write_bytes(content)
        git(tmp_path, "add", "--all")
        (tmp_path / name).unlink()
        git(tmp_path, "checkout", "--", name)
        assert (tmp_path / name).read_bytes() == content
