"""Who has something to tell: sessions and payments that were touched, and those to which something happens by itself.

What happens is told in the order in which it happened, as long as nothing outside the sandbox sees a later state first.
"""

from __future__ import annotations

import asyncio
import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from checkout_async.sandbox.core.clock import SandboxClock
from checkout_async.sandbox.core.payload import JsonObject


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened to a session or payment, at an instant of the sandbox's clock."""

    id: str
    """Identifier of the event."""
    type: str
    subject: str
    """Identifier of the session or payment."""
    at: float
    data: JsonObject = field(repr=False)


class Teller(Protocol):
    """Remembers what it has told of one session or payment."""

    def tell(self, now: float) -> list[Happening]:
        """Return what has happened since it was last asked."""
        ...

    def due(self) -> float:
        """Return when time alone will bring something about; infinity for never."""
        ...


class Watch:
    """Asks the tellers, and hands on what they tell; without anybody to `post` to, it keeps and asks none."""

    def __init__(self, clock: SandboxClock, post: Callable[[Happening], None] | None) -> None:
        self._clock = clock
        self._post = post
        self._tellers: dict[str, Teller] = {}
        self._touched: dict[str, None] = {}
        self._agenda: list[tuple[float, str]] = []
        self._due: dict[str, float] = {}
        self.stirred = asyncio.Event()
        """Set when there may be something to tell."""

    def add(self, subject: str, teller: Teller) -> None:
        """Watch a new session or payment."""
        if self._post is not None:
            self._tellers[subject] = teller
            self.touch(subject)

    def touch(self, subject: str) -> None:
        """Note that something is being done to a session or payment; what it was is asked later."""
        if subject in self._tellers:
            self._touched[subject] = None
            self.stirred.set()

    def tell(self) -> None:
        """Have everything told that has happened by now."""
        if self._post is None:
            return
        now = self._clock.now()
        while self._agenda and self._agenda[0][0] <= now:
            self._touched[heapq.heappop(self._agenda)[1]] = None
        touched, self._touched = self._touched, {}
        for subject in touched:
            self._ask(subject, self._post)

    def next_due(self) -> float:
        """Return the next instant at which there will be something to tell, if nobody does anything."""
        return self._agenda[0][0] if self._agenda else math.inf

    def _ask(self, subject: str, post: Callable[[Happening], None]) -> None:
        teller = self._tellers[subject]
        for happening in teller.tell(self._clock.now()):
            post(happening)
        due = teller.due()
        if math.isfinite(due) and due != self._due.get(subject):
            heapq.heappush(self._agenda, (due, subject))
        self._due[subject] = due
