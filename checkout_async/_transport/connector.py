"""Connections that are used again only while they are silent.

aiohttp takes whatever arrives on a kept connection for the answer to the next request on it. A reply too many, from a
server or something between that answers twice, would become the answer to another payment.
"""

from __future__ import annotations

import select
from functools import cached_property
from weakref import WeakSet

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

__all__ = ["SilentConnector"]


class SilentConnector(aiohttp.TCPConnector):
    """Gives out a kept connection only if nothing came on it since its last reply, and a new one if nothing came yet.

    What comes after a request was written cannot be told from its answer: HTTP/1.1 numbers neither.
    """

    @cached_property
    def _used(self) -> WeakSet[ResponseHandler]:
        return WeakSet()

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's signature
    ) -> Connection:
        """Return a connection for a request. Raises what aiohttp raises, also where a new connection is not silent."""
        while True:
            connection = await super().connect(req, traces, timeout)
            protocol = connection.protocol
            assert protocol is not None
            was_used = protocol in self._used
            if not protocol.should_close and not (was_used and _has_unread(protocol)):
                self._used.add(protocol)
                return connection
            connection.close()
            if not was_used:
                raise aiohttp.ClientConnectionError("the server spoke before it was asked")


def _has_unread(protocol: ResponseHandler) -> bool:
    """Tell whether bytes, or the end of the connection, wait at its socket for the event loop to come by.

    Not for a new connection: TLS 1.3 sends its session tickets then.
    """
    descriptor: int = -1 if protocol.transport is None else protocol.transport.get_extra_info("socket").fileno()
    if descriptor < 0:
        return True
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([descriptor], [], [], 0)[0])
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))
