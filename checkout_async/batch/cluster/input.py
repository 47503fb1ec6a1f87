"""The identity of a run's input, and the note of a finished input in the journal.

Once the results are gathered, the note shows to a repeated call that nothing is left to do.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final, Self

import msgspec

from checkout_async.batch.journal.database import create_tables, is_new, open_database, reason_of
from checkout_async.batch.journal.fingerprint import Fingerprints
from checkout_async.errors import BatchFileError

__all__ = ["Input", "note_finished", "records_if_finished"]

_CREATE: Final = "CREATE TABLE IF NOT EXISTS finished (path TEXT, size INTEGER, modified INTEGER, records INTEGER)"
_NOTE: Final = "INSERT INTO finished VALUES (?, ?, ?, ?)"
_IS_NOTED: Final = "SELECT true FROM sqlite_schema WHERE name = 'finished'"
_RECORDS: Final = "SELECT records FROM finished WHERE (path, size, modified) = (?, ?, ?)"


class Input(msgspec.Struct, frozen=True):
    """The path, size and modification time of a file at one moment; `modified` is in nanoseconds."""

    path: str
    size: int
    modified: int

    @classmethod
    def of(cls, path: Path) -> Self:
        """Return these of a file now. Raises BatchFileError."""
        try:
            status = path.stat()
        except OSError as error:
            raise BatchFileError(f"cannot read the input file {path}: {error.strerror}") from None
        return cls(str(path), status.st_size, status.st_mtime_ns)


def note_finished(journal: Path, key: bytes, given: Input, records: int) -> None:
    """Note in a journal that every record of an input has a row. Raises BatchFileError or sqlite3.Error."""
    with closing(open_database(journal)) as database:
        database.execute("BEGIN")
        if is_new(database):  # the input has no records
            create_tables(database, Fingerprints(key).check)
        database.execute(_CREATE)
        database.execute("DELETE FROM finished")
        database.execute(_NOTE, (*msgspec.structs.astuple(given), records))
        database.execute("COMMIT")


def records_if_finished(journal: Path, given: Input) -> int | None:
    """Return the number of records of a finished input; None if the journal has no note of it.

    Raises BatchFileError for a journal that cannot be read.
    """
    with closing(open_database(journal)) as database:
        try:
            if not database.execute(_IS_NOTED).fetchall():
                return None
            found = database.execute(_RECORDS, msgspec.structs.astuple(given)).fetchall()
        except sqlite3.Error as error:
            raise BatchFileError(f"cannot read the journal {journal}: {reason_of(error)}") from None
    return found[0][0] if found else None
