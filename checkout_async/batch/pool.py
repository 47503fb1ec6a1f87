"""The workers of a run: each takes a record, looks it up in the journal, authenticates it, and reports the outcome.

The order for each record: the claim is on disk immediately before the request is sent (sending.py), and the outcome is
on disk before it is reported.

A failure between two of these steps is safe. After the claim and before the reply, the journal says that the request
may have been sent, so a later run does not send it by itself. After the reply and before the outcome is on disk, the
journal still says so, and a later run reads the session if its id was noted.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial

import anyio
from anyio.abc import TaskGroup
from msgspec.structs import replace

from checkout_async._core.wire import Sender
from checkout_async.batch.attempts import Attempts
from checkout_async.batch.breaker import CircuitBreaker
from checkout_async.batch.journal import Claim, Journal, Step
from checkout_async.batch.options import BatchOptions
from checkout_async.batch.outcome import BatchResult, Outcome
from checkout_async.batch.queues import OutcomeQueue, RecordFeed
from checkout_async.batch.records import InvalidRecord, Record
from checkout_async.batch.sending import NotToBeSent, SessionCall, SessionCalls
from checkout_async.errors import InvalidRequest

__all__ = ["RunConfig", "WorkerPool"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """What all workers of a run share: the client, the options and the journal."""

    sender: Sender
    options: BatchOptions
    journal: Journal | None


class WorkerPool:
    """All workers of a run. `failure` is the error that ended it early.

    `in_flight` is kept up to date: the lines of the records that may have been sent and have no outcome yet.
    """

    def __init__(
        self,
        config: RunConfig,
        feed: RecordFeed,
        breaker: CircuitBreaker,
        outcomes: OutcomeQueue,
        in_flight: set[int] | None = None,
    ) -> None:
        self._journal = config.journal
        options, journal = config.options, config.journal
        self._calls = SessionCalls(journal, set() if in_flight is None else in_flight, options.retry_unknown)
        self._attempts = Attempts(config.sender, options, breaker, self._calls, self._abort, self._is_cancelled)
        self._feed = feed
        self._breaker = breaker
        self._outcomes = outcomes
        self._failure: Exception | None = None
        self._group: TaskGroup | None = None
        self._unsettled = 0
        self._all_settled = anyio.Event()

    @property
    def failure(self) -> Exception | None:
        """The error that ended the run early."""
        return self._failure or self._feed.failure

    async def work(self, size: int, stop: anyio.Event | None) -> None:
        """Process all records, at most `size` at once, then end the queue."""
        try:
            async with anyio.create_task_group() as watch:
                if stop is not None:
                    watch.start_soon(self._stop_on_event, stop)
                async with anyio.create_task_group() as group:
                    self._group = group
                    for _ in range(size):
                        group.start_soon(self._worker_loop)
                while self._unsettled:
                    self._all_settled = anyio.Event()
                    await self._all_settled.wait()
                watch.cancel_scope.cancel()
        finally:
            self._outcomes.end()

    def stop(self) -> None:
        """Read no further record. Records that wait to be sent, for whatever reason, will not be."""
        self._feed.stop()
        self._breaker.cancel_waiters()
        self._calls.stop()

    async def _stop_on_event(self, stop: anyio.Event) -> None:
        await stop.wait()
        self.stop()

    async def _worker_loop(self) -> None:
        while True:
            await self._outcomes.wait_for_room(self._feed.position)
            if (taken := await self._feed.take()) is None:
                return
            await self._process(*taken)

    async def _process(self, number: int, item: Record | InvalidRecord) -> None:
        if isinstance(item, InvalidRecord):
            self._settle(number, None, Outcome.invalid_record(item))
            return
        call = SessionCall(self._calls, item)
        if self._journal is None:
            self._put(number, await self._attempts.authenticate(item, call))
            return
        try:
            await self._process_journaled(number, item, call, self._journal)
        finally:
            call.forget(self._journal)

    async def _process_journaled(self, number: int, record: Record, call: SessionCall, journal: Journal) -> None:
        """Do what the journal says, which has the record's claim before the request is sent."""
        try:
            claim = await call.known(journal)
        except InvalidRequest as error:
            self._settle(number, None, Outcome.of(record, None, error))
        except Exception as error:  # noqa: BLE001  # nothing may be sent before its claim is on disk
            self._give_up(number, record, error)
        else:
            if claim is None:
                await self._send(number, record, call, journal)
            else:
                await self._follow(number, record, call, claim)

    async def _send(self, number: int, record: Record, call: SessionCall, journal: Journal) -> None:
        """Authenticate a record that is claimed when its request is sent."""
        try:
            outcome = await self._attempts.authenticate(record, call)
        except NotToBeSent as refused:
            await self._follow(number, record, call, refused.claim)
            return
        try:
            claim = await call.afterwards(journal)
        except Exception as error:  # noqa: BLE001  # as above
            self._give_up(number, record, error)
            return
        if claim.step is Step.SEND:
            self._settle(number, claim, outcome)
        else:
            await self._follow(number, record, call, claim)

    async def _follow(self, number: int, record: Record, call: SessionCall, claim: Claim) -> None:
        """Do what the journal has answered, which is not to send the record."""
        if claim.outcome is None:
            self._settle(number, claim, await self._attempts.authenticate(record, call, claim.session_id))
        elif claim.step is Step.REPLAY:
            self._put(number, claim.outcome)
        else:
            self._settle(number, claim, claim.outcome)

    def _give_up(self, number: int, record: Record, error: Exception) -> None:
        """End the run, because the journal cannot say that this record is being sent."""
        self._abort(error)
        self._put(number, Outcome.not_sent(record, error))

    def _settle(self, number: int, claim: Claim | None, outcome: Outcome) -> None:
        """Put the outcome into the queue once it is on disk. The worker takes the next record meanwhile."""
        if self._journal is None:
            self._put(number, outcome)
            return
        if claim is not None and claim.replaces_doubt and outcome.result is BatchResult.FAILED:
            # That this request was not sent says nothing about the earlier one.
            outcome = replace(outcome, result=BatchResult.UNKNOWN)
        try:
            outcome, writing = self._journal.settle_nowait(claim, outcome)
        except Exception as error:  # noqa: BLE001  # as below
            self._abort(error)
            self._put(number, outcome)
            return
        self._unsettled += 1
        writing.add_done_callback(partial(self._settled, number, outcome))

    def _put(self, number: int, outcome: Outcome) -> None:
        self._calls.in_flight.discard(outcome.line)
        self._outcomes.put(number, outcome)

    def _settled(self, number: int, outcome: Outcome, writing: asyncio.Future[None]) -> None:
        self._unsettled -= 1
        error = writing.exception()
        if isinstance(error, Exception):
            # The outcome is known and must be reported all the same. It has no entry, because the journal does not
            # have it: the next run treats the record as one that may have been sent.
            self._abort(error)
            outcome = replace(outcome, entry=None)
        self._put(number, outcome)
        if not self._unsettled:
            self._all_settled.set()

    def _is_cancelled(self) -> bool:
        return self._group is None or self._group.cancel_scope.cancel_called

    def _abort(self, failure: Exception) -> None:
        self._failure = self._failure or failure
        self.stop()
