"""What is ready, on its way to whoever asked for it: as it comes or in the order it was read, and never too much of it.

Workers put results in without waiting; before they take up something new they wait until there is room. So a slow
consumer stops the reading, and a fast one costs nothing.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

import anyio

__all__ = ["Delivery"]

T = TypeVar("T")

_WINDOW = 4


class Delivery(Generic[T]):
    """Results of work that is numbered from 0.

    As they come, at most `size` wait here for the consumer. `in_order`, what is worked on and what waits lie within a
    window of four times `size` from the next one due.
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
        """Give the result of a number, each exactly once."""
        if self._in_order:
            self._early[number] = result
            while self._due in self._early:
                self._ready.append(self._early.pop(self._due))
                self._due += 1
        else:
            self._ready.append(result)
        self._something.set()

    def end(self) -> None:
        """Say that nothing more comes, or that nobody takes it."""
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
