"""Formats the generated files, builds their manifest, and writes them to disk or compares them with it."""

from __future__ import annotations

import difflib
import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Final

from codegen import VERSION

GENERATED: Final = "checkout_async/_generated"
DOCS: Final = "docs/api.md"
MANIFEST: Final = f"{GENERATED}/MANIFEST.json"

# Complete settings, so that the configuration of the repository or of the user has no effect.
_RUFF: Final = (
    "--isolated",
    "--no-cache",
    "--config=line-length=120",
    "--config=target-version='py311'",
    "--config=format.skip-magic-trailing-comma=true",
    "--config=lint.isort.known-first-party=['checkout_async']",
    "--config=lint.isort.split-on-trailing-comma=false",
)


class FormatError(RuntimeError):
    """ruff cannot parse the generated code. This is a bug in the compiler."""


def format_files(files: Mapping[str, str]) -> dict[str, bytes]:
    """Return the files with every Python module formatted, its imports sorted, and unused imports removed."""
    with tempfile.TemporaryDirectory(prefix="codegen-") as name:
        folder = Path(name)
        for path, text in files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8", newline="\n")
        _ruff("check", folder, "--fix-only", "--select=I,F401,RUF022")
        _ruff("format", folder)
        return {path: (folder / path).read_bytes() for path in files}


def build_manifest(root: Path, inputs: Iterable[Path], outputs: Mapping[str, bytes]) -> bytes:
    """Return the manifest: the versions of the tools, and a hash of each input, compiler source and output."""
    here = Path(__file__).parent
    sources = [path for pattern in ("**/*.py", "**/*.jinja2") for path in here.glob(pattern)]
    content = {
        "codegen": VERSION,
        "datamodel-code-generator": version("datamodel-code-generator"),
        "ruff": version("ruff"),
        "inputs": _hashes({path.relative_to(root).as_posix(): path.read_bytes() for path in inputs}),
        "sources": _hashes({path.relative_to(here.parent).as_posix(): path.read_bytes() for path in sources}),
        "outputs": _hashes(outputs),
    }
    return (json.dumps(content, indent=1) + "\n").encode()


def write_tree(output: Path, files: Mapping[str, bytes]) -> None:
    """Write the files and remove all other files from the generated package."""
    for path in sorted(existing_files(output) - files.keys()):
        (output / path).unlink()
    for path, content in files.items():
        target = output / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.is_file() or target.read_bytes() != content:
            _replace_file(target, content)
    _remove_empty_folders(output / GENERATED)


def _replace_file(target: Path, content: bytes) -> None:
    """Write a file beside its place and rename it, so that a run that is killed leaves the old file or the new one."""
    beside = target.with_name(f".{target.name}.new")
    beside.write_bytes(content)
    beside.replace(target)


def existing_files(output: Path) -> set[str]:
    """Return the paths of the generated files on disk."""
    files = [path for path in (output / GENERATED).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {path.relative_to(output).as_posix() for path in [*files, output / DOCS] if path.is_file()}


def diff_tree(output: Path, files: Mapping[str, bytes]) -> str:
    """Return a unified diff from the files on disk to the expected files; empty if they are equal."""
    present = existing_files(output)
    diffs: list[str] = []
    for path in sorted(present | files.keys()):
        old = (output / path).read_bytes() if path in present else b""
        new = files.get(path, b"")
        if old != new or (path in present) != (path in files):
            diffs.append(_diff(path, old, new, present=path in present, expected=path in files))
    return "".join(diffs)


def _diff(path: str, old: bytes, new: bytes, *, present: bool, expected: bool) -> str:
    names = (f"a/{path}" if present else "/dev/null", f"b/{path}" if expected else "/dev/null")
    before, after = (content.decode("utf-8", "replace").splitlines(keepends=True) for content in (old, new))
    # If the only difference is that an empty file exists, unified_diff yields nothing.
    lines = [*difflib.unified_diff(before, after, *names)] or [f"--- {names[0]}\n", f"+++ {names[1]}\n"]
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _ruff(command: str, folder: Path, *arguments: str) -> None:
    run = [sys.executable, "-m", "ruff", command, *_RUFF, *arguments, str(folder)]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    if done.returncode:
        raise FormatError(
            f"ruff cannot parse the generated code; this is a bug in the compiler:\n{done.stdout}{done.stderr}"
        )


def _hashes(contents: Mapping[str, bytes]) -> dict[str, str]:
    return {path: hashlib.sha256(contents[path]).hexdigest() for path in sorted(contents)}


def _remove_empty_folders(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and path.name != "__pycache__" and not any(path.iterdir()):
            path.rmdir()
