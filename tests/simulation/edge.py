"""The edge: an intermediary between the shops and the API. Every request goes through it, and many go wrong there.

It is an HTTP/1.1 proxy on h11, so its idea of requests and replies is not that of the client or the simulator. It
records each request that arrived, and whether the API processed it: the ledger that the oracles trust.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from enum import Enum
from typing import Final

import h11
import simloom

from tests.simulation.http1 import ADDRESS, Link, Message, receive

PORT: Final = 8080
API_PORT: Final = 8081


class Mishap(Enum):
    """What goes wrong with one exchange. The names say whether the API processed the request."""

    RESET_BEFORE = "connection reset; not processed"
    CLOSED_BEFORE = "connection closed; not processed"
    SILENT_BEFORE = "no reply and no end; not processed"
    REFUSED_BEFORE = "an error status of the edge; not processed"
    RATE_LIMITED = "429; not processed"
    UNAUTHORIZED = "401; not processed"
    REPLY_LOST = "processed; connection reset before the reply"
    REPLY_CUT = "processed; the reply breaks off at any byte"
    REPLY_SILENT = "processed; the reply stops at any byte and the connection stays open"
    REPLY_LATE = "processed; the reply comes late"
    REPLY_TWICE = "processed; the reply is sent twice"
    REPLY_TWICE_LATE = "processed; the reply is sent again later"
    ERROR_AFTER = "processed; the edge answers with an error status"


# Each status says by HTTP's rules whether the request was processed: before it, or perhaps after it.
_STATUSES_BEFORE: Final = (425, 429, 501, 503, 502, 504, 500, 408)
_STATUSES_AFTER: Final = (500, 502, 503, 504, 408, 520, 599)
_STATUSES_OF_A_GATEWAY: Final = (502, 503, 504)

_CONNECT: Final = 60.0
"""Seconds for which the edge tries to connect with the API."""

# A date far away, one long past, and what is no number of seconds.
_ABSURD_WAITS: Final = (
    "99999999999999999999",
    "-5",
    "soon",
    "1.5",
    "",
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "Thu, 01 Jan 1970 00:00:00 GMT",
)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request that reached the edge. `status` is the API's, or None if the edge got none or did not forward it."""

    at: float
    method: str
    path: str
    key: str | None
    reference: str | None
    status: int | None
    authentication_id: str | None = None
    """The session of 3D Secure that a payment request names."""


@dataclass
class Edge:
    """Forwards requests to the API. `trouble` is the share of exchanges with a mishap, in percent."""

    trouble: int = 0
    mishaps: tuple[Mishap, ...] = tuple(Mishap)
    backend: int = API_PORT
    """The port to which requests are forwarded."""
    received: Callable[[], None] = lambda: None
    """Called for each request."""
    arrivals: list[Arrival] = field(default_factory=list[Arrival])
    fired: Counter[str] = field(default_factory=Counter[str])
    outage: int | None = None
    """The status of every reply during an outage, or None."""
    is_silent: bool = False
    """Whether a request on a forgotten connection gets silence, not a reset."""
    accepts: Callable[[Message], bool] = lambda _request: True
    """Whether the API accepts the access token of a request, as far as the token endpoint decides that."""
    token_refusals: Counter[str] = field(default_factory=Counter[str])
    """How often each access token was sent that the API does not accept."""
    _restarts: int = 0

    def forget_connections(self, *, is_silent: bool) -> None:
        """Forget the connections, as an intermediary that restarts: those of the shops are half open then."""
        self._restarts += 1
        self.is_silent = is_silent

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until the client closes it or a mishap ends it."""
        restarts = self._restarts
        with suppress(OSError, h11.RemoteProtocolError):
            connection = h11.Connection(h11.SERVER)
            link = Link(reader, writer)
            while (request := await receive(connection, reader)) is not None:
                self.received()
                serve = self._serve if restarts == self._restarts else self._meet_half_open
                if not await serve(request, link):
                    break
                connection.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
                connection.send(h11.EndOfMessage())
                connection.start_next_cycle()
        writer.close()

    async def _serve(self, request: Message, link: Link) -> bool:
        """Answer one request; return whether the connection can be used again."""
        if self.outage is not None:
            self._count("outage" if self.outage != 429 else "rate_limited")
            return await self._refuse(request, link, self.outage)
        if not self.accepts(request):
            self._count("token_not_accepted")
            self.token_refusals[request.authorization] += 1
            return await self._refuse(request, link, 401)
        if not self.trouble or simloom.draw("edge.trouble", 100) >= self.trouble:
            return await self._forward(request, link)
        return await self._go_wrong(request, link)

    async def _meet_half_open(self, request: Message, link: Link) -> bool:
        """Handle a request on a connection that the edge has forgotten and the shop believes to be open."""
        self._count("half_open")
        return await (self._silent_before if self.is_silent else self._reset_before)(request, link)

    async def _go_wrong(self, request: Message, link: Link) -> bool:
        """Handle a request with a mishap."""
        mishap = self.mishaps[simloom.draw("edge.mishap", len(self.mishaps))]
        self._count(mishap.name)
        return await _MISHAPS[mishap](self, request, link)

    def _count(self, what: str) -> None:
        self.fired[what] += 1

    async def _process(self, request: Message) -> bytes:
        """Have the API process a request; return the bytes of its reply. Raises OSError if there is none."""
        try:
            reply = await self._exchange(request)
        except (OSError, h11.RemoteProtocolError) as error:
            self._record(request, None)
            raise ConnectionError from error
        self._record(request, reply.status)
        return reply.encode()

    async def _exchange(self, request: Message) -> Message:
        async with asyncio.timeout(_CONNECT):
            reader, writer = await asyncio.open_connection(ADDRESS, self.backend)
        writer.write(request.encode())
        connection = h11.Connection(h11.CLIENT)
        # How a reply is framed depends on the request's method only.
        connection.send(h11.Request(method=request.method, target=b"/", headers=[(b"host", b"api")]))
        connection.send(h11.EndOfMessage())
        reply = await receive(connection, reader)
        writer.close()
        if reply is None:
            raise ConnectionError
        return reply

    def _record(self, request: Message, status: int | None) -> None:
        now = asyncio.get_running_loop().time()
        path = request.target.decode().partition("?")[0]
        self.arrivals.append(
            Arrival(now, request.method, path, request.key, request.reference, status, request.authentication_id)
        )

    async def _forward(self, request: Message, link: Link) -> bool:
        try:
            raw = await self._process(request)
        except ConnectionError:
            self._count("api_gave_no_reply")
            raw = _error(_STATUSES_OF_A_GATEWAY)
        link.write(raw)
        return True

    async def _refuse(self, request: Message, link: Link, status: int) -> bool:
        self._record(request, None)
        headers = [(b"content-length", b"0"), (b"date", formatdate(time.time(), usegmt=True).encode())]
        if status == 429 and (wait := self._retry_after()) is not None:
            headers.append((b"retry-after", wait.encode()))
        link.write(Message(headers, b"", status=status).encode())
        return True

    async def _reset_before(self, request: Message, link: Link) -> bool:
        self._record(request, None)
        link.reset()
        return False

    async def _closed_before(self, request: Message, _link: Link) -> bool:
        self._record(request, None)
        return False

    async def _silent_before(self, request: Message, link: Link) -> bool:
        self._record(request, None)
        await link.until_closed()
        return False

    async def _refused_before(self, request: Message, link: Link) -> bool:
        return await self._refuse(request, link, _drawn("edge.status", _STATUSES_BEFORE))

    async def _rate_limited(self, request: Message, link: Link) -> bool:
        return await self._refuse(request, link, 429)

    def _retry_after(self) -> str | None:
        """Return a value of the header, in seconds, as an HTTP date, or absurd; None for no header."""
        seconds = simloom.draw("edge.retry_after", 40)
        kind = ("seconds", "date", "none", "absurd")[simloom.draw("edge.retry_after_form", 4)]
        self._count(f"retry_after_{kind}")
        match kind:
            case "seconds":
                return str(seconds)
            case "date":
                return formatdate(time.time() + seconds, usegmt=True)
            case "none":
                return None
            case _:
                return _ABSURD_WAITS[simloom.draw("edge.absurd", len(_ABSURD_WAITS))]

    async def _unauthorized(self, request: Message, link: Link) -> bool:
        return await self._refuse(request, link, 401)

    async def _reply_lost(self, request: Message, link: Link) -> bool:
        await self._process(request)
        link.reset()
        return False

    async def _reply_cut(self, request: Message, link: Link) -> bool:
        raw = await self._process(request)
        link.write(raw[: simloom.draw("edge.cut", len(raw))])
        if simloom.draw("edge.reset", 2):
            await asyncio.sleep(simloom.draw("edge.pause", 100) / 100)
            link.reset()
        return False

    async def _reply_silent(self, request: Message, link: Link) -> bool:
        raw = await self._process(request)
        link.write(raw[: simloom.draw("edge.cut", len(raw))])
        await link.until_closed()
        return False

    async def _reply_late(self, request: Message, link: Link) -> bool:
        raw = await self._process(request)
        await asyncio.sleep(simloom.draw("edge.late", 90))
        link.write(raw)
        return True

    async def _reply_twice(self, request: Message, link: Link) -> bool:
        raw = await self._process(request)
        link.write(raw + raw)
        return True

    async def _reply_twice_late(self, request: Message, link: Link) -> bool:
        raw = await self._process(request)
        link.write(raw)
        later = simloom.draw("edge.again", 200) / 100
        asyncio.get_running_loop().call_later(later, link.write, raw)
        return True

    async def _error_after(self, request: Message, link: Link) -> bool:
        await self._process(request)
        link.write(_error(_STATUSES_AFTER))
        return True


def _error(statuses: tuple[int, ...]) -> bytes:
    return Message([(b"content-length", b"0")], b"", status=_drawn("edge.status", statuses)).encode()


def _drawn(label: str, choices: tuple[int, ...]) -> int:
    return choices[simloom.draw(label, len(choices))]


_MISHAPS: Final[dict[Mishap, Callable[[Edge, Message, Link], Awaitable[bool]]]] = {
    mishap: getattr(Edge, f"_{mishap.name.lower()}") for mishap in Mishap
}
