"""Reads a version of the specification: that of a folder, of a git revision, or of a bundle."""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Final, NamedTuple

from codegen.compiler import compile_contract, contract_of, read_bundle, read_released
from codegen.contract import ACCEPTED, Contract, read_contract
from codegen.diagnostics import Origin, Problem, SpecificationError
from codegen.document import Object
from codegen.target import FRAGMENTS

_KINDS: Final = "neither a folder that contains openapi/, nor a bundle (a .json file), nor a git revision with openapi/"


class Version(NamedTuple):
    """A version of the specification: its document, and what it promises, with what a person accepted of it."""

    document: Object
    contract: Contract


def read_version(source: str, repository: Path) -> Version:
    """Return the version in a folder that contains openapi/, in a bundle, or of a git revision.

    A bundle says nothing of what was accepted, so it has the acceptances of the repository. Raises SpecificationError
    and OSError.
    """
    path = Path(source)
    if (path / FRAGMENTS).is_dir():
        root = path.resolve()
        document, contract = compile_contract(root)
        return Version(document, _with_accepted(contract, root))
    if path.is_file():
        return _released(source, read_bundle(path), repository)
    command = ["git", "-C", str(repository), "archive", "--format=tar", source, FRAGMENTS]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        raise FileNotFoundError(2, f"{_KINDS}: git is not installed", source) from None
    if done.returncode:
        raise FileNotFoundError(2, f"{_KINDS}. A shallow clone lacks old revisions: `git fetch --unshallow`", source)
    with tempfile.TemporaryDirectory(prefix="codegen-") as name, tarfile.open(fileobj=io.BytesIO(done.stdout)) as files:
        files.extractall(name, filter="data")
        return _released(source, read_released(Path(name) / FRAGMENTS), Path(name))


def last_release(repository: Path) -> str | None:
    """Return the tag of the last release, or None if there is none or git cannot say."""
    command = ["git", "-C", str(repository), "tag", "--list", "v*", "--sort=-v:refname"]
    try:
        tags = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    except FileNotFoundError:
        return None
    return tags[0] if tags else None


def _released(source: str, document: Object, accepted: Path) -> Version:
    """Return a version that was checked by the compiler of its time. Today's may not be able to compile it."""
    try:
        return Version(document, _with_accepted(contract_of(document), accepted))
    except SpecificationError:
        raise
    except Exception as error:
        message = f"this version cannot be compiled any more ({type(error).__name__}: {error})"
        raise SpecificationError((Problem(Origin(source, 1), message),)) from error


def _with_accepted(contract: Contract, root: Path) -> Contract:
    return {**contract, ACCEPTED: (read_contract(root / FRAGMENTS) or {}).get(ACCEPTED, [])}
