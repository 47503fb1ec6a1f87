"""The state of one call: what all its attempts have in common, and what it leaves open if it ends now."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from checkout_async._core.abandoned import AbandonedCall, abandoned_call, key_expires_at
from checkout_async._core.wire import ApiRequest, HttpRequest, Idempotency, Operation
from checkout_async.auth.base import Authenticator
from checkout_async.config import RetryPolicy, Timeouts
from checkout_async.transport.observer import CallObserver

__all__ = ["CallProgress", "CallState"]

T = TypeVar("T")


@dataclass(slots=True)
class CallProgress:
    """How far a call has come: what it leaves open if it ends now. `first_attempt` is in UTC."""

    first_attempt: datetime | None = None
    is_in_flight: bool = False
    may_have_been_done: bool = False
    """Whether an attempt that ended may have been carried out."""
    seconds_before_send: float = 0.0
    """How long `before_send` took. Its time is not that of the API, and the deadline does not count it."""
    lacks_token: bool = False
    """Whether no access token could be fetched. That was tried as often as makes sense, so the call is not retried."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CallState(Generic[T]):
    """One call in progress: what all its attempts have in common. `started` is monotonic time in seconds."""

    request: ApiRequest[T]
    http: HttpRequest
    authenticator: Authenticator
    retry: RetryPolicy
    timeouts: Timeouts
    started: float
    caller_supplied_key: bool
    observer: CallObserver
    progress: CallProgress = field(default_factory=CallProgress)
    contradictions: list[object] = field(default_factory=list[object])
    """The values of the replies that contradicted the request."""

    @property
    def operation(self) -> Operation[T]:
        """What is called."""
        return self.request.operation

    @property
    def idempotency_key(self) -> str | None:
        """The idempotency key that every attempt sends, or None."""
        return self.http.idempotency_key

    @property
    def may_have_been_done(self) -> bool:
        """Whether the operation may have been carried out if the call ends without a reply now."""
        progress = self.progress
        only_reads = self.operation.idempotency is Idempotency.SAFE
        return not only_reads and (progress.is_in_flight or progress.may_have_been_done)

    @property
    def key_expires_at(self) -> datetime | None:
        """When the API forgets the idempotency key; None if no attempt was made, or if the caller chose the key.

        The caller may have used the key before: then the API forgets it earlier.
        """
        first_attempt = self.progress.first_attempt
        if first_attempt is None or self.caller_supplied_key:
            return None
        return key_expires_at(self.operation, first_attempt)

    def abandoned(self, now: datetime) -> AbandonedCall | None:
        """Return the record of the call if it is abandoned now, or None if no attempt was made with a key."""
        key = self.idempotency_key
        if key is None or self.progress.first_attempt is None:
            return None
        return abandoned_call(self.operation, self.http.body, key, self.key_expires_at, now)
