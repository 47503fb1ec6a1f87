"""Recognises a run that would change nothing: all that it reads and all that it wrote is as at the last good run.

One hash stands for all of it. It is in a file that is not committed: hashes in a committed file would conflict in every
merge of two branches that change the API.
"""

from __future__ import annotations

import contextlib
import hashlib
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Final

from codegen.target import RUNTIME
from codegen.write import existing_files

RECORD: Final = ".codegen_cache"
TOOLS: Final = ("datamodel-code-generator", "ruff")
"""The tools that decide what the generated files contain."""
_LIBRARIES: Final = (*TOOLS, "jinja2", "jsonschema-rs", "msgspec", "pyyaml")
_HERE: Final = Path(__file__).parent
_PACKAGE: Final = RUNTIME


def is_verified(root: Path, output: Path) -> bool:
    """Return whether the last verified run read and wrote just what is on disk now."""
    try:
        return (output / RECORD).read_text(encoding="utf-8") == _digest(root, output)
    except (OSError, UnicodeDecodeError):
        return False


def record(root: Path, output: Path) -> None:
    """Remember that the generated files on disk are those of the inputs on disk. A disk may refuse it."""
    with contextlib.suppress(OSError):
        (output / RECORD).write_text(_digest(root, output), encoding="utf-8", newline="\n")


def _digest(root: Path, output: Path) -> str:
    digest = hashlib.sha256(sys.version.encode())
    for name in _LIBRARIES:
        digest.update(f"{name} {version(name)}\n".encode())
    inputs = _files(root, (root / "openapi").rglob("*"))
    # The trial of the generated code imports what stands below it in the package.
    sources = _files(_HERE.parent, [*_HERE.rglob("*"), *_PACKAGE.rglob("*.py")])
    outputs = ((path, output / path) for path in existing_files(output))
    for group in (inputs, sources, outputs):
        for path, file in sorted(group):
            content = file.read_bytes()
            digest.update(f"{path} {len(content)}\n".encode())
            digest.update(content)
    return digest.hexdigest() + "\n"


def _files(base: Path, found: Iterable[Path]) -> Iterator[tuple[str, Path]]:
    """Yield the files among what was found, each with its path relative to a base; bytecode is left out."""
    for path in found:
        if "__pycache__" not in path.parts and path.is_file():
            yield path.relative_to(base).as_posix(), path
