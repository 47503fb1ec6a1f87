"""What happens during a call, as frozen values, and the Hook protocol that is told of it.

The order of one call: CallStarted, then for each HTTP exchange Waited (only if it had to wait), AttemptStarted and
AttemptEnded, between exchanges RetryScheduled, at last CallEnded. Fetching an access token is a call of its own, told
by TokenFetchStarted and TokenFetchEnded. No event shows a card number, a credential or a body: neither as a field nor
in its `repr`. Durations are in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CallInfo:
    """The call that an event belongs to: one object for all events of a call, compared by identity.

    `operation` is the operation's name; `path` its template, without the identifiers of this call; `server` and `port`
    say where it goes.
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
    """Another call's end: `Limits.concurrency` were in flight."""
    RATE = "rate"
    """`Limits.read_rate` or `write_rate`, or a slow-down after a 429."""
    TOKEN = "token"  # noqa: S105 - no secret
    """An access token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The base of all events."""

    call: CallInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStarted(Event):
    """A call begins: its request was found to be valid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnded(Event):
    """A call ended: by a success `status`, by the `failure` it raised, or by the caller's cancellation.

    `attempts` counts the HTTP exchanges. `status` and `request_id` are those of the last exchange, None where it had no
    reply. `ignored` lists the JSON paths of members whose type was not what the specification says.
    """

    seconds: float
    attempts: int
    status: int | None
    request_id: str | None
    failure: CheckoutError | None = None
    cancelled: bool = False
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenFetchStarted(CallStarted):
    """The token endpoint is about to be asked for an access token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenFetchEnded(CallEnded):
    """The token endpoint gave a token, or `failure` says why not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStarted(Event):
    """An HTTP request is about to be sent: the `attempt`-th of the call, from 1; the one after a 401 counts too."""

    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptEnded(Event):
    """A reply was read to its end (`status`), or there was none (`failure`, or the caller's cancellation)."""

    attempt: int
    seconds: float
    status: int | None = None
    request_id: str | None = None
    failure: CheckoutError | None = None
    cancelled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Waited(Event):
    """The next attempt (`attempt`, from 1) had to wait before it could be sent."""

    attempt: int
    reason: WaitReason
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryScheduled(Event):
    """The `attempt`-th exchange ended with `failure`; the next one begins in `seconds`."""

    attempt: int
    seconds: float
    failure: CheckoutError


class Hook(Protocol):
    """Whoever wants to know what a client does: give it as `CheckoutClient(hooks=[...])`.

    It is called in the task of the call, so it must be quick and must not block. An exception that it raises is logged
    and changes nothing about the call.
    """

    def __call__(self, event: Event, /) -> None:
        """Take note of an event."""
        ...
