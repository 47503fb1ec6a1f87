"""Group commit: operations on the journal collect while a dedicated thread writes those that came before.

The callers whose operations are in one group wait for the same commit, so that its cost is shared. The thread runs its
jobs in the order in which they were submitted, so operations reach the disk in the order of the calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from checkout_async.batch.journal.claim import JournalOperation
from checkout_async.batch.journal.fingerprint import Fingerprints
from checkout_async.batch.journal.ledger import JournalStore
from checkout_async.errors import JournalError

__all__ = ["JournalWriter"]

T = TypeVar("T")

_Batch = list[tuple[JournalOperation, asyncio.Future[None] | None]]
"""Operations, each with the future its caller waits for, if it does."""


class JournalWriter:
    """The event loop's side of a JournalStore. Call its methods only from the loop that made it."""

    def __init__(self, opening: Callable[[], JournalStore]) -> None:
        self._opening = opening
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, "checkout_async journal")
        self._gathered: _Batch = []
        self._is_due = False
        self._being_written = 0
        self._ledger: JournalStore | None = None

    async def open(self) -> Fingerprints:
        """Open the file; if the caller is cancelled meanwhile, the file is closed again. Raises BatchFileError."""
        try:
            return await self._in_thread(self._open)
        except BaseException:
            self._in_thread(self._close)
            self._thread.shutdown(wait=False)
            raise

    def write(self, operation: JournalOperation) -> asyncio.Future[None]:
        """Write an operation. The future is done when it is in the file; cancelling the future does not stop the write.

        Its error is a JournalError.
        """
        future: asyncio.Future[None] = self._loop.create_future()
        self._gathered.append((operation, future))
        self._make_due()
        return future

    def add(self, operation: JournalOperation) -> None:
        """Write an operation as soon as the writes before it are done; return at once."""
        self.add_to_next(operation)
        self._make_due()

    def add_to_next(self, operation: JournalOperation) -> None:
        """Write an operation together with the next one that has a waiting caller."""
        self._gathered.append((operation, None))

    async def run(self, call: Callable[[JournalStore], T]) -> T:
        """Run a call on the store in the thread, after all pending operations. Raises JournalError."""
        self._hand_over()
        return await self._in_thread(lambda: call(self._held))

    async def close(self) -> None:
        """Write the pending operations and close the file, even if the caller is cancelled. Raises JournalError."""
        self._hand_over()
        closing = self._in_thread(self._close)
        self._thread.shutdown(wait=False)
        await closing

    def _make_due(self) -> None:
        if not self._is_due and not self._being_written:
            # All operations of this turn of the event loop go into the same group.
            self._loop.call_soon(self._hand_over)
        self._is_due = True

    def _hand_over(self) -> None:
        self._is_due = False
        if not self._gathered:
            return
        batch, self._gathered = self._gathered, []
        self._being_written += 1
        writing = self._loop.run_in_executor(self._thread, self._write, batch)
        writing.add_done_callback(partial(self._written, batch))

    def _written(self, batch: _Batch, writing: asyncio.Future[None]) -> None:
        self._being_written -= 1
        if self._is_due and not self._being_written:
            self._hand_over()
        error = writing.exception()
        for _, future in batch:
            if future is None or future.done():
                continue
            if error is None:
                future.set_result(None)
            else:
                # One error for each caller: every raise would add to the traceback of a shared one.
                future.set_exception(JournalError(str(error)))

    def _in_thread(self, call: Callable[[], T]) -> asyncio.Future[T]:
        return asyncio.shield(self._loop.run_in_executor(self._thread, call))

    def _open(self) -> Fingerprints:
        self._ledger = self._opening()
        return self._ledger.fingerprints

    def _write(self, batch: _Batch) -> None:
        self._held.apply([operation for operation, _ in batch])

    def _close(self) -> None:
        if self._ledger is not None:
            self._ledger.close()

    @property
    def _held(self) -> JournalStore:
        assert self._ledger is not None
        return self._ledger
