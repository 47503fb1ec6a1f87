"""Writes files so that each is the old one or the new one, whatever fails: a full disk, or the end of the process."""

from __future__ import annotations

import os
from pathlib import Path


def replace_file(path: Path, text: str) -> None:
    """Replace a file by a text. Raises OSError; then the file is as it was."""
    beside = path.with_name(f".{path.name}.new")
    try:
        write_synced(beside, text.encode())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def write_synced(path: Path, content: bytes) -> None:
    """Write a new file, and wait until the disk has it. Raises OSError with the path."""
    try:
        with path.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # else a file may take its place before its content is on the disk
    except OSError as error:
        error.filename = error.filename or str(path)  # a write that fails does not say of which file
        raise
