"""Run a batch: `run` authenticates records at bounded concurrency and yields an outcome for each.

The crew runs in a separate task, so that the caller may leave the generator at any time. Calls in flight are then
finished.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import nullcontext
from functools import partial

import anyio

from checkout_async._core.wire import Sender
from checkout_async.batch.crew import Crew, Delivered, Terms
from checkout_async.batch.delivery import Delivery
from checkout_async.batch.flow import Backoff, SharedChannelData
from checkout_async.batch.gate import CircuitBreaker, OnPause
from checkout_async.batch.journal import Journal
from checkout_async.batch.outcome import Outcome
from checkout_async.batch.reader import RecordFeed, Records
from checkout_async.config import Validation, require_level
from checkout_async.errors import ConfigurationError

__all__ = ["DEFAULT_OUTAGE_BACKOFF", "run"]

DEFAULT_OUTAGE_BACKOFF = Backoff(initial=1.0, maximum=60.0, give_up_after=1800.0)
"""An unreachable API is tried again after 1, 2, 4, ... 60 seconds, for half an hour in all."""


async def run(
    sender: Sender,
    records: Records,
    *,
    concurrency: int = 64,
    channel_data: SharedChannelData | None = None,
    poll: Backoff | None = None,
    outage_backoff: Backoff = DEFAULT_OUTAGE_BACKOFF,
    validate: Validation | None = None,
    journal: Journal | None = None,
    retry_unknown: bool = False,
    in_order: bool = False,
    stop: anyio.Event | None = None,
    drain: float = 30.0,
    on_pause: OnPause | None = None,
) -> AsyncGenerator[Outcome]:
    """Authenticate records and yield exactly one outcome for each that was read.

    `sender` is a CheckoutClient with an access key; its limits apply. At most `concurrency` sessions are in flight.
    Outcomes come as soon as they are known or, with `in_order`, in the order of the records. `channel_data` are used
    for sessions whose request has none; without them, such a request is `invalid` unless it is for a hosted session.
    `FAKE_BROWSER_DATA` is for tests. `poll` is the backoff for sessions that are `processing`. `validate` is the level
    at which requests are checked, instead of the client's.

    With an entered `journal`, no record is sent twice. To resume, enter the journal again and run the same records:
    records that an earlier run reported come back as `replayed`; for records in doubt the run reads the session, or
    reports them as `unknown` if none is known. `retry_unknown` sends the latter again.

    While the API fails, the run pauses. It tries one record after each of the waits of `outage_backoff`, and calls
    `on_pause` at each pause. Once `stop` is set, the run reads no further record and still yields the outcomes of those
    that it has read. If you may leave the loop early, wrap it in `contextlib.aclosing()`: closing, a cancellation and
    the end of the journal's `async with` wait up to `drain` seconds for calls in flight, so that the journal records
    them.

    An error in a record is part of its outcome. Refused credentials, a missing scope, an outage that outlasts
    `outage_backoff`, a client that is closed or belongs to another event loop or process, a journal that cannot be
    written and an error of `records` end the run. They are raised when the calls in flight have ended. Raises
    ConfigurationError for a `concurrency` below 1 and an unknown level.
    """
    if concurrency < 1:
        raise ConfigurationError("concurrency must be a whole number above 0")
    if validate is not None:
        require_level(validate)
    terms = Terms(
        sender=sender,
        channel_data=channel_data,
        poll=poll or Backoff(),
        validate=validate,
        journal=journal,
        retry_unknown=retry_unknown,
    )
    delivery: Delivery[Delivered] = Delivery(concurrency, in_order=in_order)
    crew = Crew(terms, RecordFeed(records), CircuitBreaker(outage_backoff, on_pause), delivery)
    at_work = asyncio.create_task(crew.work(concurrency, stop), name="checkout_async batch")
    leave = partial(_leave, crew, delivery, at_work, drain)
    with nullcontext() if journal is None else journal.attach_run(leave):
        try:
            while (delivered := await delivery.take()) is not None:
                outcome, claim = delivered
                yield outcome
                # The caller asks for the next outcome only after it has handled this one. If it stops before, the
                # outcome stays unreported and the next run reports it again.
                if journal is not None and claim is not None:
                    journal.mark_reported(claim)
            await at_work
        finally:
            await leave()
    if crew.failure is not None:
        raise crew.failure


async def _leave(crew: Crew, delivery: Delivery[Delivered], at_work: asyncio.Task[None], drain: float) -> None:
    """End the run: wait up to `drain` seconds for calls in flight, then cancel them."""
    crew.stop()
    delivery.end()
    try:
        if not at_work.done() and drain > 0:
            with anyio.CancelScope(shield=True):
                await asyncio.wait([at_work], timeout=drain)
    finally:
        at_work.cancel()
        await asyncio.gather(at_work, return_exceptions=True)
