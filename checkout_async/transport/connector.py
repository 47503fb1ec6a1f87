"""A connector that reuses a kept connection only if a request can rely on it.

aiohttp takes bytes that arrive on an idle connection for the reply to the next request. If a server or an intermediary
sends a surplus reply, aiohttp would return it as the reply to another payment. And a request on a connection that the
server is closing just then has an unknown outcome. So a kept connection is closed

- when bytes arrive while it is idle (`GuardedHandler.data_received`);
- when it is to be used and bytes wait unread at its socket, or it was idle for too long (`GuardedHandler.is_usable`).
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from functools import cache, partial
from typing import Any
from weakref import WeakSet

import aiohttp
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from checkout_async.config import Limits
from checkout_async.processes import ProcessGuard, disconnect, forget_after_fork
from checkout_async.transport.guards import GuardedHandler, current_exchange, incompatible

__all__ = ["clean_connector"]


def clean_connector(limits: Limits, ssl_context: ssl.SSLContext | None) -> aiohttp.BaseConnector:
    """Return a connector. Raises IncompatibleVersion if aiohttp has no way to guard its connections."""
    return _CleanConnector(limits, _system_context() if ssl_context is None else ssl_context)


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


class _CleanConnector(aiohttp.TCPConnector):
    """Hands out a kept connection only if it is usable, and only connections that are guarded.

    Bytes that arrive after a request was written cannot be distinguished from its reply: HTTP/1.1 numbers neither
    requests nor replies. What can be recognised is an earlier reply that is sent again; the transport looks for it.
    """

    def __init__(self, limits: Limits, ssl_context: ssl.SSLContext) -> None:
        self._process = ProcessGuard("the connector")
        self._process.check()
        self._own_sockets: WeakSet[socket.socket] = WeakSet()
        super().__init__(  # pyright: ignore[reportUnknownMemberType] - aiohttp's type of an address
            limit=0,  # the pipeline limits calls; token requests are not limited
            keepalive_timeout=limits.keepalive,
            ssl=ssl_context,
            socket_factory=self._create_socket,
        )
        forget_after_fork(self)
        self._max_idle = limits.keepalive
        self._max_idle_non_idempotent = limits.keepalive_non_idempotent
        # `_factory` is private, but aiohttp has no public way to see bytes that arrive on an idle connection. Setting
        # an attribute that no longer exists would have no effect, so `connect` also looks at each connection.
        if not hasattr(self, "_factory"):
            raise incompatible("has no factory of connections that can be replaced")
        setattr(self, "_factory", partial(GuardedHandler, loop=asyncio.get_running_loop()))  # noqa: B010

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's signature
    ) -> Connection:
        exchange = current_exchange.get()
        # aiohttp resends a PUT, GET or DELETE by itself when a kept connection proves closed. The pipeline alone
        # decides on retries, so the second connection for one request is refused, with the error that led to it.
        if exchange.has_connection:
            raise aiohttp.ServerDisconnectedError
        exchange.is_connecting = True
        max_idle = self._max_idle if exchange.is_idempotent else min(self._max_idle, self._max_idle_non_idempotent)
        while True:
            connection = await super().connect(req, traces, timeout)
            protocol = connection.protocol
            if not isinstance(protocol, GuardedHandler):
                connection.close()
                raise incompatible("opens connections without this package's guard")
            if protocol.is_usable(max_idle):
                break
            connection.close()  # and take the next kept connection, or a new one
        protocol.mark_used()
        connection.add_callback(protocol.mark_idle)  # aiohttp calls it when it releases the connection
        # From here on nothing proves that the request was not sent: aiohttp writes it as soon as this returns.
        exchange.has_connection = True
        return connection

    def forget(self) -> None:
        """In a child that was just forked: disconnect its copies of the sockets, also those of requests in progress."""
        disconnect(self._own_sockets)

    def __del__(self, *arguments: Any) -> None:
        # aiohttp would close the connections, which takes the parent's sockets out of the epoll object that both share.
        if not self._process.is_foreign:
            super().__del__(*arguments)

    def _create_socket(self, address: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, *_ = address
        created = socket.socket(family, kind, protocol)
        self._own_sockets.add(created)
        return created
