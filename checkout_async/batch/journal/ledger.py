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
    UNSENT,
    Claiming,
    JournalOperation,
    JournalRow,
    Releasing,
    Reported,
    SessionNoted,
    Settling,
    settled,
)
from checkout_async.batch.journal.database import (
    OLDER_COPY,
    create_tables,
    is_new,
    not_opened,
    open_database,
    reason_of,
)
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
_UNSENT: Final = ", ".join(f"'{each}'" for each in sorted(UNSENT))
_MAY_BE_SENT: Final = f"(result IS NULL OR result NOT IN ({_UNSENT}))"
_IS_FINAL: Final = f"(result IS NOT NULL AND result != '{BatchResult.UNKNOWN}' AND {_MAY_BE_SENT})"
_WRITTEN: Final = "CREATE TEMP TABLE written (line INTEGER, fingerprint TEXT, session_id TEXT, final INTEGER)"
"""The rows of the output that may have been sent; `fingerprint` is that of the reference, if there is one."""
_NOT_KNOWN: Final = (
    "SELECT count(*), min(line) FROM written WHERE NOT ("  # noqa: S608
    "coalesce(session_id, '') IN "
    f"(SELECT session_id FROM record WHERE session_id IS NOT NULL AND {_MAY_BE_SENT}) "
    "OR EXISTS (SELECT true FROM record WHERE record.fingerprint = written.fingerprint "
    f"AND {_MAY_BE_SENT} AND (record.session_id IS NULL OR NOT written.final)) "
    "OR (fingerprint IS NULL AND line IN (SELECT line FROM record "
    f"WHERE fingerprint = content AND session_id IS NULL AND {_MAY_BE_SENT})) "
    "OR (fingerprint IS NULL AND NOT final AND line IN "
    f"(SELECT line FROM record WHERE fingerprint = content AND {_MAY_BE_SENT})))"
)
"""Counts the rows of the output without a record in the journal that may have been sent, and finds the first."""
_SYNC_REPORTED: Final = (
    "UPDATE record SET reported = 1 - reported WHERE result IS NOT NULL AND reported != "
    "(coalesce(session_id, '') IN (SELECT session_id FROM written WHERE final AND session_id IS NOT NULL))"
)
_MARK_UNREPORTED: Final = "UPDATE record SET reported = 0 WHERE run = ? AND line IN (SELECT value FROM json_each(?))"
_TO_ADOPT: Final = (
    "SELECT session_id FROM written WHERE final AND session_id NOT IN "  # noqa: S608
    f"(SELECT session_id FROM record WHERE session_id IS NOT NULL AND {_IS_FINAL})"
)
_ADOPT: Final = (
    "UPDATE record SET session_id = ?, result = ?, outcome = ?, settled_at = ?, reported = 1 "
    "WHERE {where} AND coalesce(session_id, ?) = ?"
)
_DOUBTS: Final = (
    "SELECT line, max(fingerprint = content) FROM record "  # noqa: S608
    f"WHERE result IS NULL OR result = '{BatchResult.UNKNOWN}' GROUP BY line"
)
_CHUNK: Final = 10_000
"""Results processed together."""

_rows: msgspec.json.Decoder[list[JournalRow]] = msgspec.json.Decoder(list[JournalRow])
_encoder = msgspec.json.Encoder()


class JournalStore:
    """An open journal file, used and closed by the thread that made it. Each instance is a run.

    A missing or empty file becomes a journal, or is refused without `create`; a missing key file is created unless a
    `key` is given. Raises BatchFileError, also for a journal whose write-ahead log was removed after a kill. After an
    error no further writes are accepted: every method raises JournalError.
    """

    def __init__(self, path: Path, *, key: bytes | None = None, durable: bool = True, create: bool = True) -> None:
        self._path = path
        self._failure = ""
        if not create and not path.exists():
            raise BatchFileError(f"there is no journal {path}. {OLDER_COPY}")
        has_wal = _wal_of(path).exists()
        self._database = open_database(path, durable=durable)
        try:
            self.fingerprints = self._begin(key, create=create, has_wal=has_wal)
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
        """Mark what is in the output as reported, and nothing else; adopt results that only the output has.

        Raises BatchFileError, and changes nothing, if the output has a row that may have been sent and is not known.
        """
        with self._table_of(results()):
            self._check_known()
            with self._transaction():
                self._database.execute(_SYNC_REPORTED)
                to_adopt = {row[0] for row in self._database.execute(_TO_ADOPT)}
        if to_adopt:
            for outcome in results():
                if outcome.result.is_final and outcome.session_id in to_adopt:
                    self._adopt(outcome)

    @contextmanager
    def _table_of(self, results: Iterable[Outcome]) -> Generator[None]:
        """Put the rows of an output that may have been sent into a table while the block runs."""
        with self._transaction():
            self._database.execute(_WRITTEN)
        try:
            rows = (self._row_of(outcome) for outcome in results if outcome.result not in UNSENT)
            while chunk := [*islice(rows, _CHUNK)]:
                with self._transaction():
                    self._database.executemany("INSERT INTO written VALUES (?, ?, ?, ?)", chunk)
            yield
        finally:
            self._database.execute("DROP TABLE written")

    def _row_of(self, outcome: Outcome) -> tuple[int, str | None, str | None, bool]:
        reference = outcome.reference
        fingerprint = self.fingerprints.of_reference(reference).hex() if reference else None
        return outcome.line, fingerprint, outcome.session_id, outcome.result.is_final

    def _check_known(self) -> None:
        """Refuse a journal that does not have the claims of what the output shows: it does not know other claims."""
        with self._transaction():
            [(rows, line)] = self._database.execute(_NOT_KNOWN).fetchall()
        if rows:
            raise BatchFileError(
                f"the journal {self._path} does not know {rows} of the output's results, the first of line {line}: "
                "it is older than the output, was emptied, or belongs to another run. Nothing was sent. Continue with "
                f"the journal that the last run wrote. {OLDER_COPY}"
            )

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
        claims = self._without_changed(claims)
        if self._execute(_CLAIM, [claim.values(self._run) for claim in claims]) == len(claims):
            return
        rows = self._read({claim.key for claim in claims})
        changed: dict[str, JournalRow] = {}
        for claim in claims:
            if claim.made(rows[claim.key], self._run):
                continue
            self._doubts.pop(rows[claim.key].line, None)
            row = claim.decide(rows[claim.key], self._run)
            if row is not None:
                rows[claim.key] = changed[claim.key] = row
        if changed:
            self._database.execute(_REPLACE, (_json(list(changed.values())),))

    def _without_changed(self, claims: Sequence[Claiming]) -> Sequence[Claiming]:
        """Answer and leave out the claims of new records that may be records in doubt, changed."""
        if not (suspects := [claim for claim in claims if claim.may_replace(self._doubts)]):
            return claims
        known = self._read({claim.key for claim in suspects}).keys()
        # By key: a repetition of the same record is refused as any other.
        changed = {claim.key: claim for claim in reversed(suspects) if claim.key not in known}
        if changed:
            self._database.execute(_REPLACE, (_json([each.inherit_doubt(self._run) for each in changed.values()]),))
        return [claim for claim in claims if changed.get(claim.key) is not claim]

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

    def _begin(self, key: bytes | None, *, create: bool, has_wal: bool) -> Fingerprints:
        self._database.execute("BEGIN IMMEDIATE")
        if is_new(self._database):
            if not create:
                raise BatchFileError(f"the journal {self._path} is empty. Nothing was sent. {OLDER_COPY}")
            fingerprints = self._founded(key)
        else:
            fingerprints = self._resumed(key)
            self._check_wal(has_wal=has_wal)
        found = self._database.execute("UPDATE journal SET run = run + 1, needs_wal = 1 RETURNING run").fetchall()
        self._run: int = found[0][0]
        self._doubts: dict[int, bool] = {
            line: bool(is_bare) for line, is_bare in self._database.execute(_DOUBTS).fetchall()
        }
        self._database.execute("COMMIT")
        # From here on the file itself says that it needs its log, and the log says that it is there.
        self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        self._database.execute("UPDATE journal SET needs_wal = 0")
        return fingerprints

    def _check_wal(self, *, has_wal: bool) -> None:
        """Refuse a file whose write-ahead log was removed after a kill: nothing since then would be known."""
        [(needs_wal,)] = self._database.execute("SELECT needs_wal FROM journal").fetchall()
        if needs_wal and not has_wal:
            raise BatchFileError(
                f"the journal {self._path} has lost the file {_wal_of(self._path)}, in which the last run wrote. "
                f"Nothing was sent. Put that file back. {OLDER_COPY}"
            )

    def _founded(self, key: bytes | None) -> Fingerprints:
        fingerprints = Fingerprints(key or load_key(self._path) or make_key(self._path))
        create_tables(self._database, fingerprints.check)
        return fingerprints

    def _resumed(self, key: bytes | None) -> Fingerprints:
        where = "the key given" if key else f"the key in {key_file_of(self._path)}"
        if (key := key or load_key(self._path)) is None:
            raise BatchFileError(
                f"the key of the journal {self._path} is missing: put it back as {key_file_of(self._path)}; it never "
                "changes, so that any copy of it will do"
            )
        fingerprints = Fingerprints(key)
        if self._database.execute("SELECT key_check FROM journal").fetchall() != [(fingerprints.check.hex(),)]:
            raise BatchFileError(f"{where} is not the one that the journal {self._path} was made with")
        return fingerprints

    def _read(self, keys: Iterable[str]) -> dict[str, JournalRow]:
        found = self._database.execute(_READ, (_json(list(keys)),)).fetchall()
        return {row.fingerprint: row for row in _rows.decode(found[0][0])}


def _wal_of(path: Path) -> Path:
    path = path.resolve()  # SQLite writes it next to the file itself, and not next to a link
    return path.with_name(f"{path.name}-wal")


def _json(value: object) -> str:
    return _encoder.encode(value).decode()
