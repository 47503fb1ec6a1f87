"""Count the calls of a client that wait to be sent, and say what they wait for: a hook of the client.

A call only waits between its start and its first attempt, and between a scheduled retry and the next attempt, so the
count is exact. What a call waits for is reported when its wait is over: the reason shown is the one on which the calls
of the last seconds spent most time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from checkout_async._core.events import (
    AttemptStarted,
    CallEnded,
    CallInfo,
    CallStarted,
    Event,
    RetryScheduled,
    TokenFetchStarted,
    Waited,
    WaitReason,
)
from checkout_async.batch.formatting import format_count

__all__ = ["PendingCalls"]

_WINDOW: Final = 10.0
_FOR: Final = {
    WaitReason.SLOT: "for a free slot",
    WaitReason.RATE: "for the rate limit",
    WaitReason.TOKEN: "for an access token",
}


class PendingCalls:
    """A Hook that counts waiting calls: `CheckoutClient(..., hooks=[PendingCalls()])`. Any thread may read it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._queued: set[CallInfo] = set()
        self._retrying: set[CallInfo] = set()
        # Seconds waited, decaying: after each _WINDOW they count half.
        self._spent = dict.fromkeys(WaitReason, 0.0)
        self._faded = clock()

    @property
    def queued(self) -> int:
        """The number of calls that wait for a slot, the rate limit or a token before their first attempt."""
        return len(self._queued)

    @property
    def retrying(self) -> int:
        """The number of calls that failed and wait for their next attempt."""
        return len(self._retrying)

    def __call__(self, event: Event) -> None:
        """Count an event."""
        match event:
            case TokenFetchStarted():
                pass
            case CallStarted():
                self._queued.add(event.call)
            case RetryScheduled():
                self._retrying.add(event.call)
            case AttemptStarted() | CallEnded():
                self._queued.discard(event.call)
                self._retrying.discard(event.call)
            case Waited():
                self._fade()
                self._spent[event.reason] += event.seconds
            case _:
                pass

    def __str__(self) -> str:
        """Return a text such as `61 wait for the rate limit, 2 wait to be retried`; empty if no call waits."""
        parts = [f"{_waiting(self.queued)} {self._reason()}"] if self.queued else []
        if self.retrying:
            parts.append(f"{_waiting(self.retrying)} to be retried")
        return ", ".join(parts)

    def _reason(self) -> str:
        reason = max(self._spent, key=self._spent.__getitem__)
        return _FOR[reason] if self._spent[reason] > 0 else "to be sent"

    def _fade(self) -> None:
        now = self._clock()
        factor = 0.5 ** ((now - self._faded) / _WINDOW)
        self._faded = now
        for reason in WaitReason:
            self._spent[reason] *= factor


def _waiting(calls: int) -> str:
    return "1 waits" if calls == 1 else f"{format_count(calls)} wait"
