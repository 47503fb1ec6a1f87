"""A clock that moves the simulator and the time limits of 3DS flows together."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

from checkout_async.clock import Clock
from checkout_async.testing.thread import ThreadedSandbox
from checkout_async.threeds.driver import use_clock

__all__ = ["MovableClock"]


class MovableClock:
    """The sandbox's clock, for drivers too. It runs with real time, and jumps when a test advances it.

    `now` and `sleep` are what `threeds.Driver` takes. Inside `installed()`, drivers that are given neither use them.
    """

    def __init__(self, sandbox: ThreadedSandbox) -> None:
        self._sandbox = sandbox
        self._lock = threading.Lock()
        self._sleepers: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    def now(self) -> float:
        """Return seconds since the epoch, on the sandbox's clock."""
        return self._sandbox.clock.now()

    def advance(self, seconds: float) -> None:
        """Jump ahead by `seconds`: tokens, sessions and payments age, and time limits of 3DS flows pass.

        Raises ValueError if `seconds` is negative or not finite.
        """
        self._sandbox.advance(seconds)
        with self._lock:
            sleepers = tuple(self._sleepers)
        for loop, woken in sleepers:
            with suppress(RuntimeError):  # its loop is closed
                loop.call_soon_threadsafe(woken.set)

    async def sleep(self, seconds: float) -> None:
        """Wait until so many seconds have passed on this clock."""
        due = self.now() + seconds
        sleeper = asyncio.get_running_loop(), asyncio.Event()
        with self._lock:
            self._sleepers.append(sleeper)
        try:
            while self.now() < due:
                sleeper[1].clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._sandbox.clock.until(due)):
                        await sleeper[1].wait()
        finally:
            with self._lock:
                self._sleepers.remove(sleeper)

    @contextmanager
    def installed(self) -> Generator[None]:
        """Make this the clock of drivers that are made without `now` and `sleep`, until the block is left."""
        with use_clock(Clock(now=lambda: datetime.fromtimestamp(self.now(), UTC), sleep=self.sleep)):
            yield
