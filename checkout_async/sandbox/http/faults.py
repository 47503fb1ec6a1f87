"""Planned faults: the n-th request of an operation is reset, stalled, or answered with an error or a damaged body.

`Fault` lists ready-made ones; `Interruption`, `CannedResponse` and `RewrittenBody` make others. `Faults` decides which
requests they apply to.
"""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from enum import Enum, auto
from functools import cache

from aiohttp import web
from aiohttp.typedefs import Handler

NOT_ANSWERED = 0
"""Status in the request log of a request that was neither processed nor answered."""

_MEBIBYTE = 1024 * 1024
_SPACES = b" " * _MEBIBYTE
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Stage(Enum):
    """How far an exchange of request and reply gets."""

    REQUEST = auto()
    """The request was read but not processed."""
    PROCESSED = auto()
    """The request was processed; no byte of the reply was sent."""
    HEADERS = auto()
    """Status line and headers of the reply were sent."""
    BODY = auto()
    """Half of the reply's body was sent."""


class ConnectionEnd(Enum):
    """What happens to the connection then."""

    RESET = auto()
    """Reset (TCP RST)."""
    CLOSE = auto()
    """Closed in order (TCP FIN)."""
    STALL = auto()
    """Left open and silent until the client closes it or the sandbox stops."""


class Behaviour(ABC):
    """What a fault does: it replaces the processing of a request, or changes how the reply is sent."""

    @abstractmethod
    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Return the reply; `handler` processes the request."""

    async def deliver(
        self, _request: web.Request, reply: web.StreamResponse, _released: asyncio.Event
    ) -> web.StreamResponse:
        """Send the finished reply, or return it to be sent as usual."""
        return reply


@dataclass(frozen=True, slots=True)
class Interruption(Behaviour):
    """The exchange gets as far as `stage`; then the connection is reset, closed or stalls."""

    stage: Stage
    connection: ConnectionEnd = ConnectionEnd.RESET

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Process the request if it gets that far."""
        await request.read()  # unread bytes would turn a close into a reset
        return web.Response(status=NOT_ANSWERED) if self.stage is Stage.REQUEST else await handler(request)

    async def deliver(
        self, request: web.Request, reply: web.StreamResponse, released: asyncio.Event
    ) -> web.StreamResponse:
        """Send the part of the reply that gets through, then reset, close or stall the connection."""
        transport = request.transport
        if transport is None:
            return reply
        transport.write(_first_part(reply, self.stage))
        if self.connection is ConnectionEnd.STALL:
            await released.wait()
        elif self.connection is ConnectionEnd.RESET:
            sock: socket.socket = transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        transport.abort()
        return reply


@dataclass(frozen=True, slots=True)
class CannedResponse(Behaviour):
    """A fixed reply instead of the API's; the request is not processed.

    `retry_after` is in seconds and sets the header `Retry-After`, as an HTTP date if `dated` (RFC 9110 section 10.2.3).
    """

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    retry_after: int | None = None
    dated: bool = False
    location: str | None = None

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Return the fixed reply."""
        await request.read()
        reply = web.Response(status=self.status, body=self.body, content_type=self.content_type)
        if self.retry_after is not None:
            until = datetime.now(UTC) + timedelta(seconds=self.retry_after)
            reply.headers["Retry-After"] = format_datetime(until, usegmt=True) if self.dated else str(self.retry_after)
        if self.location is not None:
            reply.headers["Location"] = self.location
        return reply


@dataclass(frozen=True, slots=True)
class RewrittenBody(Behaviour):
    """The request is processed and the reply keeps its status, but `rewrite` replaces its body.

    `content_encoding` sets the header `Content-Encoding`; `rewrite` has to return a body with that encoding.
    """

    rewrite: Callable[[bytes], bytes]
    content_encoding: str | None = None

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Process the request and rewrite the body."""
        reply = await handler(request)
        headers = {} if self.content_encoding is None else {"Content-Encoding": self.content_encoding}
        body = self.rewrite(_body(reply))
        return web.Response(status=reply.status, body=body, headers=headers, content_type="application/json")


def _gzip_bomb(body: bytes) -> bytes:
    """Compress a body and 64 MiB of spaces (RFC 1952)."""
    blocks, checksum, size = _with_spaces(body, zlib.MAX_WBITS + 16, zlib.crc32)
    return blocks + checksum.to_bytes(4, "little") + size.to_bytes(4, "little")


def _deflate_bomb(body: bytes) -> bytes:
    """Compress a body and 64 MiB of spaces (RFC 1950)."""
    blocks, checksum, _ = _with_spaces(body, zlib.MAX_WBITS, zlib.adler32)
    return blocks + checksum.to_bytes(4, "big")


def _with_spaces(body: bytes, wbits: int, checksum: Callable[..., int]) -> tuple[bytes, int, int]:
    """Return the header and blocks of a body with 64 MiB of spaces, and the checksum and size of both together."""
    compressor = zlib.compressobj(wbits=wbits)
    start = compressor.compress(body) + compressor.flush(zlib.Z_FULL_FLUSH)
    value = checksum(body)
    for _ in range(64):
        value = checksum(_SPACES, value)
    return start + _compressed_spaces(), value, len(body) + 64 * _MEBIBYTE


@cache
def _compressed_spaces() -> bytes:
    """Return the last blocks of a stream. Compressing them takes a quarter of a second, which is long for a reply."""
    compressor = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return b"".join([compressor.compress(_SPACES) for _ in range(64)]) + compressor.flush()


class Fault(Enum):
    """Ready-made faults; docs/sandbox.md says what each one does."""

    RESET = Interruption(Stage.REQUEST)
    LOST_REPLY = Interruption(Stage.PROCESSED)
    RESET_AFTER_HEADERS = Interruption(Stage.HEADERS)
    RESET_IN_BODY = Interruption(Stage.BODY)
    CLOSED = Interruption(Stage.REQUEST, ConnectionEnd.CLOSE)
    CLOSED_IN_BODY = Interruption(Stage.BODY, ConnectionEnd.CLOSE)
    STALLED = Interruption(Stage.REQUEST, ConnectionEnd.STALL)
    STALLED_REPLY = Interruption(Stage.PROCESSED, ConnectionEnd.STALL)
    STALLED_AFTER_HEADERS = Interruption(Stage.HEADERS, ConnectionEnd.STALL)
    STALLED_IN_BODY = Interruption(Stage.BODY, ConnectionEnd.STALL)
    REQUEST_TIMEOUT = CannedResponse(408)
    CONFLICT = CannedResponse(409)
    TOO_EARLY = CannedResponse(425)
    RATE_LIMITED = CannedResponse(429)
    INTERNAL_ERROR = CannedResponse(500)
    BAD_GATEWAY = CannedResponse(502, b"<html><h1>502 Bad Gateway</h1></html>", "text/html")
    UNAVAILABLE = CannedResponse(503)
    GATEWAY_TIMEOUT = CannedResponse(504)
    REDIRECT = CannedResponse(307, location="https://elsewhere.invalid/")
    TRUNCATED = RewrittenBody(lambda body: body[: len(body) // 2])
    OVERSIZED = RewrittenBody(lambda body: body + b" " * (4 * _MEBIBYTE))
    TOO_LARGE = RewrittenBody(lambda body: body + b" " * (24 * _MEBIBYTE))
    GZIP_BOMB = RewrittenBody(_gzip_bomb, "gzip")
    DEFLATE_BOMB = RewrittenBody(_deflate_bomb, "deflate")
    DAMAGED_GZIP = RewrittenBody(lambda body: gzip.compress(body)[:-8], "gzip")
    NOT_JSON = RewrittenBody(lambda _: b"<html><h1>It works!</h1></html>")
    NOT_UTF8 = RewrittenBody(lambda _: b'{"id": "\xff\xfe"}')
    WRONG_TYPE = RewrittenBody(lambda _: b"[1, 2, 3]")
    WRONG_ID = RewrittenBody(lambda _: b'{"id": {"value": []}}')
    EMPTY = RewrittenBody(lambda _: b"")


@dataclass(slots=True)
class _PlannedFault:
    """A behaviour and the requests that it applies to, counted from when it was added; no end if `last` is None."""

    behaviour: Behaviour
    first: int
    last: int | None
    seen: int = field(default=0)

    def applies(self) -> bool:
        """Count a request, and return whether the behaviour applies to it."""
        self.seen += 1
        return self.seen >= self.first and not self._is_over(self.seen - 1)

    def is_exhausted(self) -> bool:
        return self._is_over(self.seen)

    def _is_over(self, seen: int) -> bool:
        return self.last is not None and seen >= self.last


class Faults:
    """The planned faults by operation; `operations` are the known operationIds."""

    def __init__(self, operations: Collection[str]) -> None:
        self._operations = operations
        self._planned: dict[str, list[_PlannedFault]] = {}
        self._released = asyncio.Event()

    def add(self, operation_id: str, fault: Fault | Behaviour, *, at: int = 1, times: int | None = 1) -> None:
        """Apply a fault to `times` requests of an operation (None: all), starting with the `at`-th from now.

        If two faults are planned for the same request, the one added first applies. Raises ValueError for an unknown
        operation, and for an `at` or `times` below 1.
        """
        if operation_id not in self._operations:
            raise ValueError(f"there is no operation {operation_id!r}; there are {', '.join(sorted(self._operations))}")
        if at < 1 or (times is not None and times < 1):
            raise ValueError(f"at and times must be 1 or more, not {at} and {times}")
        behaviour = fault.value if isinstance(fault, Fault) else fault
        last = None if times is None else at + times - 1
        self._planned.setdefault(operation_id, []).append(_PlannedFault(behaviour, at, last))

    def clear(self) -> None:
        """Remove the faults that have not happened yet; a connection that stalls already stays so."""
        self._planned.clear()

    def take(self, operation_id: str | None) -> Behaviour | None:
        """Count a request of an operation, and return the behaviour of the fault that applies to it, if any."""
        planned = self._planned.get(operation_id or "", [])
        applying = [plan.behaviour for plan in planned if plan.applies()]
        planned[:] = [plan for plan in planned if not plan.is_exhausted()]
        return applying[0] if applying else None

    async def deliver(
        self, behaviour: Behaviour, request: web.Request, reply: web.StreamResponse
    ) -> web.StreamResponse:
        """Send a finished reply as a behaviour demands."""
        return await behaviour.deliver(request, reply, self._released)

    def release(self) -> None:
        """End all stalls, now and from now on."""
        self._released.set()


def _body(reply: web.StreamResponse) -> bytes:
    body = reply.body if isinstance(reply, web.Response) else None
    return body if isinstance(body, bytes) else b""


def _first_part(reply: web.StreamResponse, stage: Stage) -> bytes:
    """Write the bytes of a reply up to a stage."""
    if stage in {Stage.REQUEST, Stage.PROCESSED}:
        return b""
    body = _body(reply)
    headers = {**reply.headers, "Content-Length": str(len(body))}
    lines = [f"HTTP/1.1 {reply.status} {reply.reason}", *(f"{name}: {value}" for name, value in headers.items())]
    head = "\r\n".join([*lines, "", ""]).encode("latin-1")
    return head if stage is Stage.HEADERS else head + body[: len(body) // 2]
