"""The high-water mark of a partition: a file with the id of its journal and the last entry that the journal surely has.

It is for a partition what the output is for a run on one machine: it is read only to refuse a journal that was emptied,
replaced by an older copy or mistaken for another one. Such a journal does not know all that was sent.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from checkout_async.batch.journal import Journal
from checkout_async.batch.journal.database import OLDER_COPY
from checkout_async.batch.journal.rows import parse_entry
from checkout_async.errors import BatchFileError
from checkout_async.files import atomic_write

__all__ = ["HighWaterMark"]


class HighWaterMark:
    """The high-water mark in a file. Only the process that has the journal open may write it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._entry = ""
        self._written = ""

    def exists(self) -> bool:
        """Whether a worker has begun the partition: its journal must then be there."""
        return self._path.exists()

    def begin(self, journal: Journal, name: Path) -> None:
        """Check an open journal, and mark its last entry, before anything is sent. Raises BatchFileError or OSError."""
        known, number = parse_entry(journal.last_entry)
        if self.exists():
            marked = parse_entry(self._path.read_text("utf-8"))
            if marked[0] != known or marked[1] > number:
                raise BatchFileError(
                    f"the journal {name} is an older copy, or is not the journal of this partition. Nothing was sent. "
                    f"Put the journal back that the last worker wrote. {OLDER_COPY}"
                )
        self._entry = journal.last_entry
        self._write()

    def rise(self, entry: str | None) -> None:
        """Note an entry that is on disk; `save` writes it."""
        if entry is not None and parse_entry(entry)[1] > parse_entry(self._entry)[1]:
            self._entry = entry

    def save(self) -> None:
        """Write the mark if it has risen. If that fails, the lower one stays, which refuses less."""
        if self._entry != self._written:
            with suppress(OSError):
                self._write()

    def _write(self) -> None:
        entry = self._entry
        with atomic_write(self._path) as file:
            file.write(entry.encode())
        self._written = entry
