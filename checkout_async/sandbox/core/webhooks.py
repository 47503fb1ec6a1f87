"""Signed webhooks: events are POSTed one after the other to one endpoint, and repeated where it does not answer 2XX.

A first delivery waits for those before it; a repetition comes at its time and holds up nobody.
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

from checkout_async.sandbox.core.clock import SandboxClock, timestamp
from checkout_async.sandbox.core.dispatch import Happening, Watch
from checkout_async.sandbox.core.notifier import Notifier, is_web_address
from checkout_async.sandbox.core.payload import JsonObject
from checkout_async.sandbox.core.spec import ApiSpec

WEBHOOK_SECRET = "sandbox_webhook_secret"  # noqa: S105 - documented, and good for nothing but the sandbox
"""The signing key of a sandbox that is given no other."""
REPETITIONS = (300, 600, 900, 1800, 3600, 4 * 3600, 12 * 3600, 12 * 3600)
"""Seconds of the sandbox's clock from each failed delivery to the next."""

_VERSION = "1.0.0"
_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class WebhookRecord:
    """A webhook at the moment it was looked at."""

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
class _Parcel:
    happening: Happening
    body: bytes = field(repr=False)
    signature: str = field(repr=False)
    attempts: int = 0
    delivered: bool = False

    def record(self) -> WebhookRecord:
        told = self.happening
        return WebhookRecord(told.id, told.type, told.subject, self.body, self.signature, self.attempts, self.delivered)


class Webhooks:
    """What is to be sent, what was sent, and the tasks that see to it."""

    def __init__(self, clock: SandboxClock, notifier: Notifier, spec: ApiSpec, url: str | None, secret: str) -> None:
        if not secret.strip():
            raise ValueError("webhook_secret must not be empty: every webhook is signed")
        if url is not None and not is_web_address(url):
            raise ValueError("webhook_url must be an http or https address")
        self._clock = clock
        self._notifier = notifier
        self._spec = spec
        self._url = url
        self._secret = secret.encode()
        self.watch = Watch(clock, None if url is None else self._post)
        self._parcels: deque[_Parcel] = deque(maxlen=_KEPT)
        self._queue: list[tuple[float, int, _Parcel]] = []
        self._numbers = count()
        self._filled = asyncio.Event()
        self._idle = asyncio.Event()
        self._base_url = ""
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, base_url: str) -> None:
        """Begin to send, with links to a base URL."""
        self._base_url = base_url
        if self._url is not None:
            self._clock.subscribe(self._wake)
            self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._deliver(self._url))]

    async def stop(self) -> None:
        """Send nothing more; a delivery under way is broken off."""
        tasks, self._tasks = self._tasks, []
        if tasks:
            self._clock.unsubscribe(self._wake)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._idle.set()

    def records(self) -> tuple[WebhookRecord, ...]:
        """Return the latest 10,000 webhooks, oldest event first."""
        self.watch.tell()
        return tuple(parcel.record() for parcel in self._parcels)

    async def settled(self) -> None:
        """Wait until everything that is due by now was sent and answered, or failed."""
        self.watch.tell()
        if self._tasks:
            self._idle.clear()
            self._filled.set()
            await self._idle.wait()

    def _wake(self) -> None:
        self.watch.stirred.set()
        self._filled.set()

    def _post(self, happening: Happening) -> None:
        body = msgspec.json.encode(self._envelope(happening))
        parcel = _Parcel(happening, body, hmac.new(self._secret, body, hashlib.sha256).hexdigest())
        self._parcels.append(parcel)
        self._plan(parcel, self._clock.now())

    def _envelope(self, happening: Happening) -> JsonObject:
        envelope: JsonObject = {
            "id": happening.id,
            "type": happening.type,
            "version": _VERSION,
            "created_on": timestamp(happening.at),
            "data": happening.data,
        }
        if "session_id" in happening.data:
            return envelope
        relations = {"payment": "get_payment", "payment_actions": "get_payment_actions"}
        links = {
            relation: {"href": self._base_url + self._spec.path(operation, id=happening.subject)}
            for relation, operation in relations.items()
        }
        return envelope | {"_links": links}

    def _plan(self, parcel: _Parcel, due: float) -> None:
        heapq.heappush(self._queue, (due, next(self._numbers), parcel))
        self._filled.set()

    async def _listen(self) -> None:
        """Have told what happens; on its own, so that no slow endpoint keeps it from the next state."""
        while True:
            self.watch.stirred.clear()
            self.watch.tell()
            await self._sleep(self.watch.stirred, self.watch.next_due())

    async def _deliver(self, url: str) -> None:
        while True:
            self._filled.clear()
            while self._queue and self._queue[0][0] <= self._clock.now():
                await self._send(url, heapq.heappop(self._queue)[2])
            if not self._filled.is_set():
                self._idle.set()
                await self._sleep(self._filled, self._queue[0][0] if self._queue else math.inf)

    async def _sleep(self, event: asyncio.Event, due: float) -> None:
        """Wait for an event, or for an instant."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._clock.until(due)):
                await event.wait()

    async def _send(self, url: str, parcel: _Parcel) -> None:
        parcel.attempts += 1
        parcel.delivered = await self._notifier.post(url, parcel.body, {"Cko-Signature": parcel.signature})
        if not parcel.delivered and parcel.attempts <= len(REPETITIONS):
            self._plan(parcel, self._clock.now() + REPETITIONS[parcel.attempts - 1])
