"""The two ends of a run: `RecordFeed` gives its workers the records, `OutcomeQueue` its caller the outcomes.

Both are bounded by what the workers do. A record is read when a worker asks for one; workers put outcomes in without
waiting, and wait for room before they take new work. So a slow caller stops the reading of the input, and a fast one
costs nothing.

A queue of asyncio or a stream of anyio would read one record ahead, which a stop would have to lose or to send. They
also have no order but that of arrival, and let a worker wait with an outcome in its hands.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from typing import Final, cast

import anyio

from checkout_async.batch.outcome import Outcome
from checkout_async.batch.records import InvalidRecord, Record
from checkout_async.errors import CheckoutError
from checkout_async.models import sessions

__all__ = ["Item", "OutcomeQueue", "RecordFeed", "Records"]

Item = Record | InvalidRecord | sessions.SessionRequest | Mapping[str, object]
"""What a batch accepts; a bare request counts as a record whose line is its position, from 1."""

Records = Iterable[Item] | AsyncIterable[Item]

_WINDOW: Final = 4


class RecordFeed:
    """Reads for any number of workers. `position` counts the records read; `failure` is what the iterable raised.

    An asynchronous iterable is read in a separate task: its cancel scopes and task groups must be entered and left in
    the same task. If it does not end when it is cancelled, it is abandoned.
    """

    def __init__(self, records: Records) -> None:
        self._iterator: Iterator[Item] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._waiters: deque[asyncio.Future[Item | None]] = deque()
        self._is_requested = asyncio.Event()
        self._ended = False
        self.position: int = 0
        self.failure: Exception | None = None
        if isinstance(records, AsyncIterable):
            self._reading = asyncio.create_task(self._read(aiter(records)), name="checkout_async records")
            self._reading.add_done_callback(self._finished)
        else:
            self._iterator = iter(records)

    def stop(self) -> None:
        """Read no more, and stop waiting for an iterable that yields nothing."""
        self._ended = True
        if self._reading is not None:
            self._reading.cancel()
        self._release_waiters()

    async def take(self) -> tuple[int, Record | InvalidRecord] | None:
        """Return the next record and its number, from 0; None at the end."""
        item = await self._request_next() if self._iterator is None else self._next(self._iterator)
        if item is None:
            return None
        self.position += 1
        return self.position - 1, _as_record(item, self.position)

    def _next(self, iterator: Iterator[Item]) -> Item | None:
        if self._ended:
            return None
        try:
            return next(iterator)
        except StopIteration:
            self._ended = True
        except Exception as error:  # noqa: BLE001  # the caller's iterable; raised when the records read are done
            self._ended = True
            self.failure = error
        return None

    async def _request_next(self) -> Item | None:
        if self._ended:
            return None
        waiter: asyncio.Future[Item | None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self._is_requested.set()
        return await waiter

    async def _read(self, iterator: AsyncIterator[Item]) -> None:
        """Read one item for each waiter."""
        while True:
            while not self._waiters:
                self._is_requested.clear()
                await self._is_requested.wait()
            try:
                item = await anext(iterator)
            except StopAsyncIteration:
                return
            while self._waiters:
                waiter = self._waiters.popleft()
                if not waiter.done():
                    waiter.set_result(item)
                    break

    def _finished(self, reading: asyncio.Task[None]) -> None:
        """Note why the reading ended: its end, an error, or a cancellation that this run did not request."""
        if reading.cancelled():
            if not self._ended:
                self.failure = CheckoutError("the iterable of records was cancelled from outside this run")
        elif isinstance(error := reading.exception(), Exception):
            self.failure = error
        self._ended = True
        self._release_waiters()

    def _release_waiters(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)


def _as_record(item: object, number: int) -> Record | InvalidRecord:
    if isinstance(item, Record | InvalidRecord):
        return item
    if isinstance(item, sessions.SessionRequest | Mapping):
        return Record.of(number, cast("sessions.SessionRequest | Mapping[str, object]", item))
    return InvalidRecord(
        line=number, reason=f"a record must be a SessionRequest or a mapping, not {type(item).__name__}"
    )


class OutcomeQueue:
    """The outcomes of records that are numbered from 0.

    As completed, at most `size` outcomes wait here for the consumer. With `in_order`, work in progress and waiting
    outcomes lie within a window of four times `size` from the next outcome due.
    """

    def __init__(self, size: int, *, in_order: bool) -> None:
        self._size = size
        self._in_order = in_order
        self._ready: deque[Outcome] = deque()
        self._early: dict[int, Outcome] = {}
        self._due = 0
        self._ended = False
        self._something = anyio.Event()
        self._room = anyio.Event()

    async def wait_for_room(self, number: int) -> None:
        """Wait until the work of this number may begin."""
        while not self._has_room(number) and not self._ended:
            if self._room.is_set():
                self._room = anyio.Event()
            await self._room.wait()

    def put(self, number: int, outcome: Outcome) -> None:
        """Add the outcome of a number, exactly once for each."""
        if self._in_order:
            self._early[number] = outcome
            while self._due in self._early:
                self._ready.append(self._early.pop(self._due))
                self._due += 1
        else:
            self._ready.append(outcome)
        self._something.set()

    def end(self) -> None:
        """End the queue: no more outcomes come, or no one takes them."""
        self._ended = True
        self._something.set()
        self._room.set()

    async def take(self) -> Outcome | None:
        """Return the next outcome, as soon as there is one; None at the end."""
        while not self._ready:
            if self._ended:
                return None
            self._something = anyio.Event()
            await self._something.wait()
        outcome = self._ready.popleft()
        self._room.set()
        return outcome

    def _has_room(self, number: int) -> bool:
        if self._in_order:
            return number < self._due - len(self._ready) + _WINDOW * self._size
        return len(self._ready) < self._size
