"""Many records at once: bounded concurrency, back-pressure, results in the order in which they are ready.

A feeder reads records and hands them to as many workers as there may be sessions in flight; nobody reads ahead of a
slow consumer. The crew runs in a task of its own, so that the generator may be left at any time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable

import anyio
from anyio.lowlevel import checkpoint_if_cancelled
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from checkout_async._core.wire import Sender
from checkout_async.batch.flow import DEFAULT_CHANNEL_DATA, Patience, SharedChannelData, authenticate_one
from checkout_async.batch.outcome import Failure, Outcome
from checkout_async.batch.records import BadLine, Record
from checkout_async.errors import AuthenticationFailed, ConfigurationError

__all__ = ["Records", "authenticate"]

Records = Iterable[Record | BadLine] | AsyncIterable[Record | BadLine]


async def authenticate(
    sender: Sender,
    records: Records,
    *,
    concurrency: int = 64,
    channel_data: SharedChannelData = DEFAULT_CHANNEL_DATA,
    patience: Patience | None = None,
    stop: anyio.Event | None = None,
) -> AsyncGenerator[Outcome]:
    """Authenticate records and yield exactly one outcome for each that was read, as soon as it is known.

    `sender` is a CheckoutClient with an access key. At most `concurrency` sessions are in flight. `channel_data` go
    to sessions whose request has none; `patience` says how long a session that is `processing` is waited for. Once
    `stop` is set no further record is read, and the outcomes of those that were still come. A generator that is
    closed early cancels what is in flight.

    An error in a record is part of its outcome. After an AuthenticationFailed, which every other record would meet
    as well, no further record is read, and it is raised when what was in flight is done; the same with an error that
    `records` raises. Raises ConfigurationError for a `concurrency` below 1.
    """
    if concurrency < 1:
        raise ConfigurationError("concurrency must be a whole number above 0")
    crew = _Crew(sender, channel_data, patience or Patience())
    sending, receiving = anyio.create_memory_object_stream[Outcome]()
    at_work = asyncio.create_task(crew.work(records, concurrency, sending, stop), name="checkout_async batch")
    try:
        async for outcome in receiving:
            yield outcome
        await at_work
    finally:
        at_work.cancel()
        await asyncio.gather(at_work, return_exceptions=True)
        receiving.close()
    if crew.failure is not None:
        raise crew.failure


class _Crew:
    """One feeder and its workers. `failure` is what ended the reading before its time."""

    def __init__(self, sender: Sender, channel_data: SharedChannelData, patience: Patience) -> None:
        self._sender = sender
        self._channel_data = channel_data
        self._patience = patience
        self._reading = anyio.CancelScope()
        self.failure: Exception | None = None

    async def work(
        self, records: Records, size: int, results: MemoryObjectSendStream[Outcome], stop: anyio.Event | None
    ) -> None:
        """Carry out all records, then close `results`."""
        handing, taking = anyio.create_memory_object_stream[Record | BadLine]()
        async with anyio.create_task_group() as watch, results:
            if stop is not None:
                watch.start_soon(self._stop_reading, stop)
            async with anyio.create_task_group() as group:
                group.start_soon(self._feed, records, handing)
                with taking:
                    for _ in range(size):
                        group.start_soon(self._carry_out, taking.clone(), results)
            watch.cancel_scope.cancel()

    async def _stop_reading(self, stop: anyio.Event) -> None:
        await stop.wait()
        self._reading.cancel()

    async def _feed(self, records: Records, handing: MemoryObjectSendStream[Record | BadLine]) -> None:
        async with handing:
            with self._reading:
                try:
                    async for item in _each(records):
                        # What was read is carried out, stopped or not: whoever counts what was read can rely on it.
                        with anyio.CancelScope(shield=True):
                            await handing.send(item)
                        await checkpoint_if_cancelled()
                except Exception as error:  # noqa: BLE001  # results in flight come first; raised after them
                    self.failure = error

    async def _carry_out(
        self, taking: MemoryObjectReceiveStream[Record | BadLine], results: MemoryObjectSendStream[Outcome]
    ) -> None:
        async with taking:
            async for item in taking:
                outcome = await authenticate_one(self._sender, item, self._channel_data, self._patience)
                if outcome.error is not None and outcome.error.kind == AuthenticationFailed.__name__:
                    self._give_up(outcome.error)
                await results.send(outcome)

    def _give_up(self, failure: Failure) -> None:
        self.failure = self.failure or AuthenticationFailed(failure.message, status=failure.status)
        self._reading.cancel()


async def _each(records: Records) -> AsyncIterator[Record | BadLine]:
    if isinstance(records, AsyncIterable):
        async for item in records:
            yield item
    else:
        for item in records:
            yield item
