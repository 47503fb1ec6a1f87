"""What the files of a run are, whatever their names say: no output may overwrite an input."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from checkout_async.errors import BatchFileError

__all__ = ["is_standard_output", "require_distinct_files"]


def require_distinct_files(named: Mapping[str, Path | None]) -> None:
    """Raise BatchFileError if two of these are the same file, links included; the keys name them in the message."""
    places: dict[object, str] = {}
    for name, path in named.items():
        if path is not None and (other := places.setdefault(_identity(path), name)) != name:
            raise BatchFileError(f"the {name} is the {other} file; name another one")


def is_standard_output(path: Path) -> bool:
    """Whether a path leads to the pipe or device that is standard output, as `/dev/stdout` may."""
    try:
        status, standard = path.stat(), os.fstat(1)
    except OSError:
        return False
    return not stat.S_ISREG(status.st_mode) and os.path.samestat(status, standard)


def _identity(path: Path) -> object:
    try:
        status = path.stat()
    except OSError:
        return os.path.realpath(path)
    return (status.st_dev, status.st_ino) if stat.S_ISREG(status.st_mode) else os.path.realpath(path)
