"""The edge: an intermediary between the shops and the API. Every request goes through it, and many go wrong there.

It is an HTTP/1.1 proxy on h11, so its idea of requests and replies is not that of the client or the simulator. It
records each request that arrived, and whether the API processed it: the ledger that the oracles trust.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, cast

import h11
import simloom

PORT: Final = 8080
API_PORT: Final = 8081
ADDRESS: Final = "127.0.0.1"


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


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request that reached the edge. `status` is the API's, or None if the edge did not forward the request."""

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
    arrivals: list[Arrival] = field(default_factory=list[Arrival])
    fired: Counter[str] = field(default_factory=Counter[str])
    outage: int | None = None
    """The status of every reply during an outage, or None."""

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until the client closes it or a mishap ends it."""
        with suppress(ConnectionError, h11.RemoteProtocolError):
            connection = h11.Connection(h11.SERVER)
            link = _Link(reader, writer)
            while (request := await _receive(connection, reader)) is not None:
                if not await self._serve(request, link):
                    break
                connection.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
                connection.send(h11.EndOfMessage())
                connection.start_next_cycle()
        writer.close()

    async def _serve(self, request: _Message, link: _Link) -> bool:
        """Answer one request; return whether the connection can be used again."""
        if self.outage is not None:
            self._count("outage")
            return await self._refuse(request, link, self.outage)
        if not self.trouble or simloom.draw("edge.trouble", 100) >= self.trouble:
            return await self._forward(request, link)
        mishap = self.mishaps[simloom.draw("edge.mishap", len(self.mishaps))]
        self._count(mishap.name)
        return await _MISHAPS[mishap](self, request, link)

    def _count(self, what: str) -> None:
        self.fired[what] += 1

    async def _process(self, request: _Message) -> bytes:
        """Have the API process a request; return the bytes of its reply."""
        reader, writer = await asyncio.open_connection(ADDRESS, API_PORT)
        writer.write(request.encode())
        connection = h11.Connection(h11.CLIENT)
        # How a reply is framed depends on the request's method only.
        connection.send(h11.Request(method=request.method, target=b"/", headers=[(b"host", b"api")]))
        connection.send(h11.EndOfMessage())
        reply = await _receive(connection, reader)
        writer.close()
        if reply is None:
            raise ConnectionError
        self._record(request, reply.status)
        return reply.encode()

    def _record(self, request: _Message, status: int | None) -> None:
        now = asyncio.get_running_loop().time()
        path = request.target.decode().partition("?")[0]
        self.arrivals.append(
            Arrival(now, request.method, path, request.key, request.reference, status, request.authentication_id)
        )

    async def _forward(self, request: _Message, link: _Link) -> bool:
        link.write(await self._process(request))
        return True

    async def _refuse(self, request: _Message, link: _Link, status: int, wait: int = -1) -> bool:
        self._record(request, None)
        headers = [(b"content-length", b"0")] + ([(b"retry-after", str(wait).encode())] if wait >= 0 else [])
        link.write(_Message(headers, b"", status=status).encode())
        return True

    async def _reset_before(self, request: _Message, link: _Link) -> bool:
        self._record(request, None)
        link.reset()
        return False

    async def _closed_before(self, request: _Message, _link: _Link) -> bool:
        self._record(request, None)
        return False

    async def _silent_before(self, request: _Message, link: _Link) -> bool:
        self._record(request, None)
        await link.until_closed()
        return False

    async def _refused_before(self, request: _Message, link: _Link) -> bool:
        return await self._refuse(request, link, _drawn("edge.status", _STATUSES_BEFORE))

    async def _rate_limited(self, request: _Message, link: _Link) -> bool:
        return await self._refuse(request, link, 429, wait=simloom.draw("edge.retry_after", 40))

    async def _unauthorized(self, request: _Message, link: _Link) -> bool:
        return await self._refuse(request, link, 401)

    async def _reply_lost(self, request: _Message, link: _Link) -> bool:
        await self._process(request)
        link.reset()
        return False

    async def _reply_cut(self, request: _Message, link: _Link) -> bool:
        raw = await self._process(request)
        link.write(raw[: simloom.draw("edge.cut", len(raw))])
        if simloom.draw("edge.reset", 2):
            await asyncio.sleep(simloom.draw("edge.pause", 100) / 100)
            link.reset()
        return False

    async def _reply_silent(self, request: _Message, link: _Link) -> bool:
        raw = await self._process(request)
        link.write(raw[: simloom.draw("edge.cut", len(raw))])
        await link.until_closed()
        return False

    async def _reply_late(self, request: _Message, link: _Link) -> bool:
        raw = await self._process(request)
        await asyncio.sleep(simloom.draw("edge.late", 90))
        link.write(raw)
        return True

    async def _reply_twice(self, request: _Message, link: _Link) -> bool:
        raw = await self._process(request)
        link.write(raw + raw)
        return True

    async def _reply_twice_late(self, request: _Message, link: _Link) -> bool:
        raw = await self._process(request)
        link.write(raw)
        later = simloom.draw("edge.again", 200) / 100
        asyncio.get_running_loop().call_later(later, link.write, raw)
        return True

    async def _error_after(self, request: _Message, link: _Link) -> bool:
        await self._process(request)
        headers = [(b"content-length", b"0")]
        link.write(_Message(headers, b"", status=_drawn("edge.status", _STATUSES_AFTER)).encode())
        return True


@dataclass(frozen=True, slots=True)
class _Link:
    """The edge's side of a connection with a shop."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def write(self, raw: bytes) -> None:
        """Send bytes, unless the connection is closed."""
        if not self.writer.is_closing():
            self.writer.write(raw)

    def reset(self) -> None:
        """Reset the connection: what was sent and has not arrived is lost."""
        transport: Any = self.writer.transport
        peer = transport._peer
        asyncio.get_running_loop().call_soon(peer._reset_by_peer, context=peer._host_ctx)

    async def until_closed(self) -> None:
        """Wait until the shop closes the connection."""
        while await self.reader.read(65536):
            pass


@dataclass
class _Message:
    """A request, or with a `status` a reply, whose body was read to its end."""

    headers: list[tuple[bytes, bytes]]
    body: bytes
    method: str = ""
    target: bytes = b""
    status: int = 0

    @property
    def key(self) -> str | None:
        """The idempotency key."""
        return next((value.decode() for name, value in self.headers if name == b"cko-idempotency-key"), None)

    @property
    def reference(self) -> str | None:
        """The member `reference` of a JSON body."""
        reference: str | None = self._json.get("reference")
        return reference

    @property
    def authentication_id(self) -> str | None:
        """The session of 3D Secure in the body of a payment request."""
        session_id: str | None = self._json.get("3ds", {}).get("authentication_id") if self.method == "POST" else None
        return session_id

    @property
    def _json(self) -> dict[str, Any]:
        try:
            body: Any = json.loads(self.body or b"{}")
        except ValueError:
            return {}
        return cast("dict[str, Any]", body) if isinstance(body, dict) else {}

    def encode(self) -> bytes:
        """Write the message as HTTP/1.1; its body is framed by Content-Length."""
        first = (
            b"HTTP/1.1 %d X" % self.status if self.status else b"%s %s HTTP/1.1" % (self.method.encode(), self.target)
        )
        kept = [(name, value) for name, value in self.headers if name not in {b"content-length", b"transfer-encoding"}]
        lines = [first, *(b"%s: %s" % each for each in kept), b"content-length: %d" % len(self.body), b"", b""]
        return b"\r\n".join(lines) + self.body


async def _receive(connection: h11.Connection, reader: asyncio.StreamReader) -> _Message | None:
    """Read one message; return None if the connection ends before it is whole."""
    head: h11.Request | h11.Response | None = None
    body = b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            data = await reader.read(65536)
            connection.receive_data(data)
            if not data and head is None:
                return None
        elif isinstance(event, h11.Request | h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            headers = [(bytes(name), bytes(value)) for name, value in head.headers]
            if isinstance(head, h11.Response):
                return _Message(headers, body, status=head.status_code)
            return _Message(headers, body, method=head.method.decode(), target=bytes(head.target))
        else:
            return None


def _drawn(label: str, choices: tuple[int, ...]) -> int:
    return choices[simloom.draw(label, len(choices))]


_MISHAPS: Final[dict[Mishap, Callable[[Edge, _Message, _Link], Awaitable[bool]]]] = {
    mishap: getattr(Edge, f"_{mishap.name.lower()}") for mishap in Mishap
}
