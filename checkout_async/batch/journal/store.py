"""The journal's rows, used by the one thread that owns the file: each group of operations becomes a transaction.

All rows of a kind go into one statement, because after every call into SQLite the thread must win the interpreter lock
back from a busy event loop. For the same reason rows are read as one JSON text.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, groupby
from pathlib import Path
from typing import Final

import msgspec

from checkout_async.batch.journal.database import (
    OLDER_COPY,
    create_tables,
    is_new,
    not_opened,
    open_database,
    reason_of,
)
from checkout_async.batch.journal.fingerprint import Fingerprints, key_file_of, load_key, make_key
from checkout_async.batch.journal.operations import (
    ClaimOp,
    JournalOperation,
    JournalRow,
    RecordSessionOp,
    RefuseOp,
    ReleaseOp,
    SettleOp,
    entry_name,
    known_outcome,
)
from checkout_async.batch.outcome import BatchResult, Outcome
from checkout_async.errors import BatchFileError, JournalError

__all__ = ["COLUMNS", "LAST_ENTRY", "JournalStore"]

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
    "INSERT INTO record (fingerprint, content, reference, run, line, claimed_at) "
    "SELECT * FROM (VALUES {rows}) WHERE true ON CONFLICT DO NOTHING"
)
"""Inserts rows of new records; if the count of inserted rows is lower, some records are known."""
_RECORD_SESSION: Final = (
    "UPDATE record SET session_id = changed.column2 FROM (VALUES {rows}) AS changed WHERE fingerprint = changed.column1"
)
_SETTLE: Final = (
    "UPDATE record SET session_id = coalesce(changed.column2, session_id), result = changed.column3, "
    "outcome = changed.column4, entry = changed.column5, settled_at = changed.column6 "
    "FROM (VALUES {rows}) AS changed WHERE fingerprint = changed.column1"
)
_REFUSE: Final = "INSERT OR REPLACE INTO refusal (line, outcome, entry, run) VALUES {rows}"
_DOUBTS: Final = (
    "SELECT line, max(fingerprint = content) FROM record "  # noqa: S608
    f"WHERE result IS NULL OR result = '{BatchResult.UNKNOWN}' GROUP BY line"
)
_FINAL: Final = ", ".join(f"'{each}'" for each in BatchResult if each.is_final)
_IS_FINAL: Final = f"result IN ({_FINAL})"
# A line that has become a record since has only the outcome of that record.
_EXPORT: Final = (
    f"SELECT line, entry, json_array({_NAMES}), NULL FROM record WHERE {{condition}} "  # noqa: S608
    "UNION ALL SELECT line, entry, NULL, outcome FROM refusal AS refused WHERE {refusals} AND NOT EXISTS "
    "(SELECT true FROM record WHERE record.line = refused.line AND record.run > refused.run) ORDER BY line, entry"
)
LAST_ENTRY: Final = (
    "SELECT max((SELECT entry FROM main.journal), (SELECT coalesce(max(entry), 0) FROM main.record), "
    "(SELECT coalesce(max(entry), 0) FROM main.refusal))"
)
"""Finds the number of the last entry."""
_PURGE: Final = (
    "UPDATE record SET outcome = json_remove(outcome, '$.cryptogram', '$.eci', '$.xid') WHERE settled_at < ? AND "
    "coalesce(json_extract(outcome, '$.cryptogram'), json_extract(outcome, '$.eci'), json_extract(outcome, '$.xid')) "
    "IS NOT NULL"
)

_rows: msgspec.json.Decoder[list[JournalRow]] = msgspec.json.Decoder(list[JournalRow])
_row: msgspec.json.Decoder[JournalRow] = msgspec.json.Decoder(JournalRow)
_outcomes: msgspec.json.Decoder[Outcome] = msgspec.json.Decoder(Outcome)
_encoder = msgspec.json.Encoder()


class JournalStore:
    """An open journal file, used and closed by the thread that made it. Each instance is a run.

    A missing or empty file becomes a journal, or is refused without `create`; a missing key file is created unless a
    `key` is given. `id` is that of the journal, `entry` the number of its last entry when it was opened; `has_records`
    is whether it had records then. Raises BatchFileError, also for
    a journal whose write-ahead log was removed after a kill. After an error no further writes are accepted: every
    method raises JournalError.
    """

    def __init__(self, path: Path, *, key: bytes | None = None, durable: bool = True, create: bool = True) -> None:
        self._path = path
        self._failure = ""
        if not create and not path.exists():
            raise BatchFileError(f"there is no journal {path}. {OLDER_COPY}")
        has_wal = _wal_of(path).exists()
        self._database = open_database(path, durable=durable)
        try:
            self.fingerprints = self._start_run(key, create=create, has_wal=has_wal)
        except sqlite3.Error as error:
            self._database.close()
            raise not_opened(path, error) from None
        except BaseException:
            self._database.close()
            raise

    def apply(self, operations: Sequence[JournalOperation]) -> None:
        """Apply operations in one transaction, those on one record in their order. Raises JournalError."""
        with self._transaction():
            for released, each in groupby(operations, lambda operation: isinstance(operation, ReleaseOp)):
                if released:
                    self._undo(each)
                else:
                    self._change([*each])

    def export(self, take: Callable[[Outcome], None], *, only_final: bool, is_complete: bool) -> None:
        """Pass the outcome of each record and refused line to `take`, in the order of the lines.

        With `only_final`, pass those only that a run will not report again; with `is_complete`, only those refused
        lines that this run has read. A record that was claimed and has no outcome is `unknown`. Raises JournalError,
        and what `take` raises.
        """
        condition = _IS_FINAL if only_final else "true"
        refusals = "false" if only_final else f"refused.run >= {self._run if is_complete else 0}"
        query = _EXPORT.format(condition=condition, refusals=refusals)
        failure: Exception | None = None
        with self._transaction():
            for _, entry, row, refusal in self._database.execute(query):
                if row is not None:
                    outcome = known_outcome(_row.decode(row), self.id)
                else:
                    outcome = msgspec.structs.replace(_outcomes.decode(refusal), entry=entry_name(self.id, entry))
                try:
                    take(outcome)
                except Exception as error:  # noqa: BLE001 - an error of the output is not one of the journal
                    failure = error
                    break
        if failure is not None:
            raise failure

    def require_exported(self, output: Path, entries: Mapping[str, int]) -> None:
        """Raise BatchFileError if the entries of an output, by the id of their journal, are not this journal's."""
        if entries.keys() - {self.id}:
            raise BatchFileError(
                f"{output} has results of another journal than {self._path}, or of a run without one. Nothing was "
                f"sent. Continue with the journal that the last run wrote, or name another output. {OLDER_COPY}"
            )
        if entries.get(self.id, 0) > self.entry:
            raise BatchFileError(
                f"the journal {self._path} is older than {output}: it does not know the latest results there. Nothing "
                f"was sent. Continue with the journal that the last run wrote. {OLDER_COPY}"
            )

    def counts(self) -> Mapping[BatchResult | None, int]:
        """Return the number of records by result; None counts those without one."""
        with self._transaction():
            found = self._database.execute("SELECT result, count(*) FROM record GROUP BY result").fetchall()
        return {None if result is None else BatchResult(result): number for result, number in found}

    def purge(self, before: int) -> int:
        """Remove the payment data of outcomes that are older (microseconds since 1970); return their number."""
        with self._transaction():
            purged = self._database.execute(_PURGE, (before,)).rowcount
        # What was removed is also in the log until the log is empty.
        self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return purged

    def close(self) -> None:
        """Close the file, with the write-ahead log copied into it. Raises JournalError if anything failed before."""
        self._database.close()
        if self._failure:
            raise JournalError(self._failure)

    def _change(self, operations: Sequence[JournalOperation]) -> None:
        """Apply operations of all kinds except ReleaseOp; for one record they always come in the order used here."""
        self._claim([each for each in operations if isinstance(each, ClaimOp)])
        self._execute(_RECORD_SESSION, [each.values for each in operations if isinstance(each, RecordSessionOp)])
        outcomes = [each.values for each in operations if isinstance(each, SettleOp)]
        if self._execute(_SETTLE, outcomes) != len(outcomes):
            raise BatchFileError("an outcome belongs to a record that was never claimed in this journal")
        self._execute(_REFUSE, [(*each.values, self._run) for each in operations if isinstance(each, RefuseOp)])

    def _execute(self, statement: str, rows: Sequence[tuple[str | int | None, ...]]) -> int:
        """Execute a statement for all rows at once; return the number of rows changed."""
        if not rows:
            return 0
        marks = ", ".join(["(" + ", ".join("?" * len(rows[0])) + ")"] * len(rows))
        return self._database.execute(statement.format(rows=marks), [*chain.from_iterable(rows)]).rowcount

    def _claim(self, claims: Sequence[ClaimOp]) -> None:
        """Insert the rows of new records, and decide the claims of known ones."""
        claims = self._without_suspects(claims)
        new = [claim for claim in claims if not claim.defers]
        if self._execute(_CLAIM, [claim.values(self._run) for claim in new]) == len(claims):
            return
        rows = self._read({claim.key for claim in claims})
        changed: dict[str, JournalRow] = {}
        for claim in claims:
            if claim.key not in rows or claim.made(rows[claim.key], self._run):
                continue
            self._doubts.pop(rows[claim.key].line, None)
            row = claim.decide(rows[claim.key], self._run)
            if row is not None:
                rows[claim.key] = changed[claim.key] = row
        if changed:
            self._database.execute(_REPLACE, (_json(list(changed.values())),))

    def _without_suspects(self, claims: Sequence[ClaimOp]) -> Sequence[ClaimOp]:
        """Answer and leave out the claims of new records that are held because of another record's doubt."""
        if not (suspects := [claim for claim in claims if claim.is_suspect(self._doubts)]):
            return claims
        known = self._read({claim.key for claim in suspects}).keys()
        held = {id(claim) for claim in suspects if claim.key not in known and claim.hold_suspect()}
        return [claim for claim in claims if id(claim) not in held]

    def _undo(self, operations: Iterable[JournalOperation]) -> None:
        undone = (operation.undo() for operation in operations if isinstance(operation, ReleaseOp))
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

    def _start_run(self, key: bytes | None, *, create: bool, has_wal: bool) -> Fingerprints:
        self._database.execute("BEGIN IMMEDIATE")
        if is_new(self._database):
            if not create:
                raise BatchFileError(f"the journal {self._path} is empty. Nothing was sent. {OLDER_COPY}")
            fingerprints = self._create(key)
        else:
            fingerprints = self._reopen(key)
            self._check_wal(has_wal=has_wal)
        [(self.entry,)] = self._database.execute(LAST_ENTRY).fetchall()
        [(has_records,)] = self._database.execute("SELECT EXISTS (SELECT true FROM record)").fetchall()
        self.has_records = bool(has_records)
        found = self._database.execute(
            "UPDATE journal SET run = run + 1, needs_wal = 1, entry = ? RETURNING id, run", (self.entry,)
        ).fetchall()
        self.id: str = found[0][0]
        self._run: int = found[0][1]
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

    def _create(self, key: bytes | None) -> Fingerprints:
        fingerprints = Fingerprints(key or load_key(self._path) or make_key(self._path))
        create_tables(self._database, fingerprints.check)
        return fingerprints

    def _reopen(self, key: bytes | None) -> Fingerprints:
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
