"""What may have happened to a journal between two runs."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path


def empty(journal: Path) -> None:
    journal.write_bytes(b"")


def delete_rows(journal: Path) -> None:
    with closing(sqlite3.connect(journal)) as database:
        database.execute("DELETE FROM record")
        database.commit()


def lose(journal: Path) -> None:
    journal.unlink()
