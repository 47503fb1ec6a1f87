"""What aiohttp gets in place of classes of its own, so that nothing about a payment has to be guessed.

- `Exchange` records whether a request may have been written.
- `GuardedHandler`, the protocol of a connection, knows whether the connection can be used for one more request.
- `GuardedResponse` knows its connection's protocol.
"""

from __future__ import annotations

import asyncio
import math
import re
import select
from collections.abc import Hashable
from contextvars import ContextVar
from typing import Final

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection

from checkout_async.errors import IncompatibleVersion

__all__ = ["Exchange", "GuardedHandler", "GuardedResponse", "current_exchange", "incompatible"]


class Exchange:
    """What is known about one request on its way through aiohttp.

    A library that replaces a part of aiohttp, such as a recorder of HTTP traffic, may send the request in its own way.
    Then neither flag is ever set, and nothing is known.
    """

    __slots__ = ("has_connection", "is_connecting", "is_idempotent")

    def __init__(self, *, is_idempotent: bool) -> None:
        self.is_idempotent: bool = is_idempotent
        self.is_connecting: bool = False
        """Whether our connector was asked for a connection."""
        self.has_connection: bool = False
        """Whether it returned one, so that aiohttp may have begun to write the request."""

    @property
    def was_not_sent(self) -> bool:
        """Whether it is proved that no byte of the request was written."""
        return self.is_connecting and not self.has_connection


current_exchange: Final[ContextVar[Exchange]] = ContextVar("current_exchange")
"""The exchange of the running task. aiohttp hands no object of a caller's through to its connector."""


def incompatible(what: str) -> IncompatibleVersion:
    """Return the error for an aiohttp that does not do what this package relies on. Nothing was sent."""
    return IncompatibleVersion(
        f"aiohttp {aiohttp.__version__} {what}, so nothing was sent: this package could not tell whether a payment was "
        f"made. It is tested with {_tested_range()}; install such a version, and no library that patches aiohttp"
    )


def _tested_range() -> str:
    # It takes longer to import than the rest of this folder, and is never needed with a tested version.
    from importlib.metadata import PackageNotFoundError, requires  # noqa: PLC0415

    try:
        requirements = requires("checkout-async") or []
    except PackageNotFoundError:
        requirements = []
    return next(
        (each for each in requirements if each.startswith("aiohttp")), "the versions that its installation requires"
    )


# A server that repeats a reply does so soon.
_REMEMBERED_REPLIES: Final = 16


class GuardedHandler(ResponseHandler):
    """A connection's protocol that closes the connection when bytes arrive while it is idle.

    It remembers its last replies, so that the transport recognises one that is sent a second time.
    """

    was_used: bool = False
    is_idle: bool = False
    has_replied: bool = False
    idle_since: float = 0.0
    """When the last reply was read, in the event loop's time."""
    max_idle: float = math.inf
    """After how many idle seconds the server may close the connection, by its own word."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._time = loop.time
        self._replies: dict[int, int] = {}
        self._poll: select.poll | None = None

    def remember_reply(self, reply: Hashable, call: Hashable) -> Hashable | None:
        """Remember a reply to a call. Return the hash of the call that got the same reply before, or None."""
        # Only hashes: replies are large and secret, and so is the idempotency key of a call.
        number = hash(reply)
        earlier = self._replies.pop(number, None)
        self._replies[number] = hash(call)
        if len(self._replies) > _REMEMBERED_REPLIES:
            del self._replies[next(iter(self._replies))]
        return earlier

    def data_received(self, data: bytes) -> None:
        """Close the connection if the bytes belong to no request."""
        if self.is_idle and data:
            self.force_close()
        super().data_received(data)

    def close(self) -> None:
        """Close the connection. In the middle of a request, do not write the rest of it first."""
        if self.is_idle:
            super().close()
        else:
            self.abort()

    def mark_used(self) -> None:
        """Record that a request takes the connection."""
        self.was_used, self.is_idle = True, False

    def mark_idle(self) -> None:
        """Record that the connection is back in the pool."""
        self.is_idle = True
        self.idle_since = self._time()

    def is_usable(self, max_idle: float) -> bool:
        """Return whether a request can take the connection, which may have been idle for less than `max_idle` seconds.

        A server closes an idle connection after some seconds. A request that is on its way then may or may not be
        carried out, so it is sent well before (RFC 9112 section 9.5).
        """
        if not self.was_used:
            return True
        return self._time() - self.idle_since < min(max_idle, self.max_idle) and self._is_clean()

    def _is_clean(self) -> bool:
        """Return whether nothing arrived since the last reply."""
        # `should_close` is true if surplus bytes came together with the reply, or while the connection was idle.
        return not self.should_close and self.transport is not None and not self._has_unread_bytes(self.transport)

    def _has_unread_bytes(self, transport: asyncio.Transport) -> bool:
        """Return whether the socket has bytes, or the end of the connection, that the event loop has not read yet."""
        if self._poll is None:  # kept, since a connection has one socket; to make it anew takes 2 us
            descriptor: int = transport.get_extra_info("socket").fileno()
            if descriptor < 0:
                return True
            if not hasattr(select, "poll"):  # Windows
                return bool(select.select([descriptor], [], [], 0)[0])
            self._poll = select.poll()
            self._poll.register(descriptor, select.POLLIN)
        return bool(self._poll.poll(0))


class GuardedResponse(aiohttp.ClientResponse):
    """A response that knows its connection's protocol, also after aiohttp has released the connection."""

    handler: GuardedHandler | None = None

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        """Read the headers."""
        handler = self.handler = connection.protocol if isinstance(connection.protocol, GuardedHandler) else None
        await super().start(connection)
        # Here, because aiohttp may release the connection, and another request take it, before the body is read.
        if handler is not None and (announced := self.headers.getall("Keep-Alive", ())):
            handler.max_idle = _max_idle(", ".join(announced))
        return self


# RFC 2068 section 19.7.1.1, as servers send it: `Keep-Alive: timeout=5, max=1000`.
_KEEP_ALIVE_TIMEOUT = re.compile(r"(?:^|[,\s])timeout\s*=\s*\"?(\d{1,9})(?!\d)", re.IGNORECASE)
_MARGIN: Final = 1.0
"""Seconds that a server's timeout is shortened by, for the way there and back; half the timeout if it is short."""


def _max_idle(keep_alive: str) -> float:
    """Return for how many seconds a connection may idle, by the value of a `Keep-Alive` header."""
    if (match := _KEEP_ALIVE_TIMEOUT.search(keep_alive)) is None:
        return math.inf
    timeout = float(match[1])
    return timeout - min(_MARGIN, timeout / 2)
