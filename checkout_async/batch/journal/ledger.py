"""The journal's rows, used by the one thread that owns the file: each group of operations becomes a transaction.

All rows of a kind go into one statement, because after every call into SQLite the thread must win the interpreter lock
back from a busy event loop. For the same reason rows are read as one JSON text.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, groupby, islice
from pathlib import Path
from typing import Final

import msgspec

from checkout_async.batch.journal.claim import (
    Claiming,
    JournalOperation,
    JournalRow,
    Releasing,
    Reported,
    SessionNoted,
    Settling,
    settled,
)
from checkout_async.batch.journal.database import create_tables, is_new, not_opened, open_database, reason_of
from checkout_async.batch.journal.fingerprint import Fingerprints, key_file_of, load_key, make_key
from checkout_async.batch.outcome import BatchResult, Outcome
from checkout_async.errors import BatchFileError, JournalError

__all__ = ["COLUMNS", "JournalStore"]

COLUMNS: Final = JournalRow.__struct_fields__
_NAMES: Final = ", ".join(COLUMNS)
_ITEMS: Final = ", ".join(f"json_extract(value, '$[{place}]')" for place in range(len(COLUMNS)))
_REPLACED: Final = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS[1:])

# Only constants of this package and question marks are formatted into these statements.
_READ: Final = (
    f"SELECT json_group_array(json_array({_NAMES})) FROM record "  # noqa: S608
    "WHERE fingerprint IN (SELECT value FROM json_each(?))"
)
_REPLACE: Final = (
    f"INSERT INTO record ({_NAMES}) SELECT {_ITEMS} FROM json_each(?) WHERE true "  # noqa: S608
    f"ON CONFLICT (fingerprint) DO UPDATE SET {_REPLACED}"
)
_CLAIM: Final = (
    "INSERT INTO record (fingerprint, content, run, line, claimed_at, reported) "
    "SELECT *, 0 FROM (VALUES {rows}) WHERE true ON CONFLICT DO NOTHING"
)
"""Inserts rows of new records; if the count of inserted rows is lower, some records are known."""
_NOTE: Final = (
    "UPDATE record SET session_id = changed.column2 FROM (VALUES {rows}) AS changed WHERE fingerprint = changed.column1"
)
_SETTLE: Final = (
    "UPDATE record SET session_id = coalesce(changed.column2, session_id), result = changed.column3, "
    "outcome = changed.column4, settled_at = changed.column5, reported = 0 "
    "FROM (VALUES {rows}) AS changed WHERE fingerprint = changed.column1"
)
_MARK_REPORTED: Final = "UPDATE record SET reported = 1 WHERE fingerprint IN ({rows})"
_SYNC_REPORTED: Final = (
    "UPDATE record SET reported = 1 - reported "
    "WHERE result IS NOT NULL AND reported != (coalesce(session_id, '') IN (SELECT session_id FROM written))"
)
_MARK_UNREPORTED: Final = "UPDATE record SET reported = 0 WHERE run = ? AND line IN (SELECT value FROM json_each(?))"
_FORGET: Final = (
    "DELETE FROM written WHERE session_id IN "  # noqa: S608
    f"(SELECT session_id FROM record WHERE result IS NOT NULL AND result != '{BatchResult.UNKNOWN}')"
)
_ADOPT: Final = (
    "UPDATE record SET session_id = ?, result = ?, outcome = ?, settled_at = ?, reported = 1 "
    "WHERE {where} AND coalesce(session_id, ?) = ?"
)
_CHUNK: Final = 10_000
"""Results processed together."""

_rows: msgspec.json.Decoder[list[JournalRow]] = msgspec.json.Decoder(list[JournalRow])
_encoder = msgspec.json.Encoder()


class JournalStore:
    """An open journal file, used and closed by the thread that made it. Each instance is a run.

    A missing file is created, and so is its key file unless a `key` is given. Raises BatchFileError. After an error
    no further writes are accepted: every method raises JournalError.
    """

    def __init__(self, path: Path, *, key: bytes | None = None, durable: bool = True) -> None:
        self._path = path
        self._failure = ""
        self._database = open_database(path, durable=durable)
        try:
            self.fingerprints = self._begin(key)
        except sqlite3.Error as error:
            self._database.close()
            raise not_opened(path, error) from None
        except BaseException:
            self._database.close()
            raise

    def apply(self, operations: Sequence[JournalOperation]) -> None:
        """Apply operations in one transaction, those on one record in their order. Raises JournalError."""
        with self._transaction():
            for released, each in groupby(operations, lambda operation: isinstance(operation, Releasing)):
                if released:
                    self._undo(each)
                else:
                    self._change([*each])

    def reconcile(self, results: Callable[[], Iterable[Outcome]]) -> None:
        """Mark what is in the output as reported, and nothing else; adopt results that only the output has."""
        with self._table_of(results()) as orphans:
            if orphans:
                for outcome in results():
                    if outcome.session_id in orphans:
                        self._adopt(outcome)

    @contextmanager
    def _table_of(self, results: Iterable[Outcome]) -> Generator[frozenset[str]]:
        """Mark reported outcomes by the sessions in the output; yield the sessions that the journal does not know."""
        self._database.execute("CREATE TEMP TABLE written (session_id TEXT PRIMARY KEY) WITHOUT ROWID")
        try:
            sessions = ((outcome.session_id,) for outcome in results if outcome.session_id is not None)
            while chunk := [*islice(sessions, _CHUNK)]:
                with self._transaction():
                    self._database.executemany("INSERT OR IGNORE INTO written VALUES (?)", chunk)
            with self._transaction():
                self._database.execute(_SYNC_REPORTED)
                self._database.execute(_FORGET)
                found = self._database.execute("SELECT session_id FROM written").fetchall()
            yield frozenset(row[0] for row in found)
        finally:
            self._database.execute("DROP TABLE written")

    def _adopt(self, outcome: Outcome) -> None:
        """Settle a claim whose outcome is in the output and not in the journal, as after a full disk."""
        value: str | int
        if outcome.reference:
            where, value = "fingerprint = ?", self.fingerprints.of_reference(outcome.reference).hex()
        else:
            where, value = "fingerprint = content AND line = ?", outcome.line
        with self._transaction():
            session_id = outcome.session_id
            values = (session_id, *settled(outcome), value, session_id, session_id)
            self._database.execute(_ADOPT.format(where=where), values)

    def mark_unreported(self, lines: Iterable[int]) -> None:
        """Mark the outcomes of these lines of this run as not reported."""
        with self._transaction():
            self._database.execute(_MARK_UNREPORTED, (self._run, _json(list(lines))))

    def counts(self) -> Mapping[BatchResult | None, int]:
        """Return the number of records by result; None counts those without one."""
        with self._transaction():
            found = self._database.execute("SELECT result, count(*) FROM record GROUP BY result").fetchall()
        return {None if result is None else BatchResult(result): number for result, number in found}

    def close(self) -> None:
        """Close the file, with the write-ahead log copied into it. Raises JournalError if anything failed before."""
        self._database.close()
        if self._failure:
            raise JournalError(self._failure)

    def _change(self, operations: Sequence[JournalOperation]) -> None:
        """Apply operations of all kinds except Releasing; for one record they always come in the order used here."""
        self._claim([each for each in operations if isinstance(each, Claiming)])
        self._execute(_NOTE, [each.values for each in operations if isinstance(each, SessionNoted)])
        outcomes = [each.values for each in operations if isinstance(each, Settling)]
        if self._execute(_SETTLE, outcomes) != len(outcomes):
            raise BatchFileError("an outcome belongs to a record that was never claimed in this journal")
        self._execute(_MARK_REPORTED, [each.values for each in operations if isinstance(each, Reported)])

    def _execute(self, statement: str, rows: Sequence[tuple[str | int | None, ...]]) -> int:
        """Execute a statement for all rows at once; return the number of rows changed."""
        if not rows:
            return 0
        marks = ", ".join(["(" + ", ".join("?" * len(rows[0])) + ")"] * len(rows))
        return self._database.execute(statement.format(rows=marks), [*chain.from_iterable(rows)]).rowcount

    def _claim(self, claims: Sequence[Claiming]) -> None:
        """Insert the rows of new records, and decide the claims of known ones."""
        if self._execute(_CLAIM, [claim.values(self._run) for claim in claims]) == len(claims):
            return
        rows = self._read({claim.key for claim in claims})
        changed: dict[str, JournalRow] = {}
        for claim in claims:
            if claim.made(rows[claim.key], self._run):
                continue
            row = claim.decide(rows[claim.key], self._run)
            if row is not None:
                rows[claim.key] = changed[claim.key] = row
        if changed:
            self._database.execute(_REPLACE, (_json(list(changed.values())),))

    def _undo(self, operations: Iterable[JournalOperation]) -> None:
        undone = (operation.undo() for operation in operations if isinstance(operation, Releasing))
        rows = [row for row in undone if row is not None]
        if rows:
            self._database.execute(_REPLACE, (_json(rows),))

    @contextmanager
    def _transaction(self) -> Generator[None]:
        """Run the block in a transaction. An error becomes a JournalError, which every later call raises too."""
        if self._failure:
            raise JournalError(self._failure)
        try:
            self._database.execute("BEGIN IMMEDIATE")
            yield
            self._database.execute("COMMIT")
        except Exception as error:
            self._failure = f"the journal {self._path} failed: {reason_of(error)}"
            if self._database.in_transaction:
                self._database.rollback()
            raise JournalError(self._failure) from error

    def _begin(self, key: bytes | None) -> Fingerprints:
        self._database.execute("BEGIN IMMEDIATE")
        fingerprints = self._founded(key) if is_new(self._database) else self._resumed(key)
        found = self._database.execute("UPDATE journal SET run = run + 1 RETURNING run").fetchall()
        self._run: int = found[0][0]
        self._database.execute("COMMIT")
        return fingerprints

    def _founded(self, key: bytes | None) -> Fingerprints:
        fingerprints = Fingerprints(key or load_key(self._path) or make_key(self._path))
        create_tables(self._database, fingerprints.check)
        return fingerprints

    def _resumed(self, key: bytes | None) -> Fingerprints:
        where = "the key given" if key else f"the key in {key_file_of(self._path)}"
        if (key := key or load_key(self._path)) is None:
            raise BatchFileError(f"the key of the journal {self._path} is missing: restore {key_file_of(self._path)}")
        fingerprints = Fingerprints(key)
        if self._database.execute("SELECT key_check FROM journal").fetchall() != [(fingerprints.check.hex(),)]:
            raise BatchFileError(f"{where} is not the one that the journal {self._path} was made with")
        return fingerprints

    def _read(self, keys: Iterable[str]) -> dict[str, JournalRow]:
        found = self._database.execute(_READ, (_json(list(keys)),)).fetchall()
        return {row.fingerprint: row for row in _rows.decode(found[0][0])}


def _json(value: object) -> str:
    return _encoder.encode(value).decode()
