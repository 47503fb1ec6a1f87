"""The disk of the simulated hosts: real files, which a crash leaves as a power cut leaves them.

What was not synchronised is lost in part. What the dead process had open is no longer locked.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections import defaultdict, deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import simloom
from simloom._context import current_host

_Job = tuple[asyncio.Future[Any], Callable[..., Any], tuple[Any, ...]]

_connect = sqlite3.connect


class Disk:
    """Runs what the package gives to a thread: for each host in order, one at a time, each after the delay of a disk.

    A crash loses what has not run yet, as it loses what a thread has not written. The next write of a host that crashes
    may still reach the disk, whole or in part.

    SQLite locks its files between the connections of one process as it does between processes, so that two simulated
    hosts exclude each other as two processes on one machine would.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: dict[str, deque[_Job]] = defaultdict(deque)
        self._databases: dict[str, list[sqlite3.Connection]] = defaultdict(list)
        self._synced: dict[tuple[int, int], int] = {}

    def run_in_executor(self, _executor: object, function: Callable[..., Any], *arguments: Any) -> asyncio.Future[Any]:
        """Take the place of the loop's method of this name."""
        future: asyncio.Future[Any] = self._loop.create_future()
        host = _host()
        self._waiting[host].append((future, function, arguments))
        self._loop.call_later(simloom.draw("disk.delay", 20) / 1000, self._run_next, host)
        return future

    def connect(self, path: Path, **options: Any) -> sqlite3.Connection:
        """Take the place of `sqlite3.connect`. SQLite would wait for a lock in real time, so here it does not wait."""
        database: sqlite3.Connection = _connect(path, **{**options, "timeout": 0.0})
        self._databases[_host()].append(database)
        return database

    def fsync(self, file: int) -> None:
        """Take the place of `os.fsync`: nothing is lost any more of what is in the file now."""
        status = os.fstat(file)
        self._synced[status.st_dev, status.st_ino] = status.st_size

    def cut_power(self, host: str, database: Path) -> None:
        """Leave a database as the crash of a host that may have it open does, and unlock it."""
        log = database.with_name(f"{database.name}-wal")
        sizes = self._sizes_of_last_commit(host, log)
        mine, self._databases[host] = self._databases[host], []
        if mine:
            # Closing a connection is the only way to release its locks. It would also write the log into the database.
            files = {file: file.read_bytes() for file in database.parent.iterdir() if file.is_file()}
            for each in mine:
                each.close()
            for file, content in files.items():
                file.touch(mode=0o600)
                file.write_bytes(content)
        if sizes is not None and log.exists():
            least, most = sizes
            os.truncate(log, least + simloom.draw("disk.torn", most - least + 1))

    def tear(self, path: Path) -> None:
        """Lose the end of a file, as far as it was not synchronised: it is missing, or it is zeros."""
        if not path.exists():
            return
        status = path.stat()
        synced = self._synced.get((status.st_dev, status.st_ino), 0)
        kept = status.st_size - simloom.draw("disk.lost", status.st_size - synced + 1)
        os.truncate(path, kept)
        if simloom.draw("disk.zeros", 2):
            os.truncate(path, status.st_size)

    def _sizes_of_last_commit(self, host: str, log: Path) -> tuple[int, int] | None:
        """Run the write that a crash has stopped, if there was one; return the sizes of the log before and after it."""
        waiting = self._waiting.pop(host, None)
        if not waiting:
            return None
        before = log.stat().st_size if log.exists() else 0
        _, function, arguments = waiting[0]
        if function.__name__ != "_write":
            return None
        function(*arguments)
        after = log.stat().st_size if log.exists() else 0
        # A checkpoint starts the log anew; then there is no tail to tear.
        return (before, after) if after >= before > 0 else None

    def _run_next(self, host: str) -> None:
        if not self._waiting[host]:
            return
        future, function, arguments = self._waiting[host].popleft()
        try:
            result = function(*arguments)
        except Exception as error:  # noqa: BLE001 - as an executor does
            if not future.cancelled():
                future.set_exception(error)
        else:
            if not future.cancelled():
                future.set_result(result)


def _host() -> str:
    """Return the name of the host whose code runs now; the world itself has none."""
    host = current_host.get()
    return "" if host is None else str(host.name)
