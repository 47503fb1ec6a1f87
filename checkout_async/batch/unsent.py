"""The requests for new sessions of a run: which of them wait to be sent, and which are in flight.

A call may wait for minutes, if the API asks for that. When the run is stopped, the calls that wait end at once: no
session was created for their records. Those in flight are finished.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import anyio

from checkout_async.batch.breaker import RunStopped
from checkout_async.batch.claiming import Claiming

__all__ = ["SessionCall", "SessionCalls"]


class SessionCalls:
    """The calls of a run. `in_flight` gets the lines of the records whose requests may have arrived."""

    def __init__(self, in_flight: set[int]) -> None:
        self.in_flight = in_flight
        self.is_stopped: bool = False
        self._waiting: set[SessionCall] = set()

    def stop(self) -> None:
        """End all calls that wait to be sent, now and later."""
        self.is_stopped = True
        for call in tuple(self._waiting):
            call.end()

    def wait(self, call: SessionCall) -> None:
        """Note that a call waits to be sent."""
        self._waiting.add(call)
        if self.is_stopped:
            call.end()

    def begin(self, call: SessionCall) -> None:
        """Note that a call is being sent."""
        self._waiting.discard(call)
        self.in_flight.add(call.line)

    def leave(self, call: SessionCall) -> None:
        """Forget a call that has ended or has a session. Its record stays in flight until it has an outcome."""
        self._waiting.discard(call)


class SessionCall:
    """The call that creates the session of one record. `claiming` claims the record when it is sent.

    `was_sent` is whether it was sent before, without effect.
    """

    def __init__(self, calls: SessionCalls, line: int, claiming: Claiming | None) -> None:
        self.line = line
        self.was_sent: bool = False
        self._calls = calls
        self._claiming = claiming
        self._scope = anyio.CancelScope()

    @contextmanager
    def waiting(self) -> Generator[None]:
        """While entered, the call is made. Raises RunStopped if it was ended while it waited to be sent."""
        self._scope = anyio.CancelScope()
        with self._scope:
            self._calls.wait(self)
            try:
                yield
            finally:
                self._calls.leave(self)
        if self._scope.cancelled_caught:
            raise RunStopped

    def end(self) -> None:
        """End the call, which waits."""
        self._scope.cancel()

    async def before_send(self) -> None:
        """Note that the request is sent now, and claim its record. Raises RunStopped, and what the claim raises."""
        if self._scope.cancel_called:
            # Its wait was over before the cancellation arrived, which would meet the request in flight.
            raise RunStopped
        self._calls.begin(self)
        if self._claiming is not None:
            await self._claiming()

    def on_unsent(self) -> None:
        """Note that the request was not carried out and waits to be sent again."""
        self.withdraw()
        self.was_sent = True
        self._calls.wait(self)

    def withdraw(self) -> None:
        """Note that the request was not carried out: give its claim back."""
        self._calls.in_flight.discard(self.line)
        if self._claiming is not None:
            self._claiming.release()
