"""Replies that are too large, damaged, misleading or surplus: one of our errors or the reply, never another one."""

from __future__ import annotations

import asyncio
import gzip
import select
import zlib
from collections.abc import AsyncIterator

import aiohttp
import pytest

from checkout_async._core.wire import HttpRequest, HttpResponse
from checkout_async.config import Limits, Timeouts
from checkout_async.errors import OutcomeUnknown
from checkout_async.transport.aiohttp import AiohttpTransport
from checkout_async.transport.guards import GuardedHandler
from tests.transport.servers import OK, Behaviour, RawServer, raw_server

LIMIT = 1000
TIMEOUTS = Timeouts(attempt=10)
ANOTHER = OK.replace(b"{}", b"[]")


@pytest.fixture
async def transport() -> AsyncIterator[AiohttpTransport]:
    transport = AiohttpTransport(Limits(keepalive=30, response_size=LIMIT))
    yield transport
    await transport.aclose()


def reply(body: bytes, *headers: bytes, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return b"\r\n".join([b"HTTP/1.1 200 OK", *headers, b"Content-Length: %d" % size, b"", body])


def writing(*replies: bytes, closing: bool = False) -> Behaviour:
    """Answer the n-th request with the n-th of these, and the last one from then on."""

    async def behave(writer: asyncio.StreamWriter, number: int) -> None:
        writer.write(replies[min(number, len(replies)) - 1])
        await writer.drain()
        if closing:
            writer.close()

    return behave


async def ask(transport: AiohttpTransport, server: RawServer) -> HttpResponse:
    request = HttpRequest(method="POST", url=server.url, headers={}, body=b"{}")
    return await transport.send(request, TIMEOUTS)


class TestSize:
    async def test_a_body_of_just_the_limit_is_whole(self, transport: AiohttpTransport) -> None:
        async with raw_server(writing(reply(b"a" * LIMIT))) as server:
            response = await ask(transport, server)
            await ask(transport, server)
        assert (response.body, response.truncated) == (b"a" * LIMIT, False)
        assert server.connections == 1

    async def test_a_larger_one_is_cut_and_its_connection_given_up(self, transport: AiohttpTransport) -> None:
        async with raw_server(writing(reply(b"a" * 10_000_000, b"Cko-Request-Id: q1"), OK)) as server:
            response = await ask(transport, server)
            assert (response.status, response.body, response.truncated) == (200, b"a" * LIMIT, True)
            assert response.headers["cko-request-id"] == "q1"
            assert (await ask(transport, server)).body == b"{}"
        assert server.connections == 2

    async def test_one_whose_first_part_is_just_the_limit_is_cut_too(self, transport: AiohttpTransport) -> None:
        async def in_two(writer: asyncio.StreamWriter, _number: int) -> None:
            whole = reply(b"a" * (LIMIT + 1))
            writer.write(whole[:-1])
            await writer.drain()
            await settle()
            writer.write(whole[-1:])

        async with raw_server(in_two) as server:
            response = await ask(transport, server)
        assert (response.body, response.truncated) == (b"a" * LIMIT, True)

    @pytest.mark.costly
    async def test_a_body_without_end_is_cut(self, transport: AiohttpTransport) -> None:
        async def endless(writer: asyncio.StreamWriter, _number: int) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while True:
                writer.write(b"5\r\nhello\r\n")
                await writer.drain()

        async with raw_server(endless) as server:
            assert (await ask(transport, server)).truncated

    async def test_a_bomb_is_cut_at_the_limit(self, transport: AiohttpTransport) -> None:
        bombs = [(b"gzip", gzip.compress(b"a" * 500_000)), (b"deflate", zlib.compress(b"a" * 500_000))]
        for coding, bomb in bombs:
            assert len(bomb) < LIMIT
            async with raw_server(writing(reply(bomb, b"Content-Encoding: " + coding))) as server:
                response = await ask(transport, server)
            assert (response.body, response.truncated) == (b"a" * LIMIT, True)


class TestCompression:
    async def test_gzip_and_deflate_are_asked_for_and_undone(self, transport: AiohttpTransport) -> None:
        replies = [
            reply(gzip.compress(b"[1]"), b"Content-Encoding: gzip"),
            reply(zlib.compress(b"[2]"), b"Content-Encoding: deflate"),
        ]
        async with raw_server(writing(*replies)) as server:
            assert [(await ask(transport, server)).body for _ in replies] == [b"[1]", b"[2]"]
            assert b"Accept-Encoding: gzip, deflate\r\n" in server.requests[0]

    async def test_a_compressed_body_of_just_the_limit_is_undone(self) -> None:
        body = gzip.compress(b"{}")
        transport = AiohttpTransport(Limits(response_size=len(body)))
        async with raw_server(writing(reply(body, b"Content-Encoding: gzip"))) as server:
            response = await ask(transport, server)
            await transport.aclose()
        assert (response.body, response.truncated) == (b"{}", False)

    async def test_a_damaged_body_comes_as_it_was_received(self, transport: AiohttpTransport) -> None:
        damaged = gzip.compress(b"{}")[:-3]
        async with raw_server(writing(reply(damaged, b"Content-Encoding: gzip", b"Cko-Request-Id: q1"))) as server:
            response = await ask(transport, server)
        assert (response.status, response.body, response.truncated) == (200, damaged, False)
        assert response.headers["cko-request-id"] == "q1"

    async def test_a_body_that_only_says_it_is_compressed_is_read(self, transport: AiohttpTransport) -> None:
        async with raw_server(writing(reply(b"{}", b"Content-Encoding: gzip"))) as server:
            assert (await ask(transport, server)).body == b"{}"


NOT_HTTP = {
    "no whole body": reply(b"{}", length=100),
    "invalid chunk size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "chunks without an end": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
    "two lengths": reply(b"{}", b"Content-Length: 3"),
    "length and chunks": reply(b"2\r\n{}\r\n0\r\n\r\n", b"Transfer-Encoding: chunked"),
    "length below zero": reply(b"{}", length=-2),
    "5000 headers": reply(b"{}", *(b"X-%d: a" % number for number in range(5000))),
    "header of 100 KB": reply(b"{}", b"X: " + b"a" * 100_000),
    "header with a NUL": reply(b"{}", b"X: a\0b"),
    "invalid status": b"HTTP/1.1 abc OK\r\nContent-Length: 2\r\n\r\n{}",
    "version of the future": b"HTTP/9.9 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "HTTP/0.9": b"{}",
    "a thousand interim replies and no other": b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000,
    "nothing but blank lines": b"\r\n" * 1000,
}


class TestNoWholeReply:
    @pytest.mark.parametrize("sent", NOT_HTTP.values(), ids=NOT_HTTP.keys())
    async def test_the_outcome_is_unknown(self, transport: AiohttpTransport, sent: bytes) -> None:
        async with raw_server(writing(sent, closing=True)) as server:
            with pytest.raises(OutcomeUnknown, match="may have been carried out") as caught:
                await ask(transport, server)
        assert caught.value.__context__ is None
        assert len(server.requests) == 1

    async def test_interim_replies_are_skipped(self, transport: AiohttpTransport) -> None:
        async with raw_server(writing(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000 + OK)) as server:
            assert (await ask(transport, server)).body == b"{}"

    async def test_a_switch_of_protocols_is_a_reply_and_the_end_of_its_connection(
        self, transport: AiohttpTransport
    ) -> None:
        switch = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: chess\r\n\r\n"
        async with raw_server(writing(switch, OK)) as server:
            assert (await ask(transport, server)).status == 101
            assert (await ask(transport, server)).body == b"{}"
        assert server.connections == 2


class Relay:
    """Answers each request, and sends a surplus reply when the test says so."""

    def __init__(self, surplus: bytes = ANOTHER) -> None:
        self.surplus = surplus
        self.writers: list[asyncio.StreamWriter] = []

    async def __call__(self, writer: asyncio.StreamWriter, _number: int) -> None:
        self.writers.append(writer)
        writer.write(OK)
        await writer.drain()

    def send_another(self) -> None:
        self.writers[-1].write(self.surplus)


class TestSurplusReply:
    async def test_aiohttp_alone_takes_it_for_the_next_answer(self) -> None:
        relay = Relay()
        async with raw_server(relay) as server, aiohttp.ClientSession() as http:
            async with http.post(server.url) as first:
                await first.read()
            relay.send_another()
            await settle()
            async with http.post(server.url) as second:
                assert await second.read() == b"[]"

    @pytest.mark.parametrize("surplus", [ANOTHER, ANOTHER[:20], b"\r\n", b"x"], ids=["whole", "part", "blank", "byte"])
    async def test_a_connection_it_came_on_is_not_used_again(self, transport: AiohttpTransport, surplus: bytes) -> None:
        relay = Relay(surplus)
        async with raw_server(relay) as server:
            await ask(transport, server)
            relay.send_another()
            await settle()
            assert (await ask(transport, server)).body == b"{}"
        assert server.connections == 2

    @pytest.mark.parametrize("system", ["with poll", "without"])
    async def test_nor_where_it_waits_unread_at_the_socket(
        self, transport: AiohttpTransport, system: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if system == "without":  # Windows
            monkeypatch.delattr(select, "poll")
        relay = Relay()
        async with raw_server(relay) as server:
            await ask(transport, server)
            relay.send_another()  # and the loop does not run until the next request looks for a connection
            assert (await ask(transport, server)).body == b"{}"
        assert server.connections == 2

    async def test_nor_where_it_came_with_the_reply_before(self, transport: AiohttpTransport) -> None:
        async with raw_server(writing(OK + ANOTHER, OK)) as server:
            assert (await ask(transport, server)).body == b"{}"
            assert (await ask(transport, server)).body == b"{}"
        assert server.connections == 2

    async def test_nor_where_it_came_with_the_end_of_the_reply_before(self, transport: AiohttpTransport) -> None:
        async def in_two(writer: asyncio.StreamWriter, number: int) -> None:
            writer.write(OK[:-1])
            await writer.drain()
            await asyncio.sleep(0.05)  # two packets; where they come as one, the test is the one before
            writer.write(OK[-1:] + (ANOTHER if number == 1 else b""))

        async with raw_server(in_two) as server:
            assert (await ask(transport, server)).body == b"{}"
            assert (await ask(transport, server)).body == b"{}"
        assert server.connections == 2

    async def test_without_poll_a_clean_connection_is_kept(
        self, transport: AiohttpTransport, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delattr(select, "poll")
        async with raw_server(writing(OK)) as server:
            for _ in range(3):
                await ask(transport, server)
        assert server.connections == 1

    async def test_afterwards_connections_are_kept_as_before(self, transport: AiohttpTransport) -> None:
        async with raw_server(writing(OK + ANOTHER, OK)) as server:
            for _ in range(6):
                await ask(transport, server)
        assert server.connections == 2


async def settle() -> None:
    """Let what was written arrive and be read."""
    await asyncio.sleep(0.05)


class TestKeptConnections:
    async def test_one_that_was_idle_for_longer_than_allowed_is_not_used_again(self) -> None:
        transport = AiohttpTransport(Limits(keepalive=0.01))
        async with raw_server(writing(OK)) as server:
            await ask(transport, server)
            await asyncio.sleep(0.03)
            await ask(transport, server)
            await transport.aclose()
        assert server.connections == 2

    async def test_one_that_the_server_closed_meanwhile_costs_nothing(self, transport: AiohttpTransport) -> None:
        async with raw_server(writing(OK, closing=True)) as server:
            for _ in range(3):
                assert (await ask(transport, server)).body == b"{}"
        assert (len(server.requests), server.connections) == (3, 3)


async def test_a_connection_remembers_its_last_sixteen_replies() -> None:
    for others, is_remembered in ((15, True), (16, False)):
        handler = GuardedHandler(asyncio.get_running_loop())
        for number in range(1 + others):
            assert handler.remember_reply(f"reply {number}", "call") is None
        assert (handler.remember_reply("reply 0", "call") is not None) == is_remembered
