"""The token endpoint: a server of its own, whose faults are independent of those of the API.

The simulator of the API issues the tokens. What comes back may be a refusal, no JSON, a token without a lifetime or
with an absurd one, or a token that the API does not accept yet or soon no more. The connection fails as at the edge.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

import simloom

from tests.simulation.edge import Edge, Mishap
from tests.simulation.http1 import Link, Message

PORT: Final = 8082
BACKEND_PORT: Final = 8083
"""Where the simulator of the API listens on the host of the token endpoint, to issue tokens."""

_CONNECTION_MISHAPS: Final = tuple(each for each in Mishap if each is not Mishap.UNAUTHORIZED)


class Oddity(Enum):
    """What is odd about a reply to a token request."""

    WITHOUT_LIFETIME = "no expires_in"
    SHORT_LIFETIME = "expires_in is a second"
    FRACTION_OF_A_SECOND = "expires_in is 0.01"
    ZERO_LIFETIME = "expires_in is 0"
    NEGATIVE_LIFETIME = "expires_in is negative"
    HUGE_LIFETIME = "expires_in is thirty million years"
    LIFETIME_IN_WORDS = "expires_in is a text"
    EMPTY_TOKEN = "access_token is empty"
    NO_TOKEN = "access_token is null"
    NOT_YET_ACCEPTED = "the API accepts the token some seconds later only"
    SOON_REVOKED = "the API accepts the token for some seconds only"
    NEVER_ACCEPTED = "the API does not know the token"
    BAD_REQUEST = "400 with an OAuth error"
    UNAUTHORIZED = "401 with an OAuth error"
    HTML = "200 with a page"
    JSON_CUT = "200 with JSON that breaks off"
    EMPTY_BODY = "200 without a body"


LIFETIMES: Final = (
    Oddity.WITHOUT_LIFETIME,
    Oddity.SHORT_LIFETIME,
    Oddity.FRACTION_OF_A_SECOND,
    Oddity.HUGE_LIFETIME,
    Oddity.NOT_YET_ACCEPTED,
    Oddity.SOON_REVOKED,
    Oddity.NEVER_ACCEPTED,
)
"""The oddities after which a token is due earlier than usual, or is refused by the API."""

_MEMBERS: Final[dict[Oddity, dict[str, Any]]] = {
    Oddity.SHORT_LIFETIME: {"expires_in": 1},
    Oddity.FRACTION_OF_A_SECOND: {"expires_in": 0.01},
    Oddity.ZERO_LIFETIME: {"expires_in": 0},
    Oddity.NEGATIVE_LIFETIME: {"expires_in": -3600},
    Oddity.HUGE_LIFETIME: {"expires_in": 10**15},
    Oddity.LIFETIME_IN_WORDS: {"expires_in": "an hour"},
    Oddity.EMPTY_TOKEN: {"access_token": ""},
    Oddity.NO_TOKEN: {"access_token": None},
    Oddity.NEVER_ACCEPTED: {"access_token": "a-token-that-nobody-knows"},
}

_RAW: Final[dict[Oddity, tuple[int, bytes, bytes]]] = {
    Oddity.BAD_REQUEST: (400, b"application/json", b'{"error": "invalid_grant"}'),
    Oddity.UNAUTHORIZED: (401, b"application/json", b'{"error": "invalid_client"}'),
    Oddity.HTML: (200, b"text/html", b"<html><body>Sign in</body></html>"),
    Oddity.EMPTY_BODY: (200, b"application/json", b""),
}


@dataclass
class TokenEndpoint(Edge):
    """Answers token requests. `accepts_token` says whether the API accepts a token that this endpoint issued."""

    mishaps: tuple[Mishap, ...] = _CONNECTION_MISHAPS
    backend: int = BACKEND_PORT
    _not_before: dict[str, float] = field(default_factory=dict[str, float])
    _not_after: dict[str, float] = field(default_factory=dict[str, float])

    def accepts_token(self, request: Message) -> bool:
        """Return whether the API accepts the token of a request now."""
        token, now = request.authorization.removeprefix("Bearer "), asyncio.get_running_loop().time()
        return self._not_before.get(token, now) <= now <= self._not_after.get(token, now)

    def _count(self, what: str) -> None:
        super()._count(f"token_endpoint.{what}")

    async def _go_wrong(self, request: Message, link: Link) -> bool:
        """Send an odd reply, or let a mishap happen to the connection."""
        chosen = simloom.draw("token.oddity", 2 * len(Oddity))
        if chosen >= len(Oddity):
            return await super()._go_wrong(request, link)
        oddity = tuple(Oddity)[chosen]
        self._count(oddity.name)
        raw = await self._process(request)
        link.write(self._odd(oddity, raw).encode())
        return True

    def _odd(self, oddity: Oddity, raw: bytes) -> Message:
        head = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
        if oddity in _RAW:
            status, content_type, content = _RAW[oddity]
            return Message([(b"content-type", content_type)], content, status=status)
        body = raw.partition(b"\r\n\r\n")[2]
        if oddity is Oddity.JSON_CUT:
            return Message(head, body[: simloom.draw("token.cut", len(body))], status=200)
        members: dict[str, Any] = json.loads(body)
        members |= _MEMBERS.get(oddity, {})
        if oddity is Oddity.WITHOUT_LIFETIME:
            del members["expires_in"]
        self._limit_acceptance(oddity, members)
        return Message(head, json.dumps(members).encode(), status=200)

    def _limit_acceptance(self, oddity: Oddity, members: dict[str, Any]) -> None:
        at = asyncio.get_running_loop().time() + simloom.draw("token.seconds", 200) / 10
        if oddity is Oddity.NOT_YET_ACCEPTED:
            self._not_before[members["access_token"]] = at
        elif oddity is Oddity.SOON_REVOKED:
            self._not_after[members["access_token"]] = at
