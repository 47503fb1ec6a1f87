"""How many calls of a client wait now instead of being sent, and what for: a hook of the client.

Between a call's start and its first attempt nothing happens but waiting, and the same between a scheduled retry and
the attempt after it: so the calls that wait are known exactly. What the former wait for is told when the waiting is
over; the reason shown is the one that calls of the last seconds spent most time on.
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
from checkout_async.batch.wording import number

__all__ = ["PendingCalls"]

_WINDOW: Final = 10.0
_FOR: Final = {
    WaitReason.SLOT: "for a free slot",
    WaitReason.RATE: "for the rate limit",
    WaitReason.TOKEN: "for an access token",
}


class PendingCalls:
    """A Hook that counts: `CheckoutClient(..., hooks=[waits])`. It may be asked from another thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._queued: set[CallInfo] = set()
        self._retrying: set[CallInfo] = set()
        # Times waited, fading: after each _WINDOW they count half.
        self._spent = dict.fromkeys(WaitReason, 0.0)
        self._faded = clock()

    @property
    def queued(self) -> int:
        """Calls that wait for a slot, a permit or a token before their first attempt."""
        return len(self._queued)

    @property
    def retrying(self) -> int:
        """Calls that failed and wait before they are tried again."""
        return len(self._retrying)

    def __call__(self, event: Event) -> None:
        """Take note of an event."""
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
        """Return `61 wait for the rate limit, 2 wait to be tried again`; nothing where nobody waits."""
        parts = [f"{_waiting(self.queued)} {self._reason()}"] if self.queued else []
        if self.retrying:
            parts.append(f"{_waiting(self.retrying)} to be tried again")
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
    return "1 waits" if calls == 1 else f"{number(calls)} wait"
