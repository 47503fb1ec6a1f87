"""A connector that reuses a kept connection only if nothing arrived on it since its last reply.

aiohttp takes bytes that arrive on an idle connection for the reply to the next request. If a server or an intermediary
sends a surplus reply, aiohttp would return it as the reply to another payment. So a connection is closed

- when bytes arrive while it is idle (`GuardedHandler.data_received`);
- when it is to be reused and bytes wait unread at its socket (`_CleanConnector.connect`).
"""

from __future__ import annotations

import asyncio
import os
import select
import ssl
from collections.abc import Hashable
from functools import cache, partial
from typing import Final

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

__all__ = ["GuardedHandler", "GuardedResponse", "clean_connector"]


def clean_connector(*, keepalive: float, ssl_context: ssl.SSLContext | None) -> aiohttp.BaseConnector:
    """Return a connector that closes a connection after `keepalive` idle seconds, or when surplus bytes arrive."""
    connector = _CleanConnector(
        limit=0,  # the pipeline limits calls; token requests are not limited
        keepalive_timeout=keepalive,
        ssl=_system_context() if ssl_context is None else ssl_context,
    )
    # `_factory` is private, but aiohttp has no public way to see bytes that arrive on an idle connection.
    setattr(connector, "_factory", partial(GuardedHandler, loop=asyncio.get_running_loop()))  # noqa: B010
    return connector


def _system_context() -> ssl.SSLContext:
    """Return a context that trusts the system's authorities, or those of SSL_CERT_FILE and SSL_CERT_DIR.

    aiohttp makes its own context when it is imported. Variables that an application sets later, for example from a
    settings file, would have no effect.
    """
    return _context_for(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


# Reading the authorities takes up to a tenth of a second, in which the event loop does nothing else: once is enough.
@cache
def _context_for(_file: str | None, _directory: str | None) -> ssl.SSLContext:
    """Return a new context. OpenSSL reads the two variables itself; they are arguments as the key of the cache."""
    context = ssl.create_default_context()
    # As aiohttp's own context has it: servers that speak HTTP/2 must not choose it.
    context.set_alpn_protocols(("http/1.1",))
    return context


# A server that repeats a reply does so soon.
_REMEMBERED_REPLIES: Final = 16


class GuardedHandler(ResponseHandler):
    """A connection's protocol that closes the connection when bytes arrive while it is idle.

    It remembers its last replies, so that the transport recognises one that is sent a second time.
    """

    was_used = False
    is_idle = False
    has_replied = False

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._replies: dict[int, int] = {}

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

    def mark_idle(self) -> None:
        """Record that the connection is back in the pool."""
        self.is_idle = True

    def is_clean(self) -> bool:
        """Return whether nothing arrived since the last reply."""
        # `should_close` is true if surplus bytes came together with the reply, or while the connection was idle.
        return not self.should_close and self.transport is not None and not _has_unread_bytes(self.transport)


class GuardedResponse(aiohttp.ClientResponse):
    """A response that knows its connection's protocol, also after aiohttp has released the connection."""

    handler: GuardedHandler | None = None

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        """Read the headers."""
        if isinstance(connection.protocol, GuardedHandler):
            self.handler = connection.protocol
        return await super().start(connection)


class _CleanConnector(aiohttp.TCPConnector):
    """Hands out a kept connection only if it is clean.

    Bytes that arrive after a request was written cannot be distinguished from its reply: HTTP/1.1 numbers neither
    requests nor replies. What can be recognised is an earlier reply that is sent again; the transport looks for it.
    """

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's signature
    ) -> Connection:
        while True:
            connection = await super().connect(req, traces, timeout)
            protocol = connection.protocol
            if not isinstance(protocol, GuardedHandler) or not protocol.was_used or protocol.is_clean():
                break
            connection.close()  # and take the next kept connection, or a new one
        if isinstance(protocol, GuardedHandler):
            protocol.was_used, protocol.is_idle = True, False
            connection.add_callback(protocol.mark_idle)  # aiohttp calls it when it releases the connection
        return connection


def _has_unread_bytes(transport: asyncio.Transport) -> bool:
    """Return whether the socket has bytes, or the end of the connection, that the event loop has not read yet."""
    descriptor: int = transport.get_extra_info("socket").fileno()
    if descriptor < 0:
        return True
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([descriptor], [], [], 0)[0])
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))
