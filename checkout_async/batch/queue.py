"""The queue of outcomes between the workers and the consumer: as completed or in the order of the input, bounded.

Workers put outcomes in without waiting, and wait for room before they take new work. So a slow consumer stops the
reading of the input, and a fast one costs nothing.
"""

from __future__ import annotations

from collections import deque

import anyio

from checkout_async.batch.outcome import Outcome

__all__ = ["OutcomeQueue"]

_WINDOW = 4


class OutcomeQueue:
    """The outcomes of records that are numbered from 0.

    As completed, at most `size` outcomes wait here for the consumer. With `in_order`, work in progress and waiting
    outcomes lie within a window of four times `size` from the next outcome due.
    """

    def __init__(self, size: int, *, in_order: bool) -> None:
        self._size = size
        self._in_order = in_order
        self._ready: deque[Outcome] = deque()
        self._early: dict[int, Outcome] = {}
        self._due = 0
        self._ended = False
        self._something = anyio.Event()
        self._room = anyio.Event()

    async def wait_for_room(self, number: int) -> None:
        """Wait until the work of this number may begin."""
        while not self._has_room(number) and not self._ended:
            if self._room.is_set():
                self._room = anyio.Event()
            await self._room.wait()

    def put(self, number: int, outcome: Outcome) -> None:
        """Add the outcome of a number, exactly once for each."""
        if self._in_order:
            self._early[number] = outcome
            while self._due in self._early:
                self._ready.append(self._early.pop(self._due))
                self._due += 1
        else:
            self._ready.append(outcome)
        self._something.set()

    def end(self) -> None:
        """End the queue: no more outcomes come, or no one takes them."""
        self._ended = True
        self._something.set()
        self._room.set()

    async def take(self) -> Outcome | None:
        """Return the next outcome, as soon as there is one; None at the end."""
        while not self._ready:
            if self._ended:
                return None
            self._something = anyio.Event()
            await self._something.wait()
        outcome = self._ready.popleft()
        self._room.set()
        return outcome

    def _has_room(self, number: int) -> bool:
        if self._in_order:
            return number < self._due - len(self._ready) + _WINDOW * self._size
        return len(self._ready) < self._size
