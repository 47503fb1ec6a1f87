"""Signed webhooks: events are POSTed one after the other to one endpoint, and retried if it does not answer 2XX.

A first delivery waits for those before it. A retry is sent when it is due and delays no other webhook.
"""

from __future__ import annotations

import asyncio
import hashlib
import heapq
import hmac
import math
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count

import msgspec

from checkout_async.sandbox.core.clock import timestamp
from checkout_async.sandbox.core.dispatch import DomainEvent
from checkout_async.sandbox.core.notifier import Notifier, is_web_address
from checkout_async.sandbox.core.payload import JsonObject
from checkout_async.sandbox.core.simulation import Simulation

WEBHOOK_SECRET = "sandbox_webhook_secret"  # noqa: S105 - documented, and good for nothing but the sandbox
"""The default signing key."""
WEBHOOK_RETRY_DELAYS = (300, 600, 900, 1800, 3600, 4 * 3600, 12 * 3600, 12 * 3600)
"""Seconds of the sandbox's clock from each failed delivery to the next attempt."""

_MAX_RECORDS = 10_000
_EVENT_PATH = "/workflows/events/{id}"
_SUBJECT_PATH = "/workflows/events/subject/{id}"
"""Where the links of an event lead; the sandbox does not simulate workflows, so nothing answers there."""


@dataclass(frozen=True, slots=True)
class WebhookRecord:
    """A webhook and how its delivery stood when the record was made."""

    id: str
    """Identifier of the event."""
    type: str
    subject: str
    """Identifier of the session or payment."""
    body: bytes = field(repr=False)
    signature: str = field(repr=False)
    attempts: int
    """How often it was sent."""
    delivered: bool
    """Whether an attempt was answered with 2XX."""


@dataclass(slots=True, eq=False)
class _OutgoingWebhook:
    event: DomainEvent
    body: bytes = field(repr=False)
    signature: str = field(repr=False)
    attempts: int = 0
    delivered: bool = False

    def record(self) -> WebhookRecord:
        event = self.event
        return WebhookRecord(
            event.id, event.type, event.subject, self.body, self.signature, self.attempts, self.delivered
        )


class Webhooks:
    """Sends the events of a simulation to one endpoint, and records what was sent; without a URL it does nothing."""

    def __init__(self, simulation: Simulation, notifier: Notifier, url: str | None, secret: str) -> None:
        if not secret.strip():
            raise ValueError("webhook_secret must not be empty: every webhook is signed")
        if url is not None and not is_web_address(url):
            raise ValueError("webhook_url must be an http or https address")
        self._simulation = simulation
        self._notifier = notifier
        self._clock = simulation.clock
        self._events = simulation.events
        self._url = url
        self._secret = secret.encode()
        if url is not None:
            self._events.subscribe(self._enqueue)
        self._webhooks: deque[_OutgoingWebhook] = deque(maxlen=_MAX_RECORDS)
        self._queue: list[tuple[float, int, _OutgoingWebhook]] = []
        self._numbers = count()
        self._queued = asyncio.Event()
        self._idle = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start to send."""
        if self._url is not None:
            self._clock.subscribe(self._wake)
            self._tasks = [asyncio.create_task(self._dispatch()), asyncio.create_task(self._deliver(self._url))]

    async def stop(self) -> None:
        """Stop sending; a delivery in progress is cancelled."""
        tasks, self._tasks = self._tasks, []
        if tasks:
            self._clock.unsubscribe(self._wake)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._notifier.close()
        self._idle.set()

    def records(self) -> tuple[WebhookRecord, ...]:
        """Return the latest 10,000 webhooks, oldest event first."""
        self._events.dispatch()
        return tuple(webhook.record() for webhook in self._webhooks)

    async def settled(self) -> None:
        """Wait until every webhook that is due by now was sent, and its attempt was answered or failed."""
        self._events.dispatch()
        if self._tasks:
            self._idle.clear()
            self._queued.set()
            await self._idle.wait()

    def _wake(self) -> None:
        self._events.wakeup.set()
        self._queued.set()

    def _enqueue(self, event: DomainEvent) -> None:
        body = msgspec.json.encode(self._envelope(event))
        webhook = _OutgoingWebhook(event, body, hmac.new(self._secret, body, hashlib.sha256).hexdigest())
        self._webhooks.append(webhook)
        self._schedule(webhook, self._clock.now())

    def _envelope(self, event: DomainEvent) -> JsonObject:
        urls = {"self": self._simulation.url(_EVENT_PATH.format(id=event.id))}
        if event.links:
            urls |= {"subject": self._simulation.url(_SUBJECT_PATH.format(id=event.subject)), **event.links}
        return {
            "id": event.id,
            "type": event.type,
            "version": event.version,
            "created_on": timestamp(event.at),
            "data": event.data,
            "_links": {relation: {"href": url} for relation, url in urls.items()},
        }

    def _schedule(self, webhook: _OutgoingWebhook, due: float) -> None:
        heapq.heappush(self._queue, (due, next(self._numbers), webhook))
        self._queued.set()

    async def _dispatch(self) -> None:
        """Collect events as they happen; a task apart, so that a slow endpoint does not delay it past a later state."""
        while True:
            self._events.wakeup.clear()
            self._events.dispatch()
            await self._sleep(self._events.wakeup, self._events.next_due())

    async def _deliver(self, url: str) -> None:
        while True:
            self._queued.clear()
            while self._queue and self._queue[0][0] <= self._clock.now():
                await self._send(url, heapq.heappop(self._queue)[2])
            if not self._queued.is_set():
                self._idle.set()
                await self._sleep(self._queued, self._queue[0][0] if self._queue else math.inf)

    async def _sleep(self, event: asyncio.Event, due: float) -> None:
        """Wait for an event, or until an instant of the sandbox's clock."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._clock.until(due)):
                await event.wait()

    async def _send(self, url: str, webhook: _OutgoingWebhook) -> None:
        webhook.attempts += 1
        headers = {"Cko-Signature": webhook.signature}
        webhook.delivered = await self._notifier.post(url, webhook.body, headers)
        if not webhook.delivered and webhook.attempts <= len(WEBHOOK_RETRY_DELAYS):
            self._schedule(webhook, self._clock.now() + WEBHOOK_RETRY_DELAYS[webhook.attempts - 1])
