"""Atomic writes of private files. Only the owner can read them; a reader sees the old or the new file, never a part.

Token files and a batch's results, plans and keys are written with `atomic_write`. `file_error` is the error of a batch
for a file that cannot be used.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

try:
    import fcntl
except ModuleNotFoundError:  # Windows
    fcntl = None  # type: ignore[assignment]

from checkout_async.errors import BatchFileError, DiskFull

__all__ = ["OWNER_ONLY", "atomic_write", "file_error", "remove_leftovers"]

OWNER_ONLY: Final = 0o600

_RANDOM: Final = 8
"""Bytes of the random part of a new file's name."""


@contextmanager
def atomic_write(path: Path) -> Generator[BinaryIO]:
    """Open a new file with mode 0600, and move it to `path` when the block ends without an exception.

    Until then the old file stays as it is. The new file is `<path>.<random>.new` and is locked while it is written. So
    several processes may write `path` at once, and what a killed process left is recognised and removed. No other file
    is removed. Raises OSError.
    """
    remove_leftovers(path)
    new, descriptor = _create(path)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
            yield file
            file.flush()
            # Before the rename: after a power cut, the name must not refer to an empty file.
            os.fsync(file.fileno())
            # Before the file is closed, which ends the lock.
            new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def file_error(what: str, error: OSError) -> BatchFileError:
    """Return the error for a file of a batch: DiskFull if the disk is full.

    `what` names the step that failed, such as `cannot create the output`.
    """
    kind = DiskFull if error.errno in {errno.ENOSPC, errno.EDQUOT} else BatchFileError
    return kind(f"{what}: {error.strerror}")


def remove_leftovers(path: Path) -> None:
    """Remove the new files that killed writers of `path` have left. Without locks, as on Windows, they stay."""
    if fcntl is None:
        return
    name = re.compile(rf"{re.escape(path.name)}\.[0-9a-f]{{{2 * _RANDOM}}}\.new")
    with suppress(OSError):
        for each in [entry for entry in os.listdir(path.parent) if name.fullmatch(entry)]:  # noqa: PTH208 - names only
            _remove_unless_locked(path.with_name(each))


def _create(path: Path) -> tuple[Path, int]:
    while True:
        new = path.with_name(f"{path.name}.{secrets.token_hex(_RANDOM)}.new")
        # O_EXCL: the file is new, so no other process chose its mode or has it open.
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
        # Before the lock, another process may have taken the file for a leftover.
        if _lock(descriptor, otherwise=True) and _is_at(new, descriptor):
            return new, descriptor
        os.close(descriptor)


def _remove_unless_locked(leftover: Path) -> None:
    with suppress(OSError):
        descriptor = os.open(leftover, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            status = os.fstat(descriptor)
            is_own = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()
            if is_own and _lock(descriptor, otherwise=False) and _is_at(leftover, descriptor):
                leftover.unlink()
        finally:
            os.close(descriptor)


def _lock(descriptor: int, *, otherwise: bool) -> bool:
    """Lock a file that nobody else has locked; return whether that succeeded, or `otherwise` if there are no locks."""
    if fcntl is None:
        return otherwise
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return otherwise
    return True


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
