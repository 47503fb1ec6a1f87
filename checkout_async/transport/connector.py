"""Connections that are used again only while they are silent.

aiohttp takes whatever arrives on a kept connection for the answer to the next request on it. A reply too many, from a
server or something between that answers twice, would become the answer to another payment.
"""

from __future__ import annotations

import asyncio
import select
import ssl
from functools import partial

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

__all__ = ["clean_connector"]


def clean_connector(*, keepalive: float, ssl_context: ssl.SSLContext | None) -> aiohttp.BaseConnector:
    """Make a connector that closes connections after `keepalive` idle seconds, or when something comes on one."""
    connector = _SilentConnector(
        limit=0,  # the pipeline limits calls; a token is fetched past that limit
        keepalive_timeout=keepalive,
        ssl=True if ssl_context is None else ssl_context,
    )
    # aiohttp offers no public way to hear what comes on an idle connection.
    setattr(connector, "_factory", partial(_Listener, loop=asyncio.get_running_loop()))  # noqa: B010
    return connector


class _Listener(ResponseHandler):
    """Gives up its connection when something comes while it is idle."""

    was_used = False
    is_idle = False

    def data_received(self, data: bytes) -> None:
        if self.is_idle and data:
            self.force_close()
        super().data_received(data)

    def rest(self) -> None:
        self.is_idle = True

    def is_silent(self) -> bool:
        """Tell whether nothing came since the last reply."""
        return not self.should_close and self.transport is not None and not _has_unread(self.transport)


class _SilentConnector(aiohttp.TCPConnector):
    """Gives out a kept connection only if nothing came on it since its last reply.

    What comes after a request was written cannot be told from its answer: HTTP/1.1 numbers neither.
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
            if not isinstance(protocol, _Listener) or not protocol.was_used or protocol.is_silent():
                break
            connection.close()
        if isinstance(protocol, _Listener):
            protocol.was_used, protocol.is_idle = True, False
            connection.add_callback(protocol.rest)
        return connection


def _has_unread(transport: asyncio.Transport) -> bool:
    """Tell whether bytes, or the end of the connection, wait at its socket for the event loop to come by."""
    descriptor: int = transport.get_extra_info("socket").fileno()
    if descriptor < 0:
        return True
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([descriptor], [], [], 0)[0])
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))
