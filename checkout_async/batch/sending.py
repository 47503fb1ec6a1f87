"""When the request for a new session is sent: before that nothing was sent, from then on it may have arrived.

A call may wait for minutes, for a slot or a rate or because the API asks for it. While it waits, its record is not
claimed: a process that is killed leaves in doubt only the records whose request was really in flight. When the run is
stopped, the calls that wait end at once, and those in flight are finished.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from checkout_async._core.wire import Sender
from checkout_async.batch.breaker import RunStopped
from checkout_async.batch.journal import Claim, Journal, RecordKeys, Step
from checkout_async.batch.records import Record
from checkout_async.client import CheckoutClient

__all__ = ["NotToBeSent", "SessionCall", "SessionCalls", "calls_before_send"]


class NotToBeSent(Exception):
    """The journal has another answer than to send the record, for example because it is a duplicate."""

    def __init__(self, claim: Claim) -> None:
        super().__init__()
        self.claim = claim


def calls_before_send(sender: Sender) -> bool:
    """Whether a sender is known to await `before_send` before each attempt: a client whose `send` is its own.

    Another sender may drop the options of a call, and a request would be sent without a claim.
    """
    return isinstance(sender, CheckoutClient) and getattr(sender.send, "__func__", None) is CheckoutClient.send


class SessionCalls:
    """The calls of a run. `in_flight` gets the lines of the records whose requests may have arrived."""

    def __init__(self, journal: Journal | None, in_flight: set[int], retry_unknown: bool) -> None:
        self.journal = journal
        self.in_flight = in_flight
        self.retry_unknown = retry_unknown
        self.is_stopped: bool = False
        self.waiting: set[SessionCall] = set()

    def stop(self) -> None:
        """End all calls that wait to be sent, now and later."""
        self.is_stopped = True
        for call in self.waiting:
            call.is_ended = True
        # Those whose wait has just failed go on first, and report why.
        asyncio.get_running_loop().call_soon(self._cancel)

    def _cancel(self) -> None:
        for call in tuple(self.waiting):
            call.cancel()


class SessionCall:
    """The call that creates the session of one record, and the record's claim, if there is a journal.

    `was_sent` is whether it was sent before, without effect; `is_ended`, whether it must not be sent any more.
    `failure` is the error of a journal that could not write the claim.
    """

    __slots__ = ("_calls", "_claim", "_is_cancelled", "_keys", "_record", "_task", "failure", "is_ended", "was_sent")

    def __init__(self, calls: SessionCalls, record: Record) -> None:
        self.was_sent: bool = False
        self.is_ended: bool = False
        self.failure: Exception | None = None
        self._calls = calls
        self._record = record
        self._keys: RecordKeys | None = None
        self._claim: Claim | None = None
        self._task: asyncio.Task[object] | None = None
        self._is_cancelled = False

    async def known(self, journal: Journal) -> Claim | None:
        """Return the claim of a record that is known or repeated, and not to be sent; None for another record.

        Raises InvalidRequest for a request that cannot be written as JSON, and JournalError.
        """
        keys, repeated = journal.begin(self._record)
        if repeated is not None:
            return repeated
        self._keys = keys
        return await journal.claim_known(self._record, retry_unknown=self._calls.retry_unknown, keys=keys)

    def forget(self, journal: Journal) -> None:
        """End the record: its outcome, if it has one, was handed to the journal."""
        if self._keys is not None:
            journal.end(self._keys)

    async def wait_and_send(self, attempt: Callable[[], Awaitable[None]]) -> None:
        """Make an attempt that calls `before_send`. Raises RunStopped if the run stops while it waits."""
        self._require_running()
        self._task = task = asyncio.current_task()
        before = 0 if task is None else task.cancelling()
        try:
            await attempt()
        except BaseException as error:
            # As in asyncio.timeout: the cancellation was ours alone if no other is left. A cancel scope for each call
            # would cost 10 us.
            is_ours = self._is_cancelled and task is not None and task.uncancel() <= before
            if is_ours and isinstance(error, asyncio.CancelledError):
                raise RunStopped from None
            raise
        finally:
            self._calls.waiting.discard(self)

    def _require_running(self) -> None:
        if self._calls.is_stopped:
            raise RunStopped
        self._calls.waiting.add(self)

    def cancel(self) -> None:
        """Cancel the call, which waits in another task."""
        self._is_cancelled = True
        if self._task is not None:
            self._task.cancel()

    async def before_send(self) -> None:
        """Claim the record, because its request is sent now.

        Raises RunStopped if the run was stopped, NotToBeSent if the journal has another answer, and JournalError.
        """
        if self.is_ended:
            # Its wait was over before the cancellation, which must not meet the request in flight.
            raise RunStopped
        self._calls.waiting.discard(self)
        self._calls.in_flight.add(self._record.line)
        if self._calls.journal is None:
            return
        try:
            self._claim = claim = self._claim or await self._claim_now(self._calls.journal)
        except Exception as error:
            self.failure = error
            raise
        if claim.step is not Step.SEND:
            raise NotToBeSent(claim)

    async def _claim_now(self, journal: Journal, *, retry_unknown: bool | None = None) -> Claim:
        retries = self._calls.retry_unknown if retry_unknown is None else retry_unknown
        return await journal.claim(self._record, retry_unknown=retries, keys=self._keys)

    def on_unsent(self) -> None:
        """Note that the request was not carried out and waits to be sent again. Raises RunStopped if the run stops."""
        self.withdraw()
        self.was_sent = True
        self._require_running()

    def withdraw(self) -> None:
        """Note that the request was not carried out: give its claim back until it is sent again."""
        self._calls.in_flight.discard(self._record.line)
        if self._calls.journal is not None and self._claim is not None and self._claim.step is Step.SEND:
            self._calls.journal.release(self._claim)
            self._claim = None

    def note_session(self, session_id: str) -> None:
        """Note the session of the record."""
        if self._calls.journal is not None and self._claim is not None:
            self._calls.journal.record_session(self._claim, session_id)

    async def afterwards(self, journal: Journal) -> Claim:
        """Return the claim after the call. A record that could not be sent is claimed now, to have an outcome.

        A person's word was for sending it. Nothing was sent, so an earlier doubt stays. Raises JournalError.
        """
        if self.failure is not None:
            raise self.failure
        return self._claim or await self._claim_now(journal, retry_unknown=False)
