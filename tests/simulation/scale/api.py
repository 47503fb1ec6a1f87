"""A model of the API and of the token endpoint. Each worker reaches them through a transport of its own."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from checkout_async import Timeouts
from checkout_async.errors import ConnectFailed
from checkout_async.testing import json_reply
from checkout_async.transport import HttpRequest, HttpResponse

__all__ = ["Api", "Way"]

LATENCY = 0.010
"""Seconds from a worker to the API, and up to half of it more."""

WORK = (0.080, 0.040)
"""Seconds that the API needs for a payment: the first number, and up to the second more."""

_ACCEPTED = json_reply(202, {"action_id": "act_y3oqhf46pyzuxjbcn2giaqnb44"})
_RATE_LIMITED = json_reply(429, headers={"retry-after": "1"})
_UNAVAILABLE = json_reply(503)


@dataclass
class Api:
    """Accepts `limit` requests in any second, and refuses the others with 429. Notes when each request arrives."""

    limit: float
    chance: random.Random
    now: Callable[[], float]
    lifetime: int
    """Seconds for which a token is valid."""
    is_down: bool = False
    """Whether every request gets a 503."""
    tokens_are_down: bool = False
    """Whether the token endpoint refuses connections."""
    arrivals: list[float] = field(default_factory=list[float])
    refusals: list[float] = field(default_factory=list[float])
    """When requests were refused with 429."""
    failures: list[float] = field(default_factory=list[float])
    """When requests got a 503."""
    token_requests: list[float] = field(default_factory=list[float])
    _accepted: deque[float] = field(default_factory=deque[float])

    async def answer(self, url: str, arrived: Callable[[], None] = lambda: None) -> HttpResponse:
        """Answer a request. `arrived` is called when it arrives, and not for that of a token."""
        await self._travel()
        if url.endswith("/token"):
            return await self._issue_token()
        arrived()
        now = self.now()
        self.arrivals.append(now)
        reply = self._decide(now)
        if reply is _ACCEPTED:
            await asyncio.sleep(WORK[0] + WORK[1] * self.chance.random())
        await self._travel()
        return reply

    def _decide(self, now: float) -> HttpResponse:
        if self.is_down:
            self.failures.append(now)
            return _UNAVAILABLE
        while self._accepted and self._accepted[0] <= now - 1:
            self._accepted.popleft()
        if len(self._accepted) >= self.limit:
            self.refusals.append(now)
            return _RATE_LIMITED
        self._accepted.append(now)
        return _ACCEPTED

    async def _issue_token(self) -> HttpResponse:
        self.token_requests.append(self.now())
        if self.tokens_are_down:
            raise ConnectFailed("connection refused")
        await asyncio.sleep(0.1)
        await self._travel()
        token = f"token-{len(self.token_requests)}"
        return json_reply(200, {"access_token": token, "token_type": "Bearer", "expires_in": self.lifetime})

    async def _travel(self) -> None:
        await asyncio.sleep(LATENCY * (1 + self.chance.random() / 2))


class Way:
    """The transport of a worker: its way to the API."""

    def __init__(self, api: Api, arrived: Callable[[], None]) -> None:
        self._api = api
        self._arrived = arrived

    async def send(self, request: HttpRequest, _timeouts: Timeouts, /) -> HttpResponse:
        """Send a request."""
        return await self._api.answer(request.url, self._arrived)

    async def aclose(self) -> None:
        """Do nothing: there is no connection."""
