"""Time that passes only when a test advances it: sleepers wake at the right moment, in the right order."""

from __future__ import annotations

import asyncio
import heapq
from itertools import count

from checkout_async.clock import Clock


class VirtualTime:
    """A clock and the sleepers waiting for it; `now` is in seconds from 0."""

    def __init__(self) -> None:
        self.now = 0.0
        self._numbers = count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def clock(self) -> Clock:
        return Clock(monotonic=lambda: self.now, sleep=self.sleep)

    async def sleep(self, seconds: float) -> None:
        wakes = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now + seconds, next(self._numbers), wakes))
        await wakes

    async def advance(self, seconds: float) -> None:
        """Let time pass, and let each task that wakes run on."""
        end = self.now + seconds
        await settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            at, _, wakes = heapq.heappop(self._sleepers)
            if not wakes.done():
                self.now = at
                wakes.set_result(None)
                await settle()
        self.now = end
        await settle()


async def settle() -> None:
    """Let every task run until it waits for time or for another one."""
    for _ in range(25):
        await asyncio.sleep(0)
