"""What the names of a run's files stand for: different files, and standard streams that are open."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from checkout_async.errors import BatchFileError

try:
    import fcntl
except ModuleNotFoundError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["is_fifo", "require_distinct_files", "require_readable_stream", "require_writable_stream"]


def require_distinct_files(named: Mapping[str, Path | None]) -> None:
    """Raise BatchFileError if two of these are the same file, links included; the keys name them in the message."""
    places: dict[object, str] = {}
    for name, path in named.items():
        if path is not None and (other := places.setdefault(_identity(path), name)) != name:
            raise BatchFileError(f"the {name} is the {other} file; name another one")


def require_readable_stream(path: Path | None) -> None:
    """Raise BatchFileError if standard input (None), or the descriptor that a path stands for, cannot be read."""
    if _is_unusable(0 if path is None else _descriptor_of(path), os.O_WRONLY):
        raise BatchFileError(f"{'standard input' if path is None else path} is closed, or not open for reading")


def require_writable_stream(path: Path | None) -> None:
    """Raise BatchFileError if standard output (None), or the descriptor that a path stands for, cannot be written."""
    if _is_unusable(1 if path is None else _descriptor_of(path), os.O_RDONLY):
        raise BatchFileError(f"{'standard output' if path is None else path} is closed, or not open for writing")


def is_fifo(path: Path) -> bool:
    """Whether a path is a FIFO with a name. A pipe by way of `/dev/fd` is none: its other end is open already."""
    return path.is_fifo() and _descriptor_of(path) is None


def _is_unusable(descriptor: int | None, unusable: int) -> bool:
    if descriptor is None or fcntl is None:
        return False
    try:
        return fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == unusable
    except OSError:
        return True


def _descriptor_of(path: Path) -> int | None:
    """Return the descriptor of this process that a path stands for, such as 1 for /dev/stdout; None for other paths."""
    for _ in range(_MOST_LINKS):
        folder = os.path.realpath(path.parent)
        if path.name.isdecimal() and (
            folder == "/dev/fd" or (folder.startswith(f"/proc/{os.getpid()}/") and folder.endswith("/fd"))
        ):
            return int(path.name)
        if not path.is_symlink():
            break
        path = path.parent / path.readlink()
    return None


_MOST_LINKS = 40  # as Linux has it


def _identity(path: Path) -> object:
    try:
        status = path.stat()
    except OSError:
        return os.path.realpath(path)
    return (status.st_dev, status.st_ino) if stat.S_ISREG(status.st_mode) else os.path.realpath(path)
