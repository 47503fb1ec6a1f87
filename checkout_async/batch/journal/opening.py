"""The start of a run with an open database: its key, its number, and what the journal knows.

A journal that lost what it knew is refused: one of which only the key or the log is left, an empty one, one whose log
is gone, and one whose rows were deleted.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from checkout_async.batch.journal.database import (
    OLDER_COPY,
    create_tables,
    is_new,
    open_database,
    require_wal,
    wal_of,
)
from checkout_async.batch.journal.fingerprint import Fingerprints, key_file_of, load_key, make_key
from checkout_async.batch.journal.rows import DOUBTS, HAS_RECORDS, HAS_REFUSALS, LAST_ENTRY, UNSENT
from checkout_async.errors import BatchFileError

__all__ = [
    "JournalRun",
    "accept_defaults",
    "checkpoint",
    "note_defaults",
    "remove_journal",
    "require_not_lost",
    "start_run",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalRun:
    """A run with a journal, and what the journal knew when it began.

    `id` is that of the journal, `entry` its last entry. `doubts` are the lines of records in doubt, with the
    fingerprint of each and whether it has no reference.
    """

    id: str
    number: int
    entry: int
    has_records: bool
    fingerprints: Fingerprints
    doubts: dict[int, dict[str, bool]]


def require_not_lost(path: Path, *, create: bool, has_key: bool) -> None:
    """Refuse a journal that is missing or empty, and was not always so; without `create`, in any case.

    A run makes the key of a journal once the file has its first bytes, and the log after both. So a key or a log next
    to a file that is missing or empty shows that an earlier run had a journal. With `has_key`, the caller has the key,
    and a file with a key proves nothing. Raises BatchFileError.
    """
    if path.exists() and (not path.is_file() or path.stat().st_size):
        return
    what = "is empty" if path.exists() else "is missing"
    left = [] if has_key else [key_file_of(path)]
    if witness := next((each for each in (*left, wal_of(path)) if each.exists()), None):
        raise BatchFileError(
            f"the journal {path} {what}, and {witness} shows that an earlier run had one. Nothing was sent. Put the "
            f"journal back that the last run wrote. {OLDER_COPY}; --force, or another output file, sends all of "
            "them"
        )
    if not create:
        raise BatchFileError(f"the journal {path} {what}. Nothing was sent. {OLDER_COPY}")


def remove_journal(path: Path) -> None:
    """Remove a journal and its key, so that a new one can take its place.

    Raises BatchFileError for a file that is not a journal or that another process uses, and OSError.
    """
    if path.exists():
        open_database(path).close()
    # The key goes last: until then it shows that there was a journal. A link to a journal stays.
    for each in (path.resolve(), wal_of(path), key_file_of(path)):
        each.unlink(missing_ok=True)


def start_run(
    path: Path, database: sqlite3.Connection, key: bytes | None, *, create: bool, has_wal: bool
) -> JournalRun:
    """Begin a run; a new database becomes a journal. Raises BatchFileError or sqlite3.Error."""
    database.execute("BEGIN IMMEDIATE")
    if is_new(database):
        if not create:
            raise BatchFileError(f"the journal {path} is empty. Nothing was sent. {OLDER_COPY}")
        fingerprints = _create(path, database, key)
    else:
        fingerprints = _reopen(path, database, key)
        require_wal(path, database, has_wal=has_wal)
    [(entry,)] = database.execute(LAST_ENTRY).fetchall()
    [(has_records,)] = database.execute(HAS_RECORDS).fetchall()
    [(has_refusals,)] = database.execute(HAS_REFUSALS).fetchall()
    if entry and not has_records and not has_refusals:
        raise BatchFileError(f"the journal {path} was emptied. Nothing was sent. {OLDER_COPY}")
    [(journal_id, number)] = database.execute(
        "UPDATE journal SET run = run + 1, entry = ? RETURNING id, run", (entry,)
    ).fetchall()
    doubts: dict[int, dict[str, bool]] = {}
    for line, fingerprint, is_bare in database.execute(DOUBTS):
        doubts.setdefault(line, {})[fingerprint] = bool(is_bare)
    database.execute("COMMIT")
    checkpoint(database)
    return JournalRun(
        id=journal_id,
        number=number,
        entry=entry,
        has_records=bool(has_records),
        fingerprints=fingerprints,
        doubts=doubts,
    )


def checkpoint(database: sqlite3.Connection) -> None:
    """Copy the log into the file, and empty it. Raises sqlite3.Error.

    From then on the file says that it needs its log, and the log says that it is there. So SQLite must not copy it by
    itself while the file is open.
    """
    database.execute("UPDATE journal SET needs_wal = 1")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    database.execute("UPDATE journal SET needs_wal = 0")


def _create(path: Path, database: sqlite3.Connection, key: bytes | None) -> Fingerprints:
    fingerprints = Fingerprints(key or load_key(path) or make_key(path))
    create_tables(database, fingerprints.check)
    return fingerprints


def _reopen(path: Path, database: sqlite3.Connection, key: bytes | None) -> Fingerprints:
    where = "the key given" if key else f"the key in {key_file_of(path)}"
    if (key := key or load_key(path)) is None:
        raise BatchFileError(
            f"the key of the journal {path} is missing: put it back as {key_file_of(path)}; it never "
            "changes, so that any copy of it will do"
        )
    fingerprints = Fingerprints(key)
    if database.execute("SELECT key_check FROM journal").fetchall() != [(fingerprints.check.hex(),)]:
        raise BatchFileError(f"{where} is not the one that the journal {path} was made with")
    return fingerprints


# The table of defaults has one row: the keyed fingerprint of the members that the records of this journal shared when
# they were sent (`--defaults`), in hexadecimal; empty for none. The first run that has such members makes it.
_HAS_TABLE = "SELECT true FROM sqlite_master WHERE name = 'defaults'"
_MAY_HAVE_SENT = (
    "SELECT EXISTS (SELECT true FROM record WHERE result IS NULL OR session_id IS NOT NULL "  # noqa: S608
    f"OR result NOT IN ({UNSENT}))"
)


def accept_defaults(database: sqlite3.Connection, fingerprint: str) -> bool:
    """Note the members of a run, and return whether it may have them. Raises sqlite3.Error.

    With others, a record without a reference would look like a new one, and be sent again. Other members are accepted
    as long as no record may have been sent.
    """
    has_table = bool(database.execute(_HAS_TABLE).fetchall())
    known = database.execute("SELECT fingerprint FROM defaults").fetchall() if has_table else [("",)]
    if known == [(fingerprint,)]:
        return True
    if database.execute(_MAY_HAVE_SENT).fetchall() == [(1,)]:
        return False
    note_defaults(database, fingerprint)
    return True


def note_defaults(database: sqlite3.Connection, fingerprint: str) -> None:
    """Note the members that all records of a run have shared. Raises sqlite3.Error."""
    database.execute("CREATE TABLE IF NOT EXISTS defaults (fingerprint TEXT NOT NULL)")
    database.execute("DELETE FROM defaults")
    database.execute("INSERT INTO defaults VALUES (?)", (fingerprint,))
