"""Atomic writes of private files. Only the owner can read them; a reader sees the old or the new file, never a part.

Token files and a batch's results, plans and keys are written with `atomic_write`.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

__all__ = ["OWNER_ONLY", "atomic_write"]

OWNER_ONLY: Final = 0o600


@contextmanager
def atomic_write(path: Path, *, concurrent: bool = False) -> Generator[BinaryIO]:
    """Open a new file with mode 0600, and move it to `path` when the block ends without an exception.

    Until then the old file stays as it is. The new file is `<path>.new`; a file that a killed process left under that
    name is removed first. If several processes may write `path` at once, `concurrent` gives each of them a different
    name. Raises OSError.
    """
    new = path.with_name(f"{path.name}.{secrets.token_hex(4)}" if concurrent else f"{path.name}.new")
    if not concurrent:
        new.unlink(missing_ok=True)
    try:
        # O_EXCL: the file is new, so no other process chose its mode or has it open.
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY), "wb") as file:  # noqa: PTH123 - a descriptor
            yield file
            file.flush()
            # Before the rename: after a power cut, the name must not refer to an empty file.
            os.fsync(file.fileno())
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
