"""Run a batch: `run` authenticates records at bounded concurrency and yields an outcome for each.

The workers run in a separate task, so that the caller may leave the generator at any time. Calls in flight are then
finished.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from typing import Final, TypeVar

import anyio

from checkout_async._core.wire import Sender
from checkout_async.batch.breaker import CircuitBreaker, OnPause
from checkout_async.batch.journal import Journal
from checkout_async.batch.options import BatchOptions
from checkout_async.batch.outcome import Outcome
from checkout_async.batch.pool import RunConfig, WorkerPool
from checkout_async.batch.queues import OutcomeQueue, RecordFeed, Records
from checkout_async.config import require_callback, require_type

__all__ = ["run", "run_sync", "run_tracked"]

T = TypeVar("T")

_DEFAULTS: Final = BatchOptions()


def run(
    sender: Sender,
    records: Records,
    *,
    options: BatchOptions = _DEFAULTS,
    journal: Journal | None = None,
    stop: anyio.Event | None = None,
    on_pause: OnPause | None = None,
) -> AsyncGenerator[Outcome]:
    """Authenticate records and yield exactly one outcome for each that was read.

    `sender` is a CheckoutClient with an access key; its limits apply. `FAKE_BROWSER_DATA` as `options.channel_data` is
    for tests.

    With an entered `journal`, no record is sent twice, and an outcome is in the journal before it is yielded. To
    resume, enter the journal again and run the same records: outcomes of earlier runs come back as `replayed`; for
    records in doubt the run reads the session, or reports them as `unknown` if none is known. `retry_unknown` sends the
    latter again.

    While the API fails, the run pauses. It tries one record after each of the waits of `outage_backoff`, and calls
    `on_pause` at each pause. Once `stop` is set, the run reads no further record and still yields the outcomes of those
    that it has read; those that wait to be sent are not sent, and are `failed`. If you may leave the loop early, wrap
    it in `contextlib.aclosing()`: closing, a cancellation and the end of the journal's `async with` wait up to `drain`
    seconds for calls in flight, so that the journal records them.

    An error in a record is part of its outcome. Refused credentials, a missing scope, an outage that outlasts
    `outage_backoff`, a client that is closed or belongs to another event loop or process, a journal that cannot be
    written and an error of `records` end the run. They are raised when the calls in flight have ended.
    """
    if journal is not None:
        require_type("journal", journal, Journal)
    require_callback("on_pause", on_pause)
    return run_tracked(
        RunConfig(sender=sender, options=options, journal=journal),
        records,
        stop=stop,
        on_pause=on_pause,
        in_flight=set(),
    )


async def run_tracked(
    config: RunConfig,
    records: Records,
    *,
    stop: anyio.Event | None,
    on_pause: OnPause | None,
    in_flight: set[int],
) -> AsyncGenerator[Outcome]:
    """Do what `run` does. `in_flight` has the lines of the records that may have been sent and have no outcome yet."""
    options, journal = config.options, config.journal
    outcomes = OutcomeQueue(options.concurrency, in_order=options.in_order)
    pool = WorkerPool(
        config, RecordFeed(records), CircuitBreaker(options.outage_backoff, on_pause), outcomes, in_flight
    )
    at_work = asyncio.create_task(pool.work(options.concurrency, stop), name="checkout_async batch")
    leave = partial(_leave, pool, outcomes, at_work, options.drain)
    with nullcontext() if journal is None else journal.attach_run(leave):
        try:
            while (outcome := await outcomes.take()) is not None:
                yield outcome
            await at_work
        finally:
            await leave()
    if pool.failure is not None:
        raise pool.failure


async def _leave(pool: WorkerPool, outcomes: OutcomeQueue, at_work: asyncio.Task[None], drain: float) -> None:
    """End the run: wait up to `drain` seconds for calls in flight, then cancel them."""
    pool.stop()
    outcomes.end()
    try:
        if not at_work.done() and drain > 0:
            with anyio.CancelScope(shield=True):
                await asyncio.wait([at_work], timeout=drain)
    finally:
        at_work.cancel()
        await asyncio.gather(at_work, return_exceptions=True)


def run_sync(start: Callable[[], Coroutine[object, object, T]]) -> T:
    """Run a coroutine in a new event loop, even inside a running one, as in a notebook or an async actor."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(start())
    with ThreadPoolExecutor(1, "checkout_async partition") as thread:
        return thread.submit(lambda: asyncio.run(start())).result()
