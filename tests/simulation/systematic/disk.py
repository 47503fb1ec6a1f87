"""The disk of a batch: after each write, a process may be killed, and the end of the write-ahead log may be torn."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from unittest import mock

from checkout_async.batch.journal import database
from checkout_async.batch.journal import store as journal_store

_HEADER: Final = 24
"""Bytes of a frame's header in the write-ahead log; a page follows (sqlite.org/fileformat.html, section 4.1)."""
_PAGE: Final = 1024

_NAMES: Final = ("journal", "journal-wal", "journal.key")


@dataclass(frozen=True)
class Files:
    """The files of a journal, by their names."""

    files: dict[str, bytes] = field(default_factory=dict[str, bytes])

    def contents(self) -> tuple[tuple[object, ...], ...]:
        """Return what the next run finds, without times: the records, and which files there are.

        Raises BatchFileError if a run could not open the journal.
        """
        names = tuple(name for name in self.files if name != "journal-wal")
        if not self.files.get("journal"):
            return (names,)
        folder = folder_of("look")
        load(self, folder)
        store = journal_store.JournalStore(folder / "journal", durable=False)
        rows = store._database.execute("SELECT line, session_id, result FROM record ORDER BY line").fetchall()
        store.close()
        return names, *rows


def folder_of(name: str) -> Path:
    """Return a folder of this test process, in memory if there is such a place."""
    memory = Path("/dev/shm")  # only for speed
    return (memory if memory.is_dir() else Path(tempfile.gettempdir())) / f"systematic-{os.getpid()}" / name


def load(files: Files, folder: Path) -> None:
    """Put files into a folder in place of what is there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    for name, content in files.files.items():
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o600)


def save(folder: Path, cut: int | None) -> Files:
    """Return the files of a folder, with the write-ahead log cut to a size."""
    files = {name: (folder / name).read_bytes() for name in _NAMES if (folder / name).exists()}
    if cut is not None:
        files["journal-wal"] = files["journal-wal"][:cut]
    return Files(files)


class Disk:
    """Watches what the journal writes. `written` is called after each write, with the sizes a torn log may have."""

    def __init__(self, written: Callable[[list[int]], None]) -> None:
        self._written = written

    @contextmanager
    def watched(self) -> Generator[None]:
        """Watch the disk of every journal in this block."""
        keys: Any = journal_store
        execute: Any = sqlite3.Connection.execute
        after = self._after(execute)

        def execute_watched(connection: Any, statement: str, *arguments: Any) -> Any:
            is_setting = statement.startswith("PRAGMA") and "journal_mode" not in statement
            reads = statement.startswith("SELECT") or (is_setting and "checkpoint" not in statement)
            # Inside a transaction nothing is written before its end.
            waits = connection.in_transaction and statement != "COMMIT"
            return (execute if reads or waits else after)(connection, statement, *arguments)

        with (
            mock.patch.object(database._Database, "execute", execute_watched, create=True),
            mock.patch.object(database._Database, "close", self._after(sqlite3.Connection.close), create=True),
            mock.patch.object(database, "_make_private", self._after(database._make_private)),
            mock.patch.object(ledger, "make_key", self._after(keys.make_key)),
            mock.patch.object(database, "_BUSY_TIMEOUT", 0.0),  # a second of real time
        ):
            yield

    def _after(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that looks at the disk after each call of the given one."""
        folder = str(folder_of("batch"))

        def call(*arguments: Any) -> Any:
            before = _state(folder)
            result = function(*arguments)
            after = _state(folder)
            if after != before:
                sizes = [0 if state[1] is None else state[1][0] for state in (before, after)]
                frames = range(sizes[0], sizes[1], _HEADER + _PAGE)
                parts = (0, _HEADER // 2, _HEADER + _PAGE // 2)
                self._written([at + part for at in frames for part in parts])
            return result

        return call


def _state(folder: str) -> list[tuple[int, int] | None]:
    found: list[tuple[int, int] | None] = []
    for name in _NAMES:
        try:
            status = os.stat(f"{folder}/{name}")  # noqa: PTH116 - a Path takes too long here
        except FileNotFoundError:
            found.append(None)
        else:
            found.append((status.st_size, status.st_mtime_ns))
    return found
