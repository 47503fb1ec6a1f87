"""Formats the generated files, builds their manifest, and writes them to disk or compares them with it."""

from __future__ import annotations

import difflib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from codegen.diagnostics import CompilerError

VERSION: Final = "1.0.0"
"""Version of the compiler, recorded in MANIFEST.json."""

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
    "--config=lint.isort.split-on-trailing-comma=false",
    "--config=lint.isort.combine-as-imports=true",
)


class FormatError(CompilerError):
    """ruff cannot parse the generated code."""


def format_files(files: Mapping[str, str], package: str = "checkout_async") -> dict[str, bytes]:
    """Return the files with every Python module formatted, its imports sorted, and unused imports removed.

    Imports of the package that the files belong to come last.
    """
    others = {"checkout_async"} - {package}
    sections = (("first", [package]), ("third", sorted(others)))
    with tempfile.TemporaryDirectory(prefix="codegen-") as name:
        folder = Path(name)
        for path, text in files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8", newline="\n")
        sorting = [f"--config=lint.isort.known-{section}-party={names!r}" for section, names in sections]
        _ruff("check", folder, "--fix-only", "--select=I,F401,RUF022", *sorting)
        _ruff("format", folder)
        return {path: (folder / path).read_bytes() for path in files}


def build_manifest(outputs: Iterable[str], versions: Mapping[str, str]) -> bytes:
    """Return the manifest: the versions of the compiler and its tools, and the paths of the generated files.

    It contains no hashes: two branches that each add a member would both change the hash of a file, and so conflict.
    """
    content = {"codegen": VERSION, **versions, "outputs": sorted(outputs)}
    return (json.dumps(content, indent=1) + "\n").encode()


def write_tree(output: Path, files: Mapping[str, bytes]) -> None:
    """Replace the generated package and the API reference as a whole; other files in the package are removed.

    Everything is written beside its place first. Then the old package is renamed, the new one takes its name, and the
    reference is replaced. If a step fails, the old ones are put back. If a run is killed between the first two steps,
    the next run puts the old package back before it does anything else. Raises OSError.
    """
    package, reference = output / GENERATED, output / DOCS
    old, new = _beside(package, "old"), _beside(package, "new")
    if old.exists() and not package.exists():
        old.rename(package)
    if not diff_tree(output, files):
        return
    for leftover in (old, new):
        shutil.rmtree(leftover, ignore_errors=True)
    had_package = package.exists()
    try:
        _write_beside(output, files)
        if had_package:
            package.rename(old)
        new.rename(package)
        _beside(reference, "new").replace(reference)
    except BaseException:
        if old.exists() or not had_package:
            shutil.rmtree(package, ignore_errors=True)
        if old.exists():
            old.rename(package)
        raise
    finally:
        shutil.rmtree(new, ignore_errors=True)
        _beside(reference, "new").unlink(missing_ok=True)
    shutil.rmtree(old, ignore_errors=True)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(f".{path.name}.{suffix}")


def _write_beside(output: Path, files: Mapping[str, bytes]) -> None:
    new, reference = _beside(output / GENERATED, "new"), _beside(output / DOCS, "new")
    for path, content in files.items():
        target = reference if path == DOCS else new / path.removeprefix(f"{GENERATED}/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def existing_files(output: Path) -> set[str]:
    """Return the paths of the generated files on disk."""
    files = [path for path in (output / GENERATED).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {path.relative_to(output).as_posix() for path in [*files, output / DOCS] if path.is_file()}


def diff_tree(output: Path, files: Mapping[str, bytes]) -> str:
    """Return a unified diff from the files on disk to the expected files; empty if they are equal."""
    present = existing_files(output)
    old = {path: (output / path).read_bytes() for path in present}
    return "".join(render_diff(path, old.get(path), files.get(path)) for path in sorted(present | files.keys()))


def render_diff(path: str, old: bytes | None, new: bytes | None) -> str:
    """Return a unified diff of a file; empty if both are equal. None is a file that does not exist."""
    if old == new:
        return ""
    names = ("/dev/null" if old is None else f"a/{path}", "/dev/null" if new is None else f"b/{path}")
    before, after = (
        content.decode("utf-8", "replace").splitlines(keepends=True) for content in (old or b"", new or b"")
    )
    # If the only difference is that an empty file exists, unified_diff yields nothing.
    lines = [*difflib.unified_diff(before, after, *names)] or [f"--- {names[0]}\n", f"+++ {names[1]}\n"]
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _ruff(command: str, folder: Path, *arguments: str) -> None:
    run = [sys.executable, "-m", "ruff", command, *_RUFF, *arguments, str(folder)]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    if done.returncode:
        raise FormatError(f"ruff cannot parse the generated code: {done.stdout}{done.stderr}".strip())
