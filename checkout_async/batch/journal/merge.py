"""Journals of partitions into one: what a run on many machines leaves is a journal like that of a run on one."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from checkout_async.batch.journal.claim import UNSENT
from checkout_async.batch.journal.database import create_tables, is_new, open_database, reason_of
from checkout_async.batch.journal.fingerprint import Fingerprints, load_key, make_key
from checkout_async.batch.journal.ledger import COLUMNS
from checkout_async.batch.outcome import BatchResult
from checkout_async.errors import ConfigurationError

__all__ = ["merge_journals"]

_NAMES: Final = ", ".join(COLUMNS)
# Runs of a part are none of the target's, whose first is 1.
_VALUES: Final = ", ".join("0" if name == "run" else name for name in COLUMNS)
_CHANGES: Final = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS[1:])


def _knowledge(row: str) -> str:
    """Return SQL for how much a row knows: nothing sent, in doubt, in doubt with a session to ask about, final."""
    unsent = ", ".join(f"'{result}'" for result in sorted(UNSENT))
    return (
        f"CASE WHEN {row}.result IN ({unsent}) THEN 0 "
        f"WHEN {row}.result IS NULL OR {row}.result = '{BatchResult.UNKNOWN}' THEN 1 + ({row}.session_id IS NOT NULL) "
        "ELSE 3 END"
    )


# Nothing but our own names is put into this.
_TAKE: Final = (
    f"INSERT INTO main.record ({_NAMES}) SELECT {_VALUES} FROM part.record WHERE true "  # noqa: S608
    f"ON CONFLICT (fingerprint) DO UPDATE SET {_CHANGES} "
    f"WHERE ({_knowledge('excluded')}, excluded.claimed_at) > ({_knowledge('record')}, record.claimed_at)"
)


def merge_journals(target: Path, parts: Sequence[Path]) -> None:
    """Take the records of `parts`, which stay as they are, into the journal `target`, which is made if it is missing.

    Of two rows about one record that stays which knows more: final results before doubts, a doubt with a session
    before one without, any doubt before the certainty that nothing was sent, and of equals the later. So it does no
    harm to merge a part twice. Blocks while it works.

    Raises ConfigurationError for a part that is missing or no journal, journals of different keys, and a journal that
    is in use.
    """
    with closing(open_database(target)) as database:
        for part in parts:
            if (check := _key_check_of(part)) is None:
                continue
            try:
                _take_in(database, target, part, check)
            except sqlite3.Error as error:
                raise ConfigurationError(f"cannot merge the journal {part}: {reason_of(error)}") from None


def _key_check_of(part: Path) -> bytes | None:
    """Return what tells the key of a journal; None of an empty file, whose maker was stopped at once."""
    if not part.is_file():
        raise ConfigurationError(f"there is no journal {part}")
    with closing(open_database(part)) as database:
        return None if is_new(database) else _stored_check(database)


def _stored_check(database: sqlite3.Connection) -> bytes:
    return bytes.fromhex(database.execute("SELECT key_check FROM journal").fetchall()[0][0])


def _take_in(database: sqlite3.Connection, target: Path, part: Path, check: bytes) -> None:
    if is_new(database):
        _found(database, target, part, check)
    if _stored_check(database) != check:
        raise ConfigurationError(f"the journals {target} and {part} were made with different keys: use one for all")
    database.execute("ATTACH DATABASE ? AS part", (str(part),))
    try:
        database.execute(_TAKE)
    finally:
        database.execute("DETACH DATABASE part")


def _found(database: sqlite3.Connection, target: Path, part: Path, check: bytes) -> None:
    """Make the target a journal with the key of the part, and bring its file along where there is one."""
    key = load_key(target) or load_key(part)
    if key is not None and Fingerprints(key).check != check:
        raise ConfigurationError(f"the key of the journal {target} is not that of {part}: use one for all")
    database.execute("BEGIN IMMEDIATE")
    if key is not None and load_key(target) is None:
        make_key(target, key)
    create_tables(database, check)
    database.execute("COMMIT")
