"""A worker: one process that authenticates a batch with a journal, and starts again after each crash.

A crash may come in the middle of a commit: the new process then finds a journal whose write-ahead log is torn.
"""

from __future__ import annotations

import asyncio
import shutil
from collections import deque
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import simloom

from checkout_async import CheckoutClient, batch, errors
from checkout_async.batch import Outcome
from checkout_async.batch.records import Record
from tests.simulation.shop import session_request

RECORDS: Final = 16
_MOST_RUNS: Final = 50
_OPTIONS: Final = batch.BatchOptions(concurrency=4)


@dataclass
class Worker:
    """Runs one batch until each record has an outcome. `rows` is its output: it outlives a crash."""

    name: str
    folder: Path
    disk: Disk
    client: Callable[[], AbstractAsyncContextManager[CheckoutClient]]
    starts: int = 0
    rows: list[Outcome] = field(default_factory=list[Outcome])
    failures: list[BaseException] = field(default_factory=list[BaseException])

    def __post_init__(self) -> None:
        self.ended = asyncio.Event()
        self.journal = self._journal_of(0)
        self.journal.parent.mkdir(parents=True)
        requests = [session_request(f"{self.name}-{line}") for line in range(1, RECORDS + 1)]
        self.records = [Record.of(line, request) for line, request in enumerate(requests, 1)]

    @property
    def host(self) -> str:
        """The name of the host on which the worker runs now."""
        return f"{self.name}.{self.starts}"

    @property
    def results(self) -> dict[int, Outcome]:
        """The latest outcome of each record."""
        return {row.line: row for row in self.rows}

    async def run(self) -> None:
        """Run the batch, and again while something is left to do: while calls fail, or a session is not final."""
        try:
            async with self.client() as checkout:
                for _ in range(_MOST_RUNS):
                    await self._run_once(checkout)
                    if all(row.result.is_final or row.result == "unknown" for row in self.results.values()):
                        break
                    await asyncio.sleep(300)
        except BaseException as error:
            self.failures.append(error)
            raise
        finally:
            self.ended.set()

    async def _run_once(self, checkout: CheckoutClient) -> None:
        try:
            async with batch.Journal(self.journal) as journal:
                async for outcome in batch.run(checkout, self.records, options=_OPTIONS, journal=journal):
                    self.rows.append(outcome)
        except (errors.JournalError, errors.BatchFileError):
            raise
        except errors.CheckoutError:
            pass  # the run ended early, for example because an outage lasted too long

    def lose_the_process(self) -> None:
        """Take the files to where the next process finds them, as the power cut has left them."""
        sizes = self.disk.sizes_of_last_commit(self._log)
        before = self.journal
        self.starts += 1
        self.journal = self._journal_of(self.starts)
        self.journal.parent.mkdir()
        for file in sorted(before.parent.iterdir()):
            if not file.name.endswith("-shm"):
                shutil.copyfile(file, self.journal.parent / file.name)
                (self.journal.parent / file.name).chmod(0o600)
        if sizes is not None and self._log.exists():
            least, most = sizes
            with self._log.open("r+b") as log:
                log.truncate(least + simloom.draw("disk.torn", most - least + 1))

    @property
    def _log(self) -> Path:
        """The journal's write-ahead log."""
        return self.journal.with_name(f"{self.journal.name}-wal")

    def _journal_of(self, start: int) -> Path:
        return self.folder / str(start) / "journal"


class Disk:
    """Runs what the package gives to a thread: in order, one at a time, each after the delay of a disk.

    A crash loses what has not run yet, as it loses what a thread has not written. The next write of a host that crashes
    may still reach the disk, whole or in part.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[tuple[asyncio.Future[Any], Callable[..., Any], tuple[Any, ...]]] = deque()

    def run_in_executor(self, _executor: object, function: Callable[..., Any], *arguments: Any) -> asyncio.Future[Any]:
        """Take the place of the loop's method of this name."""
        future: asyncio.Future[Any] = self._loop.create_future()
        self._waiting.append((future, function, arguments))
        self._loop.call_later(simloom.draw("disk.delay", 20) / 1000, self._run_next)
        return future

    def sizes_of_last_commit(self, log: Path) -> tuple[int, int] | None:
        """Run the write that a crash has stopped, if there was one; return the sizes of the log before and after it."""
        if not self._waiting:
            return None
        before = log.stat().st_size if log.exists() else 0
        _, function, arguments = self._waiting[0]
        self._waiting.clear()
        if function.__name__ != "_write":
            return None
        function(*arguments)
        after = log.stat().st_size if log.exists() else 0
        # A checkpoint starts the log anew; then there is no tail to tear.
        return (before, after) if after >= before > 0 else None

    def _run_next(self) -> None:
        if not self._waiting:
            return
        future, function, arguments = self._waiting.popleft()
        try:
            result = function(*arguments)
        except Exception as error:  # noqa: BLE001 - as an executor does
            if not future.cancelled():
                future.set_exception(error)
        else:
            if not future.cancelled():
                future.set_result(result)
