"""Exchanges without aiohttp's session: the same bytes, and the session as soon as a library hooks into it."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast

import aiohttp
import pytest

from checkout_async import Limits, Timeouts
from checkout_async._core.wire import HttpRequest
from checkout_async.errors import IncompatibleVersion
from checkout_async.transport import aiohttp as adapter
from checkout_async.transport import direct
from checkout_async.transport.aiohttp import AiohttpTransport
from tests.transport.servers import RawServer, always_hooked, ok, raw_server

SIZES = (0, 1, 100, 32 * 1024, 32 * 1024 + 1, 1_000_000)


@pytest.fixture
async def transport() -> AsyncIterator[AiohttpTransport]:
    transport = AiohttpTransport(Limits())
    yield transport
    await transport.aclose()


async def send(
    transport: AiohttpTransport, server: RawServer, method: str = "POST", body: bytes | None = b"{}"
) -> None:
    headers = {"Authorization": "Bearer x", "User-Agent": "tests/1", "Content-Type": "application/json"}
    await transport.send(HttpRequest(method=method, url=f"{server.url}/a?b=c", headers=headers, body=body), Timeouts())


@pytest.mark.parametrize("size", SIZES)
async def test_a_body_of_any_size_arrives_whole(transport: AiohttpTransport, size: int) -> None:
    body = bytes(number % 251 for number in range(size))
    async with raw_server(ok) as server:
        for _ in range(2):
            await send(transport, server, body=body)
    assert [each.partition(b"\r\n\r\n")[2] for each in server.requests] == [body, body]
    assert server.connections == 1


@pytest.mark.parametrize("body", [None, b"", b'{"a": 1}'], ids=["none", "empty", "short"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
async def test_the_request_has_the_headers_that_the_session_sends(
    transport: AiohttpTransport, monkeypatch: pytest.MonkeyPatch, method: str, body: bytes | None
) -> None:
    async with raw_server(ok) as server:
        await send(transport, server, method, body)
        monkeypatch.setattr(adapter, "is_hooked", always_hooked)
        await send(transport, server, method, body)
    ours, theirs = (sorted(each.split(b"\r\n")) for each in server.requests)
    assert ours == theirs


class TestHooks:
    """Libraries that trace, record or replace HTTP traffic see what is sent."""

    async def test_a_trace_that_is_added_to_every_session(
        self, transport: AiohttpTransport, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = cast("Any", aiohttp.ClientSession).__init__
        seen: list[str] = []

        async def started(_session: object, _context: object, parameters: aiohttp.TraceRequestStartParams) -> None:
            seen.append(parameters.method)

        def instrumented(self: Any, *arguments: Any, **options: Any) -> None:
            trace = aiohttp.TraceConfig()
            trace.on_request_start.append(started)
            made(self, *arguments, **{**options, "trace_configs": [trace]})

        monkeypatch.setattr(aiohttp.ClientSession, "__init__", instrumented)
        async with raw_server(ok) as server:
            await send(transport, server)
        assert seen == ["POST"]

    async def test_a_wrapper_with_the_name_of_what_it_wraps(
        self, transport: AiohttpTransport, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        genuine: Callable[..., Awaitable[Any]] = cast("Any", aiohttp.ClientSession)._request
        seen: list[str] = []

        @functools.wraps(genuine)
        async def recorded(self: Any, method: str, *arguments: Any, **options: Any) -> Any:
            seen.append(method)
            return await genuine(self, method, *arguments, **options)

        monkeypatch.setattr(aiohttp.ClientSession, "_request", recorded)
        async with raw_server(ok) as server:
            await send(transport, server)
        assert (seen, len(server.requests)) == (["POST"], 1)

    async def test_an_object_that_stands_for_the_function(
        self, transport: AiohttpTransport, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        genuine: Any = cast("Any", aiohttp.ClientSession)._request
        seen: list[str] = []

        class Proxy:
            """As wrapt makes them: it has every attribute of the function."""

            def __getattr__(self, name: str) -> Any:
                return getattr(genuine, name)

            def __get__(self, session: Any, _owner: type | None = None) -> Any:
                return functools.partial(self, session) if session is not None else self

            def __call__(self, session: Any, method: str, *arguments: Any, **options: Any) -> Any:
                seen.append(method)
                return genuine(session, method, *arguments, **options)

        monkeypatch.setattr(aiohttp.ClientSession, "_request", Proxy())
        async with raw_server(ok) as server:
            await send(transport, server)
        assert (seen, len(server.requests)) == (["POST"], 1)

    async def test_nothing_goes_through_the_session_otherwise(
        self, transport: AiohttpTransport, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_arguments: object, **_options: object) -> None:
            raise AssertionError

        monkeypatch.setattr(adapter, "_open_by_session", refuse)
        async with raw_server(ok) as server:
            await send(transport, server)
        assert len(server.requests) == 1


class TestGuards:
    """An aiohttp with other arguments is refused before anything is written."""

    async def test_requests_are_made_in_another_way(
        self, transport: AiohttpTransport, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def init(self: Any, method: str, url: str) -> None:
            """Take no more than these."""

        monkeypatch.setattr(direct.DirectRequest, "__init__", init)
        await self._refused(transport, "makes requests in another way")

    @pytest.mark.parametrize("missing", ["_timer", "_traces"])
    async def test_an_attribute_is_gone(
        self, transport: AiohttpTransport, monkeypatch: pytest.MonkeyPatch, missing: str
    ) -> None:
        made: Any = direct.DirectRequest.__init__

        def init(self: Any, *arguments: Any, **options: Any) -> None:
            made(self, *arguments, **options)
            delattr(self, missing)

        monkeypatch.setattr(direct.DirectRequest, "__init__", init)
        await self._refused(transport, "the object of a reply in another way")

    async def test_replies_are_made_in_another_way(
        self, transport: AiohttpTransport, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def init(self: Any, method: str, url: str) -> None:
            """Take no more than these."""

        monkeypatch.setattr(aiohttp.ClientResponse, "__init__", init)
        await self._refused(transport, "the object of a reply in another way")

    async def _refused(self, transport: AiohttpTransport, text: str) -> None:
        async with raw_server(ok) as server:
            with pytest.raises(IncompatibleVersion, match=text):
                await send(transport, server)
            await asyncio.sleep(0)
            assert server.requests == []
