"""Merge the journals of partitions into one, as a run on one machine would have written it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from checkout_async.batch.journal.database import (
    create_tables,
    is_new,
    open_database,
    reason_of,
    require_wal,
    wal_of,
)
from checkout_async.batch.journal.fingerprint import Fingerprints, load_key, make_key
from checkout_async.batch.journal.rows import COLUMNS, FINAL, LAST_ENTRY, UNSENT
from checkout_async.errors import BatchFileError

__all__ = ["merge_journals", "outcomes_in"]

_NAMES: Final = ", ".join(COLUMNS)
# The runs of a part are not runs of the target, whose first is 1. Its entries are numbered after those of the target.
_RUN: Final = "run - (SELECT run FROM part.journal)"
_OF_PART: Final = {"run": _RUN, "entry": "entry + ?"}
_VALUES: Final = ", ".join(_OF_PART.get(name, name) for name in COLUMNS)
_CHANGES: Final = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS[1:])


def _certainty_rank(row: str) -> str:
    """Return SQL that ranks a row by certainty: not sent, in doubt, in doubt with a session to read, final."""
    return (
        f"CASE WHEN {row}.result IN ({FINAL}) THEN 3 WHEN {row}.session_id IS NOT NULL THEN 2 "
        f"WHEN {row}.result IN ({UNSENT}) THEN 0 ELSE 1 END"
    )


# Only constants of this package are formatted into this statement.
_TAKE: Final = (
    f"INSERT INTO main.record ({_NAMES}) SELECT {_VALUES} FROM part.record WHERE true "  # noqa: S608
    f"ON CONFLICT (fingerprint) DO UPDATE SET {_CHANGES} "
    f"WHERE ({_certainty_rank('excluded')}, excluded.claimed_at) > ({_certainty_rank('record')}, record.claimed_at)"
)

_TAKE_REFUSALS: Final = (
    "INSERT OR REPLACE INTO main.refusal (line, run, outcome, entry) "  # noqa: S608
    f"SELECT line, {_RUN}, outcome, entry + ? FROM part.refusal"
)


def merge_journals(target: Path, parts: Sequence[Path]) -> None:
    """Copy the records of the journals `parts` into the journal `target`, which is created if it is missing. Blocks.

    If two rows are about one record, the more certain one stays: a final result before a doubt, a doubt with a session
    before one without, any doubt before the certainty that nothing was sent, and of equals the later. A doubt wins over
    "not sent" because sending again could create a second session. Merging a part twice is harmless.

    Raises BatchFileError for a part that is missing, not a journal or has lost its write-ahead log, for journals with
    different keys, and for a journal that is in use.
    """
    has_wal = wal_of(target).exists()
    with closing(open_database(target)) as database:
        if not is_new(database):
            require_wal(target, database, has_wal=has_wal)
        for part in parts:
            if (check := _key_check_of(part)) is None:
                continue
            try:
                _import(database, target, part, check)
            except sqlite3.Error as error:
                raise BatchFileError(f"cannot merge the journal {part}: {reason_of(error)}") from None


def outcomes_in(part: Path) -> int:
    """Return the number of records and lines with an outcome in a journal. Raises BatchFileError or sqlite3.Error."""
    if not part.is_file():
        return 0
    with closing(open_database(part)) as database:
        if is_new(database):
            return 0
        [(number,)] = database.execute(
            "SELECT (SELECT count(*) FROM record WHERE result IS NOT NULL) + "
            # A line that has become a record since has only the outcome of that record.
            "(SELECT count(*) FROM refusal WHERE NOT EXISTS "
            "(SELECT true FROM record WHERE record.line = refusal.line AND record.run > refusal.run))"
        ).fetchall()
    return int(number)


def _key_check_of(part: Path) -> bytes | None:
    """Return the key check of a journal; None for an empty file, whose writer was stopped at once."""
    if not part.is_file():
        raise BatchFileError(f"there is no journal {part}")
    has_wal = wal_of(part).exists()
    with closing(open_database(part)) as database:
        if is_new(database):
            return None
        require_wal(part, database, has_wal=has_wal)
        return _stored_check(database)


def _stored_check(database: sqlite3.Connection) -> bytes:
    return bytes.fromhex(database.execute("SELECT key_check FROM journal").fetchall()[0][0])


def _import(database: sqlite3.Connection, target: Path, part: Path, check: bytes) -> None:
    if is_new(database):
        _initialise_target(database, target, part, check)
    if _stored_check(database) != check:
        raise BatchFileError(f"the journals {target} and {part} were made with different keys: use one key for all")
    database.execute("ATTACH DATABASE ? AS part", (str(part),))
    try:
        [(entry,)] = database.execute(LAST_ENTRY).fetchall()
        database.execute(_TAKE, (entry,))
        database.execute(_TAKE_REFUSALS, (entry,))
    finally:
        database.execute("DETACH DATABASE part")


def _initialise_target(database: sqlite3.Connection, target: Path, part: Path, check: bytes) -> None:
    """Turn the target into a journal with the key of the part, and copy the key file if there is one."""
    key = load_key(target) or load_key(part)
    if key is not None and Fingerprints(key).check != check:
        raise BatchFileError(f"the key of the journal {target} is not that of {part}: use one key for all")
    database.execute("BEGIN IMMEDIATE")
    if key is not None and load_key(target) is None:
        make_key(target, key)
    create_tables(database, check)
    database.execute("COMMIT")
