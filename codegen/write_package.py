"""Writes a package of another name into a folder that may contain anything else.

A file is replaced or removed only if an earlier run wrote it and nobody changed it since: MANIFEST.json of the package
lists what a run wrote, with a hash of each file. If any other file is in the way, nothing is written.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final

from codegen.target import INTERFACE, Target
from codegen.write import VERSION, render_diff

MANIFEST_NAME: Final = "MANIFEST.json"
_COMPILER: Final = "codegen"
_INTERFACE: Final = "interface"
_LISTED: Final = "files"
_BEFORE: Final = "before"
"""The entry of a manifest for the files of the run before. It is there only while a run writes, or if it was killed."""
_REMEDY: Final = "move the file away, or choose another --output or --package"


class InTheWay(Exception):
    """Files that no run wrote, or that were changed since, are where files of the package have to go."""


def package_manifest(files: Mapping[str, bytes], target: Target, versions: Mapping[str, str]) -> bytes:
    """Return the manifest of a package: versions, the interface that it needs, and a hash of each file."""
    listed = {_inside(path, target): _digest(files[path]) for path in sorted(files)}
    return _render({_COMPILER: VERSION, _INTERFACE: INTERFACE, **versions, _LISTED: listed})


def write_package(output: Path, files: Mapping[str, bytes], target: Target) -> None:
    """Write a package with its manifest. Raises InTheWay, and OSError; then the files are as they were.

    If a run is killed while it writes, the next run finishes its work.
    """
    folder = output / target.folder
    known = _read_manifest(folder)
    obsolete = {f"{target.folder}/{name}" for name in known} - files.keys()
    if problems := [*_problems(output, files, obsolete, known, target)]:
        raise InTheWay("\n".join(problems))
    manifest = f"{target.folder}/{MANIFEST_NAME}"
    changed = {path: content for path, content in files.items() if _content(output / path) != content}
    removed = sorted(path for path in obsolete if (output / path).exists())
    if not changed and not removed:
        return
    last = files[manifest]
    first = _render({**json.loads(last), _BEFORE: {name: sorted(each) for name, each in known.items()}})
    with _Undo() as undo:
        staged = undo.stage(output, {path: each for path, each in changed.items() if path != manifest})
        undo.write(output / manifest, first)
        for path, beside in staged.items():
            undo.replace(output / path, beside)
        for path in removed:
            undo.remove(output / path)
        undo.write(output / manifest, last)


def diff_package(output: Path, files: Mapping[str, bytes], target: Target) -> str:
    """Return a unified diff from the package on disk to what it should be. Files that no run wrote are left out."""
    obsolete = {f"{target.folder}/{name}" for name in _read_manifest(output / target.folder)} - files.keys()
    parts = (render_diff(path, _content(output / path), files.get(path)) for path in sorted(files.keys() | obsolete))
    return "".join(parts)


def _problems(
    output: Path, files: Mapping[str, bytes], obsolete: set[str], known: Mapping[str, set[str]], target: Target
) -> Iterator[str]:
    for path in sorted(files.keys() | obsolete):
        file = output / path
        if blocking := _blocking(output, path):
            yield f"{blocking} is in the way of {path}: {_REMEDY}"
            continue
        content = _content(file)
        if content is None or content == files.get(path) or path == f"{target.folder}/{MANIFEST_NAME}":
            continue
        hashes = known.get(_inside(path, target))
        if hashes is None:
            yield f"{file} exists, and no earlier run wrote it: {_REMEDY}"
        elif _digest(content) not in hashes:
            yield f"{file} was changed since a run wrote it: take the change back, or delete the file, and run again"


def _blocking(output: Path, path: str) -> Path | None:
    """Return what makes it impossible to write a file there: a link, a file for a folder, or a folder for a file."""
    parts = [output.joinpath(*PurePosixPath(path).parts[:count]) for count in range(1, len(PurePosixPath(path).parts))]
    for folder in parts:
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            return folder
    file = output / path
    return file if file.is_symlink() or file.is_dir() else None


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _read_manifest(folder: Path) -> dict[str, set[str]]:
    """Return the hashes of the files that earlier runs wrote, by their paths in the package. Raises InTheWay."""
    path = folder / MANIFEST_NAME
    if path.is_symlink() or not path.is_file():
        return {}
    found: dict[str, set[str]] = {}
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
        # Other tools write manifests of this name, too, and list hashes of files in them.
        _ = content[_COMPILER], content[_INTERFACE]
        for name, digest in dict[str, str](content[_LISTED]).items():
            found.setdefault(name, set()).add(digest)
        for name, digests in dict[str, list[str]](content.get(_BEFORE, {})).items():
            found.setdefault(name, set()).update(digests)
    except (ValueError, TypeError, KeyError):
        found = {"..": set()}
    if any(PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts for name in found):
        raise InTheWay(f"{path} is not a manifest of this compiler: {_REMEDY}")
    return found


def _inside(path: str, target: Target) -> str:
    return path.removeprefix(f"{target.folder}/")


def _digest(content: bytes) -> str:
    """Return the hash of a file. Git may have changed its line ends."""
    return hashlib.sha256(content.replace(b"\r\n", b"\n")).hexdigest()


def _render(manifest: Mapping[str, object]) -> bytes:
    return (json.dumps(manifest, indent=1) + "\n").encode()


class _Undo:
    """Changes files, and puts them back if the block ends with an exception."""

    def __init__(self) -> None:
        self._before: dict[Path, bytes | None] = {}
        self._made: list[Path] = []
        self._stage: Path | None = None

    def __enter__(self) -> _Undo:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            for path, content in self._before.items():
                if content is None:
                    path.unlink(missing_ok=True)
                else:
                    path.write_bytes(content)
        if self._stage is not None:
            shutil.rmtree(self._stage, ignore_errors=True)
        if kind is not None:
            for folder in reversed(self._made):
                folder.rmdir()

    def stage(self, output: Path, files: Mapping[str, bytes]) -> dict[str, Path]:
        """Write files beside their places, so that a full disk is noticed before one is replaced."""
        self._make(output)
        self._stage = Path(tempfile.mkdtemp(prefix=".codegen-", dir=output))
        staged = {path: self._stage / str(number) for number, path in enumerate(files)}
        for path, beside in staged.items():
            beside.write_bytes(files[path])
        return staged

    def write(self, path: Path, content: bytes) -> None:
        """Write one file. A run that is killed leaves the old one or the new one, and no part of it."""
        assert self._stage is not None
        beside = self._stage / path.name
        beside.write_bytes(content)
        self.replace(path, beside)

    def replace(self, path: Path, beside: Path) -> None:
        """Put a file that is staged in its place."""
        self._remember(path)
        beside.replace(path)

    def remove(self, path: Path) -> None:
        """Remove a file."""
        self._remember(path)
        path.unlink()

    def _remember(self, path: Path) -> None:
        self._make(path.parent)
        self._before.setdefault(path, _content(path))

    def _make(self, folder: Path) -> None:
        missing = [each for each in (folder, *folder.parents) if not each.exists()]
        for each in reversed(missing):
            each.mkdir()
            self._made.append(each)
