"""The queue of results between the workers and the consumer: in the order of completion or of the input, bounded.

Workers put results in without waiting, and wait for room before they take new work. So a slow consumer stops the
reading of the input, and a fast one costs nothing.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

import anyio

__all__ = ["Delivery"]

T = TypeVar("T")

_WINDOW = 4


class Delivery(Generic[T]):
    """The results of work that is numbered from 0.

    In the order of completion, at most `size` results wait here for the consumer. With `in_order`, work in progress
    and waiting results lie within a window of four times `size` from the next result due.
    """

    def __init__(self, size: int, *, in_order: bool) -> None:
        self._size = size
        self._in_order = in_order
        self._ready: deque[T] = deque()
        self._early: dict[int, T] = {}
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

    def put(self, number: int, result: T) -> None:
        """Add the result of a number, exactly once for each."""
        if self._in_order:
            self._early[number] = result
            while self._due in self._early:
                self._ready.append(self._early.pop(self._due))
                self._due += 1
        else:
            self._ready.append(result)
        self._something.set()

    def end(self) -> None:
        """End the queue: no more results come, or no one takes them."""
        self._ended = True
        self._something.set()
        self._room.set()

    async def take(self) -> T | None:
        """Return the next result, as soon as there is one; None at the end."""
        while not self._ready:
            if self._ended:
                return None
            self._something = anyio.Event()
            await self._something.wait()
        result = self._ready.popleft()
        self._room.set()
        return result

    def _has_room(self, number: int) -> bool:
        if self._in_order:
            return number < self._due - len(self._ready) + _WINDOW * self._size
        return len(self._ready) < self._size
