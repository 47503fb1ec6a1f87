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

from checkout_async.batch.journal.operations import JournalOperation
from checkout_async.batch.journal.store import JournalStore
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
        self._pending: _Batch = []
        self._is_scheduled = False
        self._in_thread_now = 0
        self._store: JournalStore | None = None

    async def open(self) -> JournalStore:
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
        self._pending.append((operation, future))
        self._schedule_flush()
        return future

    def add(self, operation: JournalOperation) -> None:
        """Write an operation as soon as the writes before it are done; return at once."""
        self._pending.append((operation, None))
        self._schedule_flush()

    async def run(self, call: Callable[[JournalStore], T]) -> T:
        """Run a call on the store in the thread, after all pending operations. Raises JournalError."""
        self._flush()
        return await self._in_thread(lambda: call(self._opened))

    async def close(self) -> None:
        """Write the pending operations and close the file, even if the caller is cancelled. Raises JournalError."""
        self._flush()
        closing = self._in_thread(self._close)
        self._thread.shutdown(wait=False)
        await closing

    def _schedule_flush(self) -> None:
        if not self._is_scheduled and not self._in_thread_now:
            # All operations of this turn of the event loop go into the same group.
            self._loop.call_soon(self._flush)
        self._is_scheduled = True

    def _flush(self) -> None:
        self._is_scheduled = False
        if not self._pending:
            return
        batch, self._pending = self._pending, []
        self._in_thread_now += 1
        writing = self._loop.run_in_executor(self._thread, self._write, batch)
        writing.add_done_callback(partial(self._written, batch))

    def _written(self, batch: _Batch, writing: asyncio.Future[None]) -> None:
        self._in_thread_now -= 1
        if self._is_scheduled and not self._in_thread_now:
            self._flush()
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

    def _open(self) -> JournalStore:
        self._store = self._opening()
        return self._store

    def _write(self, batch: _Batch) -> None:
        self._opened.apply([operation for operation, _ in batch])

    def _close(self) -> None:
        if self._store is not None:
            self._store.close()

    @property
    def _opened(self) -> JournalStore:
        assert self._store is not None
        return self._store
