"""The state of one call: what all its attempts have in common, and what it leaves open if it ends now."""

from __future__ import annotations

from datetime import datetime
from typing import Generic, TypeVar

from checkout_async._core.abandoned import AbandonedCall, abandoned_call, key_expires_at
from checkout_async._core.wire import ApiRequest, HttpRequest, Idempotency, Operation
from checkout_async.auth.base import Authenticator
from checkout_async.config import RetryPolicy, Timeouts
from checkout_async.transport.observer import CallObserver

__all__ = ["CallState"]

T = TypeVar("T")


# Written by hand: a frozen dataclass of so many fields takes 4 us to make, this takes 1.
class CallState(Generic[T]):
    """One call in progress: what all its attempts have in common, and how far it has come.

    `deadline` is monotonic time in seconds. `observer` is None without hooks.
    """

    __slots__ = (
        "authenticator",
        "caller_supplied_key",
        "contradictions",
        "deadline",
        "first_attempt",
        "http",
        "is_in_flight",
        "lacks_token",
        "may_earlier_have_been_done",
        "observer",
        "request",
        "retry",
        "timeouts",
        "was_refused",
    )

    def __init__(
        self,
        request: ApiRequest[T],
        http: HttpRequest,
        authenticator: Authenticator,
        retry: RetryPolicy,
        timeouts: Timeouts,
        started: float,
        observer: CallObserver | None,
    ) -> None:
        self.request: ApiRequest[T] = request
        self.http: HttpRequest = http
        self.authenticator: Authenticator = authenticator
        self.retry: RetryPolicy = retry
        self.timeouts: Timeouts = timeouts
        self.deadline: float = started + timeouts.total
        self.observer: CallObserver | None = observer
        self.caller_supplied_key: bool = request.options.idempotency_key is not None
        self.first_attempt: datetime | None = None
        """When the first attempt with an idempotency key was made, in UTC."""
        self.is_in_flight: bool = False
        self.may_earlier_have_been_done: bool = False
        """Whether an attempt that ended may have been carried out."""
        self.was_refused: bool = False
        """Whether the API has answered a request of the call with an error status."""
        self.lacks_token: bool = False
        """Whether no access token could be fetched. That was tried as often as makes sense: the call is not retried."""
        self.contradictions: list[object] | None = None
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
        only_reads = self.operation.idempotency is Idempotency.SAFE
        return not only_reads and (self.is_in_flight or self.may_earlier_have_been_done)

    @property
    def key_expires_at(self) -> datetime | None:
        """When the API forgets the idempotency key; None if no attempt was made, or if the caller chose the key.

        The caller may have used the key before: then the API forgets it earlier.
        """
        if self.first_attempt is None or self.caller_supplied_key:
            return None
        return key_expires_at(self.operation, self.first_attempt)

    def abandoned(self, now: datetime) -> AbandonedCall | None:
        """Return the record of the call if it is abandoned now, or None if no attempt was made with a key."""
        key = self.idempotency_key
        if key is None or self.first_attempt is None:
            return None
        return abandoned_call(self.operation, self.http.body, key, self.key_expires_at, now)
