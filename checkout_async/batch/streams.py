"""Standard streams and FIFOs as files of a run: whether they are open, and whether they have another end."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from checkout_async.errors import BatchFileError

try:
    import fcntl
except ModuleNotFoundError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["is_fifo", "require_readable_stream", "require_writable_stream"]

_MOST_LINKS: Final = 40
"""As Linux has it."""


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
