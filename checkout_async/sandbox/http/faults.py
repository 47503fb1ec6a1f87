"""Faults on order: the n-th request of an operation is reset, stalled, answered with an error or with a garbled body.

`Fault` names the ready ones; `Cut`, `Answer` and `Rewritten` make others. `Faults` says when they happen.
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

from aiohttp import web
from aiohttp.typedefs import Handler

NOT_ANSWERED = 0
"""Status in the request log of a request that was neither processed nor answered."""

_MEBIBYTE = 1024 * 1024
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Point(Enum):
    """How far an exchange gets."""

    REQUEST = auto()
    """The request was read and not processed."""
    PROCESSED = auto()
    """It was processed; no byte of the reply was sent."""
    HEADERS = auto()
    """Status line and headers of the reply were sent."""
    BODY = auto()
    """Half of the reply's body was sent."""


class Ending(Enum):
    """What becomes of the connection."""

    RESET = auto()
    """Reset (TCP RST)."""
    CLOSE = auto()
    """Closed in order (TCP FIN)."""
    STALL = auto()
    """Left open and silent until the client goes away or the sandbox is left."""


class Behaviour(ABC):
    """What happens to a request: something in place of processing it, or to the reply on its way out."""

    @abstractmethod
    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Give the reply; `handler` processes the request."""

    async def deliver(
        self, _request: web.Request, reply: web.StreamResponse, _released: asyncio.Event
    ) -> web.StreamResponse:
        """Send the finished reply, or hand it back to be sent."""
        return reply


@dataclass(frozen=True, slots=True)
class Cut(Behaviour):
    """The exchange gets as far as `point`; then the connection ends."""

    point: Point
    ending: Ending = Ending.RESET

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Process the request if it gets that far."""
        await request.read()  # unread bytes would turn a close into a reset
        return web.Response(status=NOT_ANSWERED) if self.point is Point.REQUEST else await handler(request)

    async def deliver(
        self, request: web.Request, reply: web.StreamResponse, released: asyncio.Event
    ) -> web.StreamResponse:
        """Send the part of the reply that gets through, and end the connection."""
        transport = request.transport
        if transport is None:
            return reply
        transport.write(_beginning(reply, self.point))
        if self.ending is Ending.STALL:
            await released.wait()
        elif self.ending is Ending.RESET:
            connection: socket.socket = transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        transport.abort()
        return reply


@dataclass(frozen=True, slots=True)
class Answer(Behaviour):
    """This reply comes in place of the API's; the request is not processed.

    `retry_after` is in seconds and makes the header `Retry-After`, an HTTP date if `dated` (RFC 9110 section 10.2.3).
    """

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    retry_after: int | None = None
    dated: bool = False
    location: str | None = None

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Give the reply."""
        await request.read()
        reply = web.Response(status=self.status, body=self.body, content_type=self.content_type)
        if self.retry_after is not None:
            until = datetime.now(UTC) + timedelta(seconds=self.retry_after)
            reply.headers["Retry-After"] = format_datetime(until, usegmt=True) if self.dated else str(self.retry_after)
        if self.location is not None:
            reply.headers["Location"] = self.location
        return reply


@dataclass(frozen=True, slots=True)
class Rewritten(Behaviour):
    """The request is processed and the reply comes with its status, but `rewrite` makes another body of its body.

    `coding` is what the header `Content-Encoding` then says; `rewrite` has to encode.
    """

    rewrite: Callable[[bytes], bytes]
    coding: str | None = None

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Process the request and rewrite the body."""
        reply = await handler(request)
        headers = {} if self.coding is None else {"Content-Encoding": self.coding}
        body = self.rewrite(_body(reply))
        return web.Response(status=reply.status, body=body, headers=headers, content_type="application/json")


class Fault(Enum):
    """The ready faults; docs/sandbox.md says what each one does."""

    RESET = Cut(Point.REQUEST)
    LOST_REPLY = Cut(Point.PROCESSED)
    RESET_AFTER_HEADERS = Cut(Point.HEADERS)
    RESET_IN_BODY = Cut(Point.BODY)
    CLOSED = Cut(Point.REQUEST, Ending.CLOSE)
    CLOSED_IN_BODY = Cut(Point.BODY, Ending.CLOSE)
    STALLED = Cut(Point.REQUEST, Ending.STALL)
    STALLED_REPLY = Cut(Point.PROCESSED, Ending.STALL)
    STALLED_AFTER_HEADERS = Cut(Point.HEADERS, Ending.STALL)
    STALLED_IN_BODY = Cut(Point.BODY, Ending.STALL)
    REQUEST_TIMEOUT = Answer(408)
    CONFLICT = Answer(409)
    TOO_EARLY = Answer(425)
    RATE_LIMITED = Answer(429)
    INTERNAL_ERROR = Answer(500)
    BAD_GATEWAY = Answer(502, b"<html><h1>502 Bad Gateway</h1></html>", "text/html")
    UNAVAILABLE = Answer(503)
    GATEWAY_TIMEOUT = Answer(504)
    REDIRECT = Answer(307, location="https://elsewhere.invalid/")
    TRUNCATED = Rewritten(lambda body: body[: len(body) // 2])
    OVERSIZED = Rewritten(lambda body: body + b" " * (4 * _MEBIBYTE))
    TOO_LARGE = Rewritten(lambda body: body + b" " * (24 * _MEBIBYTE))
    GZIP_BOMB = Rewritten(lambda body: gzip.compress(body + b" " * (64 * _MEBIBYTE)), "gzip")
    DEFLATE_BOMB = Rewritten(lambda body: zlib.compress(body + b" " * (64 * _MEBIBYTE)), "deflate")
    DAMAGED_GZIP = Rewritten(lambda body: gzip.compress(body)[:-8], "gzip")
    NOT_JSON = Rewritten(lambda _: b"<html><h1>It works!</h1></html>")
    NOT_UTF8 = Rewritten(lambda _: b'{"id": "\xff\xfe"}')
    WRONG_TYPE = Rewritten(lambda _: b"[1, 2, 3]")
    WRONG_ID = Rewritten(lambda _: b'{"id": {"value": []}}')
    EMPTY = Rewritten(lambda _: b"")


@dataclass(slots=True)
class _Planned:
    """A behaviour and the requests it is for, counted from when it was planned; `last` None is without end."""

    behaviour: Behaviour
    first: int
    last: int | None
    seen: int = field(default=0)

    def meets(self) -> bool:
        """Count one more request, and tell whether it is one of them."""
        self.seen += 1
        return self.seen >= self.first and not self._over(self.seen - 1)

    def spent(self) -> bool:
        return self._over(self.seen)

    def _over(self, seen: int) -> bool:
        return self.last is not None and seen >= self.last


class Faults:
    """Which requests of which operations meet a fault; `operations` are the operationIds there are."""

    def __init__(self, operations: Collection[str]) -> None:
        self._operations = operations
        self._planned: dict[str, list[_Planned]] = {}
        self._released = asyncio.Event()

    def add(self, operation_id: str, fault: Fault | Behaviour, *, at: int = 1, times: int | None = 1) -> None:
        """Let `times` requests of an operation (None: all) meet a fault, beginning with the `at`-th from now on.

        Where two faults are for the same request, it meets the one added first. Raises ValueError for an unknown
        operation, and for an `at` or `times` below 1.
        """
        if operation_id not in self._operations:
            raise ValueError(f"there is no operation {operation_id!r}; there are {', '.join(sorted(self._operations))}")
        if at < 1 or (times is not None and times < 1):
            raise ValueError(f"at and times must be 1 or more, not {at} and {times}")
        behaviour = fault.value if isinstance(fault, Fault) else fault
        last = None if times is None else at + times - 1
        self._planned.setdefault(operation_id, []).append(_Planned(behaviour, at, last))

    def clear(self) -> None:
        """Forget the faults that have not happened yet; what stalls already goes on stalling."""
        self._planned.clear()

    def take(self, operation_id: str | None) -> Behaviour | None:
        """Count a request of an operation and return what happens to it, if it meets a fault."""
        planned = self._planned.get(operation_id or "", [])
        met = [plan.behaviour for plan in planned if plan.meets()]
        planned[:] = [plan for plan in planned if not plan.spent()]
        return met[0] if met else None

    async def deliver(
        self, behaviour: Behaviour, request: web.Request, reply: web.StreamResponse
    ) -> web.StreamResponse:
        """Send a finished reply as a behaviour has it."""
        return await behaviour.deliver(request, reply, self._released)

    def release(self) -> None:
        """End what stalls, now and from now on."""
        self._released.set()


def _body(reply: web.StreamResponse) -> bytes:
    body = reply.body if isinstance(reply, web.Response) else None
    return body if isinstance(body, bytes) else b""


def _beginning(reply: web.StreamResponse, point: Point) -> bytes:
    """Write a reply as far as it gets."""
    if point in {Point.REQUEST, Point.PROCESSED}:
        return b""
    body = _body(reply)
    headers = {**reply.headers, "Content-Length": str(len(body))}
    lines = [f"HTTP/1.1 {reply.status} {reply.reason}", *(f"{name}: {value}" for name, value in headers.items())]
    head = "\r\n".join([*lines, "", ""]).encode("latin-1")
    return head if point is Point.HEADERS else head + body[: len(body) // 2]
