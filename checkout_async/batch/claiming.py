"""The claim of one record while it is processed: made at the last moment, given back if nothing was sent.

So a process that is killed leaves in doubt only the records whose request was really in flight.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self

from checkout_async._core.wire import Sender
from checkout_async.batch.journal import Claim, Journal, RecordKeys, Step
from checkout_async.batch.records import Record
from checkout_async.client import CheckoutClient

__all__ = ["Claiming", "NotToBeSent", "calls_before_send"]


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


class Claiming:
    """Claims one record when its request is sent. It is the `before_send` of the call. Use it with `with`.

    `failure` is the error of a journal that could not write the claim.
    """

    def __init__(self, journal: Journal, record: Record, *, retry_unknown: bool) -> None:
        self._journal = journal
        self._record = record
        self._retry_unknown = retry_unknown
        self._keys: RecordKeys | None = None
        self._claim: Claim | None = None
        self.failure: Exception | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._keys is not None:
            self._journal.end(self._keys)

    async def begin(self) -> Claim | None:
        """Return the claim of a record that is known or repeated, and not to be sent; None for another record."""
        keys, repeated = self._journal.begin(self._record)
        if repeated is not None:
            return repeated
        self._keys = keys
        return await self._journal.claim_known(self._record, retry_unknown=self._retry_unknown, keys=keys)

    async def __call__(self) -> None:
        """Claim the record unless that is done. Raises NotToBeSent or JournalError if it must not be sent."""
        try:
            claim = self._claim or await self._journal.claim(
                self._record, retry_unknown=self._retry_unknown, keys=self._keys
            )
        except Exception as error:
            self.failure = error
            raise
        self._claim = claim
        if claim.step is not Step.SEND:
            raise NotToBeSent(claim)

    def release(self) -> None:
        """Give the claim back until the record is claimed again: it is proven that nothing was sent."""
        if self._claim is not None and self._claim.step is Step.SEND:
            self._journal.release(self._claim)
            self._claim = None

    async def afterwards(self) -> Claim:
        """Return the claim after the call. A record that could not be sent is claimed now, to have an outcome.

        A person's word was for sending it. Nothing was sent, so an earlier doubt stays.
        """
        if self.failure is not None:
            raise self.failure
        return self._claim or await self._journal.claim(self._record, keys=self._keys)

    def record_session(self, session_id: str) -> None:
        """Note the session of the record."""
        if self._claim is not None:
            self._journal.record_session(self._claim, session_id)
