"""Defects of connections: their reuse, their end, and replies that belong to another request."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any
from weakref import WeakSet

import msgspec
from aiohttp.client_proto import ResponseHandler

import checkout_async.transport.aiohttp as transport
from checkout_async import errors
from checkout_async._core.wire import HttpRequest, HttpResponse
from checkout_async.config import Timeouts
from checkout_async.transport import correlation, pipeline
from checkout_async.transport.guards import GuardedHandler
from tests.simulation.defects.plant import Send, always, defect, replaced, sending


@defect(fix="Read replies up to a limit, undo compression ourselves, and reuse a connection only while it is silent")
def reply_that_came_before_believed() -> Generator[None]:
    """A reply that the server sends twice is taken for the reply to the next request, whatever it says."""

    def change(genuine: Send) -> Send:
        async def send(self: Any, request: HttpRequest, timeouts: Timeouts) -> HttpResponse:
            return msgspec.structs.replace(await genuine(self, request, timeouts), is_first=True)

        return send

    with (
        sending(change),
        replaced(GuardedHandler, "is_usable", always(True)),
        replaced(GuardedHandler, "remember_reply", always(None)),
        replaced(GuardedHandler, "data_received", ResponseHandler.data_received),
        replaced(correlation, "mismatch", always(None)),
        replaced(correlation, "is_about_another", always(False)),
    ):
        yield


@defect(fix="Never return a reply that belongs to another request")
def repeated_reply_believed() -> Generator[None]:
    """A reply that the server sends a second time, after the next request, is taken for the reply to that one."""
    with (
        replaced(GuardedHandler, "remember_reply", always(None)),
        replaced(correlation, "mismatch", always(None)),
        replaced(correlation, "is_about_another", always(False)),
    ):
        yield


@defect()
def reply_shared_by_reads() -> Generator[None]:
    """Reads of sessions that begin within a minute share one reply."""
    genuine: Any = pipeline.Pipeline.send
    kept: dict[Any, tuple[float, Any]] = {}

    async def send(self: Any, request: Any) -> Any:
        if request.operation.name != "get_session":
            return await genuine(self, request)
        now = asyncio.get_running_loop().time()
        if self not in kept or kept[self][0] < now - 60:
            kept[self] = now, await genuine(self, request)
        return kept[self][1]

    with replaced(pipeline.Pipeline, "send", send):
        yield


@defect(fix="Hear what comes on an idle connection, and test replies that are too many, too large or damaged")
def surplus_bytes_ignored() -> Generator[None]:
    """A connection on which bytes arrived while it was idle is used again, and they are taken for the next reply."""
    with (
        replaced(GuardedHandler, "is_usable", always(True)),
        replaced(GuardedHandler, "data_received", ResponseHandler.data_received),
        replaced(GuardedHandler, "remember_reply", always(None)),
    ):
        yield


@defect()
def refused_connection_taken_for_unknown() -> Generator[None]:
    """A request whose connection is refused counts as one that may have been carried out."""

    def change(genuine: Send) -> Send:
        async def send(self: Any, request: HttpRequest, timeouts: Timeouts) -> HttpResponse:
            try:
                return await genuine(self, request, timeouts)
            except errors.ConnectFailed as error:
                raise errors.OutcomeUnknown(str(error)) from error

        return send

    with sending(change):
        yield


@defect()
def refused_connection_never_tried_again() -> Generator[None]:
    """A client whose connection was once refused takes the server for gone, as a breaker that nothing closes."""
    refused = WeakSet[Any]()

    def change(genuine: Send) -> Send:
        async def send(self: Any, request: HttpRequest, timeouts: Timeouts) -> HttpResponse:
            if self in refused:
                message = "the server refuses connections; nothing was sent"
                raise errors.ConnectFailed(message)
            try:
                return await genuine(self, request, timeouts)
            except errors.ConnectFailed as error:
                if "refused" in str(error):
                    refused.add(self)
                raise

        return send

    with sending(change):
        yield


@defect()
def connections_left_open() -> Generator[None]:
    """Closing the client leaves its connections open."""

    async def aclose(self: Any) -> None:
        self._closed = True

    with replaced(transport.AiohttpTransport, "aclose", aclose):
        yield
