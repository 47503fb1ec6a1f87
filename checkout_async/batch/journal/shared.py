"""Which members the records of a journal shared when they were sent (`--defaults`), as a keyed fingerprint.

The table is made by the first run that has such members:

defaults   one row. `fingerprint`: of the members, in hexadecimal; empty for none.
"""

from __future__ import annotations

import sqlite3

from checkout_async.batch.journal.statements import UNSENT

__all__ = ["accept_defaults"]

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
    database.execute("CREATE TABLE IF NOT EXISTS defaults (fingerprint TEXT NOT NULL)")
    database.execute("DELETE FROM defaults")
    database.execute("INSERT INTO defaults VALUES (?)", (fingerprint,))
    return True
