"""Writes a package of another name into a folder that may contain anything else.

A file is replaced or removed only if an earlier run wrote it and nobody changed it since: MANIFEST.json of the package
lists what a run wrote, with a hash of each file. If any other file is in the way, nothing is written.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final

from codegen.files import write_synced
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


class NotRestored(Exception):
    """A run failed, and so did the attempt to put files back."""


def package_manifest(files: Mapping[str, bytes], target: Target, versions: Mapping[str, str]) -> bytes:
    """Return the manifest of a package: versions, the interface that it needs, and a hash of each file."""
    listed = {_inside(path, target): _digest(files[path]) for path in sorted(files)}
    return _render({_COMPILER: VERSION, _INTERFACE: INTERFACE, **versions, _LISTED: listed})


def write_package(output: Path, files: Mapping[str, bytes], target: Target) -> None:
    """Write a package with its manifest. Raises InTheWay, and OSError; then the files are as they were.

    Raises NotRestored if they are not: a disk may fail again while they are put back. If a run is killed while it
    writes, the next run finishes its work.
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
    with _Undo(output) as undo:
        staged = {path: undo.stage(content) for path, content in changed.items() if path != manifest}
        manifests = undo.stage(first), undo.stage(last)
        for path in {*staged, *removed, manifest}:
            undo.keep(output / path)
        undo.replace(output / manifest, manifests[0])
        for path, beside in staged.items():
            undo.replace(output / path, beside)
        for path in removed:
            undo.remove(output / path)
        undo.replace(output / manifest, manifests[1])


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
    """Changes files, and puts them back if the block ends with an exception.

    All new and all old content is staged before the first file changes. From then on files only take the place of
    others, which needs no space on the disk.
    """

    def __init__(self, output: Path) -> None:
        self._output = output
        self._stage: Path | None = None
        self._staged = 0
        self._old: dict[Path, Path] = {}
        self._changed: list[Path] = []
        self._made: list[Path] = []

    def __enter__(self) -> _Undo:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        # The manifest, which changed first, comes last: as long as it is the new one, the next run knows all files.
        failures = [*map(self._put_back, reversed(dict.fromkeys(self._changed)))] if kind is not None else []
        failures = [each for each in failures if each]
        if self._stage is not None and not failures:
            shutil.rmtree(self._stage, ignore_errors=True)
        for folder in reversed(self._made) if kind is not None else ():
            with contextlib.suppress(OSError):  # what could not be put back or removed is still in it
                folder.rmdir()
        if failures:
            raise NotRestored("\n".join(failures)) from error

    def _put_back(self, path: Path) -> str:
        """Put the old file in its place. Return what went wrong."""
        old = self._old.get(path)
        try:
            if old is None:
                path.unlink(missing_ok=True)
            else:
                old.replace(path)
        except OSError as error:
            what = "could not be removed" if old is None else f"was not put back; its old content is in {old}"
            return f"{path} {what}: {error.strerror}"
        return ""

    def stage(self, content: bytes) -> Path:
        """Write the new content of a file beside its place."""
        if self._stage is None:
            self._make(self._output)
            self._stage = Path(tempfile.mkdtemp(prefix=".codegen-", dir=self._output))
        self._staged += 1
        beside = self._stage / str(self._staged)
        write_synced(beside, content)
        return beside

    def keep(self, path: Path) -> None:
        """Keep the content of a file that will change, if there is one."""
        if path.exists():
            beside = self.stage(path.read_bytes())
            shutil.copymode(path, beside)
            self._old[path] = beside

    def replace(self, path: Path, beside: Path) -> None:
        """Put a staged file in its place. A run that is killed leaves the old one or the new one, and no part of it."""
        self._make(path.parent)
        self._changed.append(path)
        beside.replace(path)

    def remove(self, path: Path) -> None:
        """Remove a file."""
        self._changed.append(path)
        path.unlink()

    def _make(self, folder: Path) -> None:
        missing = [each for each in (folder, *folder.parents) if not each.exists()]
        for each in reversed(missing):
            each.mkdir()
            self._made.append(each)
