"""The events of a call, as frozen values, and the Hook protocol that receives them.

A call emits CallStarted first and CallEnded last. In between, each HTTP exchange emits Waited (only if it had to wait),
AttemptStarted and AttemptEnded, and RetryScheduled comes between two exchanges. Fetching an access token is a separate
call with TokenFetchStarted and TokenFetchEnded. No event contains a card number, a credential or a body, neither as a
field nor in its `repr`. Only an abandoned call has its idempotency key, and no `repr` shows it. Durations are in
seconds.
"""

from __future__ import annotations

from enum import Enum
from typing import Protocol

import msgspec

from checkout_async._core.abandoned import AbandonedCall
from checkout_async._core.wire import Idempotency
from checkout_async.errors import CheckoutError

__all__ = [
    "AttemptEnded",
    "AttemptStarted",
    "CallEnded",
    "CallInfo",
    "CallStarted",
    "Event",
    "Hook",
    "RetryScheduled",
    "TokenFetchEnded",
    "TokenFetchStarted",
    "WaitReason",
    "Waited",
]


class CallInfo(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The call that an event belongs to. All events of a call share one object; it is compared by identity.

    `operation` is the operation's name. `path` is its template, without the identifiers of this call. `server` and
    `port` are the address that the call goes to.
    """

    operation: str
    method: str
    path: str
    idempotency: Idempotency
    server: str
    port: int


class WaitReason(Enum):
    """What an attempt waited for before it was sent."""

    SLOT = "slot"
    """A free slot: `Limits.concurrency` attempts were in flight."""
    RATE = "rate"
    """The rate limit: `Limits.read_rate` or `write_rate`, or a slow-down after a 429."""
    TOKEN = "token"  # noqa: S105 - no secret
    """An access token."""


# Structs, because frozen dataclasses take ten times as long to make, and a call makes four.
class Event(msgspec.Struct, frozen=True, kw_only=True):
    """The base of all events."""

    call: CallInfo


class CallStarted(Event, frozen=True, kw_only=True):
    """A call starts. Its request is valid."""


class CallEnded(Event, frozen=True, kw_only=True):
    """A call ended with a success `status`, with the `failure` that it raised, or because the caller cancelled it.

    `attempts` counts the HTTP exchanges. `status` and `request_id` are those of the last exchange, or None if it had no
    reply. `ignored` lists the JSON paths of the members whose type does not match the specification.

    `may_have_been_done` is that of the failure. Of a cancelled call it says whether a request may have reached the API.
    `abandoned` is what to keep of a call with an idempotency key whose caller may not see an exception, or None.
    """

    seconds: float
    attempts: int
    status: int | None
    request_id: str | None
    failure: CheckoutError | None = None
    cancelled: bool = False
    may_have_been_done: bool = False
    abandoned: AbandonedCall | None = None
    ignored: tuple[str, ...] = ()


class TokenFetchStarted(CallStarted, frozen=True, kw_only=True):
    """The client is about to request an access token from the token endpoint."""


class TokenFetchEnded(CallEnded, frozen=True, kw_only=True):
    """The token endpoint returned a token, or `failure` says why it did not."""


class AttemptStarted(Event, frozen=True, kw_only=True):
    """An HTTP request is about to be sent. `attempt` counts from 1 and includes the repetition after a 401."""

    attempt: int


class AttemptEnded(Event, frozen=True, kw_only=True):
    """A reply was read to its end (`status`), or none came (`failure`), or the caller cancelled the call."""

    attempt: int
    seconds: float
    status: int | None = None
    request_id: str | None = None
    failure: CheckoutError | None = None
    cancelled: bool = False


class Waited(Event, frozen=True, kw_only=True):
    """The next attempt had to wait before it could be sent. `attempt` is its number, starting at 1."""

    attempt: int
    reason: WaitReason
    seconds: float


class RetryScheduled(Event, frozen=True, kw_only=True):
    """Exchange number `attempt` ended with `failure`. The next one starts in `seconds`."""

    attempt: int
    seconds: float
    failure: CheckoutError


class Hook(Protocol):
    """A callable that receives every event of a client. Pass it as `CheckoutClient(hooks=[...])`.

    It is called in the task of the call, so it must be quick and must not block. An exception that it raises is logged
    and does not affect the call.
    """

    def __call__(self, event: Event, /) -> None:
        """Handle an event."""
        ...
