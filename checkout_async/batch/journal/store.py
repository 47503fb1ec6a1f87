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

from checkout_async.batch.journal.database import OLDER_COPY, not_opened, open_database, place_of, reason_of, wal_of
from checkout_async.batch.journal.fingerprint import Fingerprints
from checkout_async.batch.journal.opening import accept_defaults, checkpoint, require_not_lost, start_run
from checkout_async.batch.journal.operations import (
    ClaimOp,
    JournalOperation,
    RecordSessionOp,
    RefuseOp,
    ReleaseOp,
    SettleOp,
)
from checkout_async.batch.journal.rows import (
    CLAIM,
    COUNTS,
    EXPORT,
    EXPORT_FINAL,
    EXPORT_UNREAD,
    IN_DOUBT,
    PURGE,
    READ,
    RECORD_SESSION,
    REFUSE,
    REPLACE,
    SETTLE,
    JournalRow,
    decode_outcome,
    entry_name,
    known_outcome,
)
from checkout_async.batch.outcome import BatchResult, Outcome
from checkout_async.errors import BatchFileError, JournalError

__all__ = ["JournalStore"]

_LOG: Final = 32 * 1024 * 1024
"""Bytes that the write-ahead log may have before it is copied into the file."""

_ANY: Final = -(2**63)
"""Lower than the number of any run; a merged journal has negative ones."""

_rows: msgspec.json.Decoder[list[JournalRow]] = msgspec.json.Decoder(list[JournalRow])
_row: msgspec.json.Decoder[JournalRow] = msgspec.json.Decoder(JournalRow)
_encoder = msgspec.json.Encoder()


class JournalStore:
    """An open journal file, used and closed by the thread that made it. Each instance is a run.

    A missing or empty file becomes a journal, or is refused without `create`; a missing key file is created unless a
    `key` is given. `id` is that of the journal, `entry` the number of its last entry when it was opened; `has_records`
    is whether it had records then. Raises BatchFileError, also for a journal whose write-ahead log was removed after a
    kill. After an error no further writes are accepted: every method raises JournalError.
    """

    def __init__(self, path: Path, *, key: bytes | None = None, durable: bool = True, create: bool = True) -> None:
        self._path = path
        self._failure = ""
        # Records that this run holds without a row, so that an equal one counts as repeated.
        self._held: dict[str, JournalRow] = {}
        require_not_lost(path, create=create, has_key=key is not None)
        self._wal = wal_of(path)
        has_wal = self._wal.exists()
        self._database = open_database(path, durable=durable)
        try:
            run = start_run(path, self._database, key, create=create, has_wal=has_wal)
        except sqlite3.Error as error:
            self._database.close()
            raise not_opened(path, error) from None
        except BaseException:
            self._database.close()
            raise
        self.fingerprints: Fingerprints = run.fingerprints
        self.id: str = run.id
        self.entry: int = run.entry
        self.has_records: bool = run.has_records
        self._place = place_of(path)
        self._run = run.number
        self._doubts = run.doubts

    def apply(self, operations: Sequence[JournalOperation]) -> None:
        """Apply operations in one transaction, those on one record in their order. Raises JournalError."""
        with self._errors():
            self._require_in_place()
            if self._size_of_log() >= _LOG:
                checkpoint(self._database)
        with self._transaction():
            for released, each in groupby(operations, lambda operation: isinstance(operation, ReleaseOp)):
                if released:
                    self._undo(each)
                else:
                    self._change([*each])

    def export(self, take: Callable[[Outcome], None], *, only_final: bool, is_complete: bool) -> None:
        """Pass the outcome of each record and refused line to `take`, in the order of the lines.

        With `only_final`, pass those only that a run will not report again. With `is_complete`, pass lines whose record
        was not sent only if this run has read them. A record that was claimed and has no outcome is `unknown`. Raises
        JournalError, and what `take` raises.
        """
        if only_final:
            self._pass(take, EXPORT_FINAL)
        else:
            self._pass(take, EXPORT, since=self._run if is_complete else _ANY)

    def export_unread(self, take: Callable[[Outcome], None]) -> None:
        """Pass the outcome of each record that this run has not read to `take`, as `export` does."""
        self._pass(take, EXPORT_UNREAD, run=self._run)

    def _pass(self, take: Callable[[Outcome], None], query: str, **values: int) -> None:
        failure: Exception | None = None
        with self._transaction():
            for _, entry, row, refusal in self._database.execute(query, values):
                if row is not None:
                    outcome = known_outcome(_row.decode(row), self.id)
                else:
                    outcome = msgspec.structs.replace(decode_outcome(refusal), entry=entry_name(self.id, entry))
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

    def require_defaults(self, fingerprint: str) -> None:
        """Raise BatchFileError if the records that this journal knows were sent with other shared members."""
        with self._transaction():
            is_accepted = accept_defaults(self._database, fingerprint)
        if not is_accepted:
            raise BatchFileError(
                f"the run of the journal {self._path} began with other defaults, or without any. Nothing was sent. "
                "Continue with those that it began with, or name another output for records with these"
            )

    def counts(self) -> Mapping[BatchResult | None, int]:
        """Return the number of records by result; None counts those without one."""
        with self._transaction():
            found = self._database.execute(COUNTS).fetchall()
        return {None if result is None else BatchResult(result): number for result, number in found}

    def purge(self, before: int) -> int:
        """Remove the payment data of outcomes that are older (microseconds since 1970); return their number."""
        with self._transaction():
            purged = self._database.execute(PURGE, (before,)).rowcount
        with self._errors():
            # What was removed is also in the log until the log is empty.
            checkpoint(self._database)
        return purged

    def close(self) -> None:
        """Close the file, with the write-ahead log copied into it. Raises JournalError if anything failed before.

        So does a file that is no longer where it was opened: the next run would not know what this one has sent.
        """
        try:
            with self._errors():
                self._require_in_place()
        finally:
            self._database.close()

    def _change(self, operations: Sequence[JournalOperation]) -> None:
        """Apply operations of all kinds except ReleaseOp; for one record they always come in the order used here."""
        self._claim([each for each in operations if isinstance(each, ClaimOp)])
        self._execute(RECORD_SESSION, [each.values for each in operations if isinstance(each, RecordSessionOp)])
        outcomes = [each.values for each in operations if isinstance(each, SettleOp)]
        if self._execute(SETTLE, outcomes) != len(outcomes):
            raise BatchFileError("an outcome belongs to a record that was never claimed in this journal")
        self._execute(REFUSE, [(*each.values, self._run) for each in operations if isinstance(each, RefuseOp)])

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
        if self._execute(CLAIM, [claim.values(self._run) for claim in new]) == len(claims):
            return
        rows = self._read({claim.key for claim in claims})
        changed: dict[str, JournalRow] = {}
        for claim in claims:
            if claim.key not in rows or claim.made(rows[claim.key], self._run):
                continue
            self._doubts.get(rows[claim.key].line, {}).pop(claim.key, None)
            row = claim.decide(rows[claim.key], self._run)
            if row is not None:
                rows[claim.key] = changed[claim.key] = row
        if changed:
            self._database.execute(REPLACE, (_json(list(changed.values())),))

    def _without_suspects(self, claims: Sequence[ClaimOp]) -> Sequence[ClaimOp]:
        """Answer and leave out the claims of new records that are held because of another record's doubt."""
        suspects = [claim for claim in claims if claim.key in self._held or claim.is_suspect(self._doubts)]
        if not suspects:
            return claims
        known = self._read({claim.key for claim in suspects}).keys()
        answered: set[int] = set()
        for claim in suspects:
            if claim.key in known:
                continue
            if claim.key in self._held:
                claim.decide(self._held[claim.key], self._run)
            elif row := claim.hold_suspect(self._run):
                self._held[claim.key] = row
            else:
                continue
            answered.add(id(claim))
        return [claim for claim in claims if id(claim) not in answered]

    def _undo(self, operations: Iterable[JournalOperation]) -> None:
        undone = (operation.undo() for operation in operations if isinstance(operation, ReleaseOp))
        rows = [row for row in undone if row is not None]
        for row in rows:
            if row.result in IN_DOUBT:
                self._doubts.setdefault(row.line, {})[row.fingerprint] = row.fingerprint == row.content
        if rows:
            self._database.execute(REPLACE, (_json(rows),))

    @contextmanager
    def _transaction(self) -> Generator[None]:
        """Run the block in a transaction. Raises JournalError."""
        with self._errors():
            self._database.execute("BEGIN IMMEDIATE")
            yield
            self._database.execute("COMMIT")

    @contextmanager
    def _errors(self) -> Generator[None]:
        """Raise an error of the block as a JournalError, which every later call raises too."""
        if self._failure:
            raise JournalError(self._failure)
        try:
            yield
        except Exception as error:
            self._failure = f"the journal {self._path} failed: {reason_of(error)}"
            if self._database.in_transaction:
                self._database.rollback()
            raise JournalError(self._failure) from error

    def _require_in_place(self) -> None:
        try:
            is_there = place_of(self._path) == self._place
        except OSError:
            is_there = False
        if not is_there:
            raise BatchFileError(
                "it was removed or replaced while the run had it open. What the run wrote since is lost with it. "
                f"{OLDER_COPY}"
            )

    def _size_of_log(self) -> int:
        try:
            return self._wal.stat().st_size
        except OSError as error:
            raise BatchFileError(f"cannot read its file {self._wal}: {error.strerror}") from None

    def _read(self, keys: Iterable[str]) -> dict[str, JournalRow]:
        found = self._database.execute(READ, (_json(list(keys)),)).fetchall()
        return {row.fingerprint: row for row in _rows.decode(found[0][0])}


def _json(value: object) -> str:
    return _encoder.encode(value).decode()
