"""Reads the specification of a folder or of a git revision, and finds where its fragments state something."""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import NamedTuple

from codegen.compiler import FRAGMENTS, compile_contract
from codegen.contract import ACCEPTED, Contract, read_contract
from codegen.document import EMPTY, Object
from codegen.names import snake_name
from codegen.passes.annotations import name_table
from codegen.passes.directions import SUFFIX
from codegen.passes.walk import calls, schemas


class Version(NamedTuple):
    """A version of the specification: its document, and what it promises, with what a person accepted of it."""

    document: Object
    contract: Contract


def read_version(source: str, repository: Path) -> Version:
    """Return the version in a folder that contains openapi/, or of a git revision.

    Raises SpecificationError and OSError.
    """
    if (Path(source) / FRAGMENTS).is_dir():
        return _compile(Path(source).resolve())
    done = subprocess.run(
        ["git", "-C", str(repository), "archive", "--format=tar", source, FRAGMENTS], capture_output=True, check=False
    )
    if done.returncode:
        raise FileNotFoundError(2, "neither a folder that contains openapi/ nor a git revision that does", source)
    with tempfile.TemporaryDirectory(prefix="codegen-") as name, tarfile.open(fileobj=io.BytesIO(done.stdout)) as files:
        files.extractall(name, filter="data")
        return _compile(Path(name))


def _compile(root: Path) -> Version:
    document, contract = compile_contract(root)
    accepted = (read_contract(root / FRAGMENTS) or {}).get(ACCEPTED, [])
    return Version(document, {**contract, ACCEPTED: accepted})


def locate(document: Object, place: str) -> str:
    """Return file and line of an operation, a schema or a member, as `api.operation` or `module.Class.member`."""
    _, name, *member = place.split(".")
    for call in calls(document.object("paths")):
        if call.operation.text("operationId") == name:
            return str(call.item.at(call.method))
    named = schemas(document)
    name = name if name in named else name.removesuffix(SUFFIX)
    schema = named.object(name) if name in named else EMPTY
    for key in schema.object("properties"):
        if member == [snake_name(key, name_table(document))]:
            return str(schema.object("properties").at(key))
    return str(named.at(name)) if name in named else ""
