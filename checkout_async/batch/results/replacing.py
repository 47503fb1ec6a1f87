"""Writing a file so that its place is taken at once: until then, whatever happens, the old one stays as it is."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

__all__ = ["OWNER_ONLY", "replacing"]

OWNER_ONLY: Final = 0o600


@contextmanager
def replacing(path: Path) -> Generator[BinaryIO]:
    """Give a new file that only its owner may read, and that takes the place of `path` when the block ends well.

    A run that is killed leaves it as `<path>.new`, which the next one removes. Raises OSError.
    """
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    try:
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY), "wb") as file:  # noqa: PTH123
            yield file
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
