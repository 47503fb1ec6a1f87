"""Find the records of an input that repeat an earlier one, however far apart: a worker sees only its own partition.

Fingerprints are kept in a private SQLite database, which spills to a temporary file: memory stays bounded.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from types import TracebackType
from typing import Final, Self

from checkout_async.batch.cluster.partition import Duplicate
from checkout_async.batch.journal.claim import repeated
from checkout_async.batch.journal.database import reason_of
from checkout_async.batch.journal.fingerprint import Fingerprints
from checkout_async.batch.records import Record
from checkout_async.errors import BatchFileError, InvalidRequest

__all__ = ["DuplicateFinder"]

_MOST: Final = 10_000
_CREATE: Final = "CREATE TABLE seen (fingerprint BLOB PRIMARY KEY, line INTEGER NOT NULL) WITHOUT ROWID"
_SEE: Final = "INSERT INTO seen VALUES (?, ?) ON CONFLICT DO NOTHING"
_FIRST: Final = "SELECT line FROM seen WHERE fingerprint = ?"


class DuplicateFinder:
    """Takes the records of an input in their order; `found` are those that repeat an earlier one."""

    def __init__(self, fingerprints: Fingerprints) -> None:
        self._fingerprints = fingerprints
        with _clear_errors():
            self._database = sqlite3.connect("", isolation_level=None)
            for statement in ("PRAGMA cache_size = -65536", _CREATE, "BEGIN"):
                self._database.execute(statement)
        self.found: list[Duplicate] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._database.close()

    def add(self, record: Record) -> None:
        """Check one record. Raises BatchFileError if so many are duplicates that it cannot be intended."""
        try:
            key = self._fingerprint(record)
        except InvalidRequest:
            return  # it is never sent
        with _clear_errors():
            if self._database.execute(_SEE, (key, record.line)).rowcount:
                return
            (line,) = self._database.execute(_FIRST, (key,)).fetchone()
        self.found.append(Duplicate(record.line, repeated(record, line)))
        if len(self.found) > _MOST:
            first = self.found[0]
            raise BatchFileError(
                f"more than {_MOST} records repeat an earlier one, first line {first.line}: {first.reason}"
            )

    def _fingerprint(self, record: Record) -> bytes:
        fingerprints = self._fingerprints
        return fingerprints.of_reference(record.reference) if record.reference else fingerprints.of_content(record)


@contextmanager
def _clear_errors() -> Generator[None]:
    try:
        yield
    except sqlite3.Error as error:
        reason = reason_of(error)
    else:
        return
    raise BatchFileError(f"cannot keep fingerprints in a temporary file (its folder is set by TMPDIR): {reason}")
