"""The gate of a run: while the API cannot be reached, no record goes through but one at a time, to see if it can.

A few failures in a row that speak of the API shut it. Then one call is let through after a wait that doubles each time;
the first success opens it for all. When the patience is used up, whoever waits is turned away.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Final

import anyio

from checkout_async._core.patience import Patience

__all__ = ["Gate", "OnPause", "TurnedAway"]

OnPause = Callable[[str, float | None], None]
"""Told why a run pauses and in how many seconds it tries again; None: it goes on."""

_IN_A_ROW: Final = 5
"""Failures that no success interrupts: a single record that the API stumbles over must not stop the others."""


class TurnedAway(Exception):
    """The run is over before this record could be sent."""


class Gate:
    """Open at first. `failure` is the last of an outage that outlasted the patience."""

    def __init__(self, patience: Patience, on_pause: OnPause | None = None) -> None:
        self._patience = patience
        self._on_pause = on_pause
        self._in_a_row = 0
        self._waits = patience.waits()
        self._wait = 0.0
        self._reason = ""
        self._opened: anyio.Event | None = None
        self._turn = anyio.Lock()
        self._over = False
        self.failure: Exception | None = None

    @property
    def is_shut(self) -> bool:
        """Whether an outage is going on."""
        return self._opened is not None

    @asynccontextmanager
    async def passage(self) -> AsyncGenerator[bool]:
        """Wait until a record may go through a gate that was shut; True for one that goes as a probe.

        What becomes of a probe is to be noted in here: the next one waits for that. Raises TurnedAway when the run is
        over.
        """
        async with self._turn:
            if await self._waited():
                yield True
                return
        yield False

    async def _waited(self) -> bool:
        """Wait for the time of the next probe; False where the gate is open before."""
        opened = self._opened
        if opened is None:
            return False
        if not self._over:
            self._tell(self._wait)
            with anyio.move_on_after(self._wait):
                await opened.wait()
        if self._over and self.is_shut:
            raise TurnedAway
        return self.is_shut

    def succeeded(self) -> None:
        """Note that the API answered: it is there."""
        self._in_a_row = 0
        if self._opened is not None:
            self._tell(None)
            self._opened.set()
            self._opened = None

    def failed(self, error: Exception, *, probe: bool) -> None:
        """Note a failure that speaks of the API."""
        self._in_a_row += 1
        self._reason = f"{type(error).__name__}: {error}"
        if self._opened is None and self._in_a_row >= _IN_A_ROW:
            self._opened = anyio.Event()
            self._waits = self._patience.waits()
            self._lengthen(error)
        elif probe and self._opened is not None:
            self._lengthen(error)

    def turn_away(self) -> None:
        """Turn away all who wait, and all who will have to."""
        self._over = True
        if self._opened is not None:
            self._opened.set()

    def _lengthen(self, error: Exception) -> None:
        wait = next(self._waits, None)
        if wait is None:
            self.failure = error
            self.turn_away()
        else:
            self._wait = wait

    def _tell(self, seconds: float | None) -> None:
        if self._on_pause is not None:
            self._on_pause(self._reason, seconds)
