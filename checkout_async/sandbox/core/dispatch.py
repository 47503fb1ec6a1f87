"""Domain events: `EventDispatcher` collects them from sessions and payments and passes them to one subscriber.

Sessions and payments are passive: they change when somebody looks at them. So the dispatcher remembers which ones were
accessed and when each will next change by time alone, and asks only those for their new events. Events are published in
the order in which they happened, as long as the dispatcher runs before anybody outside the sandbox sees a later state.
"""

from __future__ import annotations

import asyncio
import heapq
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from checkout_async.sandbox.core.clock import SandboxClock
from checkout_async.sandbox.core.payload import JsonObject


@dataclass(frozen=True, slots=True)
class DomainEvent:
    """Something that happened to a session or payment."""

    id: str
    """Identifier of the event."""
    type: str
    subject: str
    """Identifier of the session or payment."""
    at: float
    """When it happened, in seconds since the epoch on the sandbox's clock."""
    version: str
    """Version of the layout of the data."""
    data: JsonObject = field(repr=False)
    links: Mapping[str, str] = field(default_factory=dict[str, str])
    """Addresses by relation; empty for an authentication."""


class EventSource(Protocol):
    """Derives the events of one session or payment from its state, and remembers which ones it has returned."""

    def new_events(self, now: float) -> list[DomainEvent]:
        """Return the events since the last call, oldest first."""
        ...

    def next_change(self) -> float:
        """Return when time alone will cause the next event; infinity for never."""
        ...


class EventDispatcher:
    """Publishes the events of all sources to one subscriber; without a subscriber it keeps no source."""

    def __init__(self, clock: SandboxClock) -> None:
        self._clock = clock
        self._publish: Callable[[DomainEvent], None] | None = None
        self._sources: dict[str, EventSource] = {}
        self._touched: dict[str, None] = {}
        self._agenda: list[tuple[float, str]] = []
        self._next_change: dict[str, float] = {}
        self.wakeup: asyncio.Event = asyncio.Event()
        """Set when there may be events to dispatch."""

    def subscribe(self, publish: Callable[[DomainEvent], None]) -> None:
        """Have a function called with every event of the sources that are added from now on."""
        self._publish = publish

    def add(self, subject: str, source: EventSource) -> None:
        """Add the source of a new session or payment."""
        if self._publish is not None:
            self._sources[subject] = source
            self.touch(subject)

    def touch(self, subject: str) -> None:
        """Note that a session or payment is being accessed and may change; `dispatch` asks it later."""
        if subject in self._sources:
            self._touched[subject] = None
            self.wakeup.set()

    def dispatch(self) -> None:
        """Publish every event that has happened by now."""
        if self._publish is None:
            return
        now = self._clock.now()
        while self._agenda and self._agenda[0][0] <= now:
            self._touched[heapq.heappop(self._agenda)[1]] = None
        touched, self._touched = self._touched, {}
        for subject in touched:
            self._collect(subject, self._publish)

    def next_due(self) -> float:
        """Return when time alone will cause the next event of any source; infinity for never."""
        return self._agenda[0][0] if self._agenda else math.inf

    def _collect(self, subject: str, publish: Callable[[DomainEvent], None]) -> None:
        source = self._sources[subject]
        for event in source.new_events(self._clock.now()):
            publish(event)
        due = source.next_change()
        if math.isfinite(due) and due != self._next_change.get(subject):
            heapq.heappush(self._agenda, (due, subject))
        self._next_change[subject] = due
