"""The aiohttp adapter: what was sent, what was not, and that nothing of aiohttp gets out."""

from __future__ import annotations

import asyncio
import gc
import inspect
import socket
import ssl
import struct
import traceback
import types
from collections.abc import AsyncIterator, Coroutine, Generator
from functools import partial
from types import SimpleNamespace
from typing import Any, TypeVar, cast

import aiohttp
import pytest
from aiohttp.client_exceptions import UnixClientConnectorError
from aioresponses import aioresponses

from checkout_async import processes
from checkout_async._core.wire import HttpRequest
from checkout_async.config import Limits, Timeouts
from checkout_async.errors import ClientClosed, ConnectFailed, OutcomeUnknown, TransportError, WrongLoop, WrongProcess
from checkout_async.sandbox import Sandbox
from checkout_async.transport.aiohttp import AiohttpTransport
from tests.faults import certificates
from tests.loop_time import LoopTime
from tests.transport.servers import (
    OK,
    Behaviour,
    RawServer,
    babble,
    break_off,
    hang_up,
    ok,
    raw_server,
    redirect,
    stall,
)

T = TypeVar("T")

SECRET = "Bearer hush-hush"
PATIENT = Timeouts()


@pytest.fixture
async def transport() -> AsyncIterator[AiohttpTransport]:
    transport = AiohttpTransport(Limits(concurrency=4, keepalive=30))
    yield transport
    await transport.aclose()


def request(url: str, method: str = "POST", body: bytes | None = b'{"a":1}') -> HttpRequest:
    headers = {"Authorization": SECRET, "User-Agent": "tests/1"}
    return HttpRequest(method=method, url=f"{url}/a%2Fb", headers=headers, body=body)


async def failure(
    transport: AiohttpTransport, url: str, method: str = "POST", timeouts: Timeouts = PATIENT
) -> TransportError:
    with pytest.raises(TransportError) as caught:
        await transport.send(request(url, method), timeouts)
    return caught.value


@types.coroutine
def resumed_late(running: Coroutine[Any, Any, T]) -> Generator[Any, Any, T]:
    """Run a coroutine as in a task that the event loop resumes some rounds after what it waited for has happened."""
    resume = partial(running.send, None)
    while True:
        try:
            awaited = resume()
        except StopIteration as ended:
            return cast("T", ended.value)
        try:
            yield awaited
        except BaseException as error:  # noqa: BLE001 - as a task does
            resume = partial(running.throw, error)
        else:
            resume = partial(running.send, None)
        for _ in range(20):
            yield


class TestExchange:
    async def test_method_path_headers_and_body_arrive_as_given(self, transport: AiohttpTransport) -> None:
        async with raw_server(ok) as server:
            response = await transport.send(request(server.url), Timeouts())
        assert (response.status, response.body, response.truncated) == (200, b"{}", False)
        assert response.headers["content-type"] == "application/json"
        head, _, body = server.requests[0].partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        assert lines[0] == b"POST /a%2Fb HTTP/1.1"
        assert b"Authorization: Bearer hush-hush" in lines
        assert body == b'{"a":1}'
        assert b"User-Agent: tests/1" in lines
        assert b"Accept-Encoding: gzip, deflate" in lines

    async def test_no_character_of_a_path_is_escaped_or_unescaped(self, transport: AiohttpTransport) -> None:
        async with raw_server(ok) as server:
            sent = HttpRequest(method="GET", url=f"{server.url}/%7e%41?q=%2b+%20", headers={})
            await transport.send(sent, PATIENT)
        assert server.requests[0].startswith(b"GET /%7e%41?q=%2b+%20 HTTP/1.1\r\n")

    async def test_aiohttp_adds_neither_its_name_nor_a_content_type(self, transport: AiohttpTransport) -> None:
        async with raw_server(ok) as server:
            await transport.send(HttpRequest(method="POST", url=server.url, headers={}, body=b"{}"), Timeouts())
        head = server.requests[0].partition(b"\r\n\r\n")[0]
        names = {line.partition(b":")[0] for line in head.split(b"\r\n")[1:]}
        assert names == {b"Host", b"Accept", b"Accept-Encoding", b"Content-Length"}

    async def test_only_compressions_that_the_package_decodes_are_asked_for(
        self, transport: AiohttpTransport, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # As aiohttp has it where Brotli and zstd are installed.
        headers: dict[Any, str] = aiohttp.ClientRequest.DEFAULT_HEADERS
        monkeypatch.setitem(headers, "Accept-Encoding", "gzip, deflate, br, zstd")
        async with raw_server(ok) as server:
            await transport.send(request(server.url), PATIENT)
        (head,) = server.requests
        assert [line for line in head.split(b"\r\n") if line.lower().startswith(b"accept-encoding:")] == [
            b"Accept-Encoding: gzip, deflate"
        ]

    async def test_a_cookie_is_not_kept(self, transport: AiohttpTransport) -> None:
        async def bake(writer: asyncio.StreamWriter, _number: int) -> None:
            writer.write(OK.replace(b"\r\n\r\n", b"\r\nSet-Cookie: visit=hush\r\n\r\n"))
            await writer.drain()

        # By name: aiohttp keeps no cookies of an address in digits anyway.
        async with raw_server(bake) as server:
            for _ in range(2):
                url = server.url.replace("127.0.0.1", "localhost")
                assert (await transport.send(request(url), PATIENT)).headers["set-cookie"] == "visit=hush"
        assert len(server.requests) == 2
        assert not any(b"cookie" in sent.lower() for sent in server.requests)

    async def test_connections_are_kept_and_used_again(self, transport: AiohttpTransport) -> None:
        async with raw_server(ok) as server:
            for _ in range(5):
                await transport.send(request(server.url), Timeouts())
        assert (len(server.requests), server.connections) == (5, 1)

    async def test_a_redirect_is_not_followed(self, transport: AiohttpTransport) -> None:
        async with raw_server(redirect) as server:
            response = await transport.send(request(server.url), Timeouts())
        assert response.status == 307
        assert len(server.requests) == 1

    async def test_nothing_is_opened_before_the_first_request_and_closing_twice_is_fine(self) -> None:
        transport = AiohttpTransport(Limits())
        await transport.aclose()
        await transport.aclose()

    def test_another_event_loop_is_refused_by_name(self) -> None:
        transport = AiohttpTransport(Limits())

        async def first() -> None:
            await failure(transport, "http://127.0.0.1:9")
            assert transport._session is not None
            await transport._session.close()

        asyncio.run(first())
        with pytest.raises(WrongLoop, match="another event loop"):
            asyncio.run(transport.send(request("http://127.0.0.1:9"), PATIENT))

    async def test_a_request_whose_transport_is_closed_meanwhile_may_have_been_carried_out(self) -> None:
        """So it is if the loop resumes its task last: aiohttp resends a GET then, and has nothing to do it with."""
        transport = AiohttpTransport(Limits())
        arrived = asyncio.Event()

        async def wait(_writer: asyncio.StreamWriter, _number: int) -> None:
            arrived.set()
            await asyncio.sleep(30)

        async with raw_server(wait) as server:
            sending = asyncio.ensure_future(resumed_late(transport.send(request(server.url, "GET", None), Timeouts())))
            await arrived.wait()
            await transport.aclose()
            with pytest.raises(OutcomeUnknown, match="the client was closed"):
                await sending
        assert len(server.requests) == 1

    async def test_a_closed_transport_stays_closed(self) -> None:
        transport = AiohttpTransport(Limits())
        await transport.aclose()
        with pytest.raises(ClientClosed, match="is closed"):
            await transport.send(request("http://127.0.0.1:9"), PATIENT)

    @pytest.mark.parametrize("way", ["closed", "collected"])
    async def test_another_process_can_neither_use_nor_close_its_connections(
        self, way: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        transport = AiohttpTransport(Limits())
        async with raw_server(ok) as server:
            await transport.send(request(server.url), PATIENT)
            assert transport._session is not None
            connector = transport._session.connector
            assert connector is not None
            with monkeypatch.context() as child:
                child.setattr(processes, "os", SimpleNamespace(getpid=lambda: -1))
                with pytest.raises(WrongProcess, match="the client was first used in another process"):
                    await transport.send(request(server.url), PATIENT)
                if way == "closed":
                    await transport.aclose()
                del transport
                gc.collect()
            assert not connector.closed
            await connector.close()
        assert (len(server.requests), server.connections) == (1, 1)

    async def test_closing_ends_its_connections(self) -> None:
        transport = AiohttpTransport(Limits())
        async with raw_server(ok) as server:
            await transport.send(request(server.url), PATIENT)
            assert transport._session is not None
            connector = transport._session.connector
            assert connector is not None
            await transport.aclose()
            assert connector.closed
            await transport.aclose()


class TestNotSent:
    async def test_a_refused_connection(self, transport: AiohttpTransport) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
            error = await failure(transport, f"http://127.0.0.1:{port}")
        assert isinstance(error, ConnectFailed)
        assert error.reason == f"127.0.0.1:{port} could not be reached (connection refused)"
        assert str(error) == f"no connection: {error.reason}; nothing was sent"

    async def test_a_refused_connection_of_ipv6(self, transport: AiohttpTransport) -> None:
        error = await failure(transport, "http://[::1]:9")
        assert isinstance(error, ConnectFailed)
        assert error.reason.startswith("[::1]:9 could not be reached (")

    async def test_a_host_that_does_not_exist(self, transport: AiohttpTransport) -> None:
        error = await failure(transport, "http://nowhere.invalid")
        assert isinstance(error, ConnectFailed)
        assert str(error) == "no connection: the host name nowhere.invalid could not be resolved; nothing was sent"

    async def test_an_address_without_a_host(self, transport: AiohttpTransport) -> None:
        error = await failure(transport, "https://")
        assert isinstance(error, ConnectFailed)
        assert "the server" in error.reason

    async def test_a_server_whose_certificate_is_not_trusted(self, transport: AiohttpTransport) -> None:
        async with Sandbox(ssl_context=certificates.untrusted()) as sandbox:
            error = await failure(transport, sandbox.base_url)
        assert isinstance(error, ConnectFailed)
        assert f"{sandbox.base_url.removeprefix('https://')}: its TLS certificate was not accepted" in str(error)
        assert sandbox.requests == ()

    async def test_the_connection_takes_too_long(self, transport: AiohttpTransport) -> None:
        with socket.socket() as full:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            fillers = [socket.socket() for _ in range(3)]
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(full.getsockname())
            port = full.getsockname()[1]
            error = await failure(transport, f"http://127.0.0.1:{port}", timeouts=Timeouts(connect=0.05))
            for filler in fillers:
                filler.close()
        assert isinstance(error, ConnectFailed)
        assert f"127.0.0.1:{port} took too long" in str(error)


TOO_LONG = 30.0


async def time_out(server: RawServer, time: LoopTime) -> None:
    """Let the time of an attempt pass once the server has its request."""
    while not server.requests:
        await asyncio.sleep(0)
    time.passes(TOO_LONG)


def _name(behaviour: Behaviour) -> str:
    return behaviour.__name__


class TestMayHaveArrived:
    @pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
    @pytest.mark.parametrize("behaviour", [hang_up, break_off, stall, babble], ids=_name)
    async def test_a_request_without_a_whole_reply_is_sent_once_and_its_outcome_is_unknown(
        self, transport: AiohttpTransport, behaviour: Behaviour, method: str
    ) -> None:
        time = LoopTime(asyncio.get_running_loop())
        async with raw_server(behaviour) as server, asyncio.TaskGroup() as passing:
            if behaviour is stall:
                passing.create_task(time_out(server, time))
            error = await failure(transport, server.url, method, Timeouts(attempt=TOO_LONG))
            assert isinstance(error, OutcomeUnknown)
            assert "may have been carried out" in str(error)
            assert server.url.removeprefix("http://") in error.reason
            assert len(server.requests) == 1

    @pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
    async def test_a_kept_connection_that_dies_under_a_request_is_not_resent(
        self, transport: AiohttpTransport, method: str
    ) -> None:
        async def ok_then_hang_up(writer: asyncio.StreamWriter, number: int) -> None:
            await (ok if number == 1 else hang_up)(writer, number)

        async with raw_server(ok_then_hang_up) as server:
            await transport.send(request(server.url, method), Timeouts())
            assert isinstance(await failure(transport, server.url, method), OutcomeUnknown)
            assert len(server.requests) == 2, "one that was answered, one that was not: nothing was repeated"

    async def test_a_reply_that_takes_longer_than_an_attempt_may(self, transport: AiohttpTransport) -> None:
        time = LoopTime(asyncio.get_running_loop())
        async with raw_server(stall) as server, asyncio.TaskGroup() as passing:
            passing.create_task(time_out(server, time))
            error = await failure(transport, server.url, timeouts=Timeouts(attempt=TOO_LONG))
        assert isinstance(error, OutcomeUnknown)
        assert error.reason.endswith(" took too long")

    async def test_no_time_limit_is_rounded_up_to_whole_seconds(
        self, transport: AiohttpTransport, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        loop = asyncio.get_running_loop()
        call_at, limits = loop.call_at, list[float]()

        def note(when: float, *arguments: Any, **options: Any) -> asyncio.TimerHandle:
            limits.append(when)
            return call_at(when, *arguments, **options)

        monkeypatch.setattr(loop, "call_at", note)
        async with raw_server(ok) as server:
            started = loop.time()
            await transport.send(request(server.url), Timeouts(attempt=20.0, connect=10.0))
            ended = loop.time()
        for seconds in (10.0, 20.0):
            assert [when for when in limits if started + seconds <= when <= ended + seconds]

    async def test_a_reply_that_a_reset_cuts_broke_off(self, transport: AiohttpTransport) -> None:
        async def reset(writer: asyncio.StreamWriter, _number: int) -> None:
            writer.write(OK[:-1])
            await writer.drain()
            linger = struct.pack("ii", 1, 0)  # closing sends RST
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.close()

        async with raw_server(reset) as server:
            error = await failure(transport, server.url)
        assert isinstance(error, OutcomeUnknown)
        assert error.reason == f"the reply of {server.url.removeprefix('http://')} broke off"

    async def test_the_transport_works_on_after_failures(self, transport: AiohttpTransport) -> None:
        async def ok_at_last(writer: asyncio.StreamWriter, number: int) -> None:
            await (break_off if number <= 8 else ok)(writer, number)

        async with raw_server(ok_at_last) as server:
            for _ in range(8):
                await failure(transport, server.url)
            assert (await transport.send(request(server.url), Timeouts())).status == 200

    async def test_cancelling_a_request_frees_its_connection(self, transport: AiohttpTransport) -> None:
        async def stall_four_times(writer: asyncio.StreamWriter, number: int) -> None:
            await (stall if number <= 4 else ok)(writer, number)

        async with raw_server(stall_four_times) as server:
            tasks = [asyncio.create_task(transport.send(request(server.url), Timeouts())) for _ in range(4)]
            while len(server.requests) < 4:
                await asyncio.sleep(0.001)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            assert (await transport.send(request(server.url), Timeouts())).status == 200


def aiohttp_errors() -> list[type[Exception]]:
    from aiohttp import client_exceptions

    classes = {
        cls for _, cls in inspect.getmembers(client_exceptions, inspect.isclass) if issubclass(cls, aiohttp.ClientError)
    }
    others = {TimeoutError, ConnectionResetError, OSError, ssl.SSLError, ValueError, RuntimeError}
    return sorted(classes | others, key=lambda cls: cls.__name__)


CLOSED, HANDSHAKE, SLOW = "closed the connection", "the TLS handshake ", "took too long"
DESCRIPTIONS: dict[type[Exception], str] = {
    aiohttp.ClientConnectorCertificateError: "TLS certificate was not accepted",
    aiohttp.ClientConnectorDNSError: "could not be resolved",
    aiohttp.ClientConnectorSSLError: HANDSHAKE,
    aiohttp.ClientSSLError: HANDSHAKE,
    ssl.SSLError: HANDSHAKE,
    aiohttp.ClientConnectionResetError: CLOSED,
    aiohttp.ServerDisconnectedError: CLOSED,
    ConnectionResetError: CLOSED,
    aiohttp.ClientPayloadError: "broke off",
    aiohttp.ClientHttpProxyError: "the proxy refused to connect to the API (status 407)",
    aiohttp.ClientConnectorError: "could not be reached",
    aiohttp.ClientProxyConnectionError: "the proxy ",
    UnixClientConnectorError: "could not be reached",
    aiohttp.ConnectionTimeoutError: SLOW,
    aiohttp.ServerTimeoutError: SLOW,
    aiohttp.SocketTimeoutError: SLOW,
    TimeoutError: SLOW,
}


# aiohttp raises these only while it has no connection, which is the proof if a library replaces its connector.
WITHOUT_CONNECTION = (
    aiohttp.ClientConnectorError,
    aiohttp.ClientHttpProxyError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
    aiohttp.NonHttpUrlClientError,
    aiohttp.ServerFingerprintMismatch,
)


class TestNothingOfAiohttpGetsOut:
    @pytest.mark.parametrize("cls", aiohttp_errors(), ids=lambda cls: cls.__name__)
    async def test_each_of_its_errors_becomes_ours_without_its_text(
        self, transport: AiohttpTransport, cls: type[Exception]
    ) -> None:
        # The others are made without __init__: each takes other arguments, and only the class decides.
        is_reply = issubclass(cls, aiohttp.ClientResponseError)
        error = cast("Any", cls)(None, (), status=407) if is_reply else cls.__new__(cls)
        with aioresponses() as mocked:
            cast("Any", mocked).post("https://api.example/a%2Fb", exception=error)
            with pytest.raises(TransportError) as caught:
                await transport.send(request("https://api.example"), PATIENT)
        assert DESCRIPTIONS.get(cls, f"failed ({cls.__name__})") in str(caught.value)
        assert isinstance(caught.value, ConnectFailed if issubclass(cls, WITHOUT_CONNECTION) else OutcomeUnknown)
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None

    async def test_a_cancellation_shows_no_frame_of_it(self, transport: AiohttpTransport) -> None:
        async with raw_server(stall) as server:
            sending = asyncio.create_task(transport.send(request(server.url), PATIENT))
            while not server.requests:
                await asyncio.sleep(0.001)
            sending.cancel()
            with pytest.raises(asyncio.CancelledError) as caught:
                await sending
        files = {frame.filename for frame in traceback.extract_tb(caught.value.__traceback__)}
        assert not [name for name in files if "/aiohttp/" in name]
        assert caught.value.__context__ is None

    async def test_a_reset_while_a_reply_is_read_is_not_taken_for_one_of_the_handshake(
        self, transport: AiohttpTransport
    ) -> None:
        error = aiohttp.ClientPayloadError()
        error.__cause__ = ConnectionResetError()
        with aioresponses() as mocked:
            cast("Any", mocked).post("https://api.example/a%2Fb", exception=error)
            failed = await failure(transport, "https://api.example")
        assert failed.reason == "the reply of api.example:443 broke off"

    async def test_nor_an_error_of_it_as_its_context(self, transport: AiohttpTransport) -> None:
        cancelled = asyncio.CancelledError()
        cancelled.__context__ = aiohttp.ClientError(SECRET)
        with aioresponses() as mocked:
            cast("Any", mocked).post("https://api.example/a%2Fb", exception=cancelled)
            with pytest.raises(asyncio.CancelledError) as caught:
                await transport.send(request("https://api.example"), PATIENT)
        assert caught.value.__context__ is None

    async def test_the_credential_is_in_no_error(self, transport: AiohttpTransport) -> None:
        async with raw_server(babble) as server:
            error = await failure(transport, server.url)
        assert "hush" not in f"{error!r} {error.__context__!r}"
