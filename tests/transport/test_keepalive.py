"""Which kept connection a request takes: one that the server is not about to close. Counted at the server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from checkout_async import CheckoutClient, Limits, SecretKey, Timeouts
from checkout_async._core.wire import HttpRequest
from checkout_async.models import payments, sessions
from checkout_async.transport.aiohttp import AiohttpTransport
from tests.loop_time import LoopTime
from tests.transport.servers import Behaviour, RawServer, raw_server


@pytest.fixture
async def idle() -> LoopTime:
    return LoopTime(asyncio.get_running_loop(), is_stopped=True)


@pytest.fixture
async def transport(idle: LoopTime) -> AsyncIterator[AiohttpTransport]:
    assert idle.time() > 0
    transport = AiohttpTransport(Limits(keepalive=15, keepalive_non_idempotent=0.5))
    yield transport
    await transport.aclose()


def answering(*headers: str, body: str = "{}") -> Behaviour:
    """Answer with these header lines."""

    async def behave(writer: asyncio.StreamWriter, _number: int) -> None:
        lines = (
            "HTTP/1.1 200 OK",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            *headers,
            "",
            body,
        )
        writer.write("\r\n".join(lines).encode())
        await writer.drain()

    return behave


async def ask(transport: AiohttpTransport, server: RawServer, *, is_idempotent: bool = True) -> None:
    request = HttpRequest(method="POST", url=server.url, headers={}, body=b"{}", is_idempotent=is_idempotent)
    await transport.send(request, Timeouts())


async def connections(transport: AiohttpTransport, behave: Behaviour, idle: LoopTime, seconds: float) -> int:
    """Return how many connections two requests take that are some seconds apart."""
    async with raw_server(behave) as server:
        await ask(transport, server)
        idle.passes(seconds)
        await ask(transport, server)
        assert len(server.requests) == 2
    return server.connections


class TestAnnouncedTimeout:
    @pytest.mark.parametrize(
        "headers",
        [
            ("Keep-Alive: timeout=5",),
            ("keep-alive: timeout=5, max=1000",),
            ("Keep-Alive: max=1000, timeout=5",),
            ("Keep-Alive: max=1000,timeout = 5",),
            ('Keep-Alive: TIMEOUT="5"',),
            ("Keep-Alive: max=1000", "Keep-Alive: timeout=5"),
        ],
        ids=" and ".join,
    )
    async def test_the_connection_is_used_until_a_second_before(
        self, transport: AiohttpTransport, idle: LoopTime, headers: tuple[str, ...]
    ) -> None:
        assert await connections(transport, answering(*headers), idle, 3.9) == 1
        assert await connections(transport, answering(*headers), idle, 4.01) == 2

    async def test_a_short_one_is_halved(self, transport: AiohttpTransport, idle: LoopTime) -> None:
        assert await connections(transport, answering("Keep-Alive: timeout=1"), idle, 0.49) == 1
        assert await connections(transport, answering("Keep-Alive: timeout=1"), idle, 0.51) == 2

    async def test_zero_keeps_none(self, transport: AiohttpTransport, idle: LoopTime) -> None:
        assert await connections(transport, answering("Keep-Alive: timeout=0"), idle, 0.0) == 2

    @pytest.mark.parametrize(
        "value",
        ["timeout=60", "timeout=", "timeout=soon", "timeout=-1", "timeout=5000000000", "max=1", "mytimeout=1", ""],
    )
    async def test_others_leave_it_to_the_limits(self, transport: AiohttpTransport, idle: LoopTime, value: str) -> None:
        assert await connections(transport, answering(f"Keep-Alive: {value}"), idle, 14.9) == 1
        assert await connections(transport, answering(f"Keep-Alive: {value}"), idle, 15.01) == 2

    async def test_each_reply_starts_the_time_anew(self, transport: AiohttpTransport, idle: LoopTime) -> None:
        async with raw_server(answering("Keep-Alive: timeout=5")) as server:
            for _ in range(5):
                await ask(transport, server)
                idle.passes(3)
        assert server.connections == 1


class TestNonIdempotent:
    @pytest.mark.parametrize(("seconds", "expected"), [(0.0, 1), (0.49, 1), (0.51, 2), (14.0, 2)])
    async def test_it_takes_a_connection_that_was_used_a_moment_ago_or_a_new_one(
        self, transport: AiohttpTransport, idle: LoopTime, seconds: float, expected: int
    ) -> None:
        async with raw_server(answering()) as server:
            await ask(transport, server)
            idle.passes(seconds)
            await ask(transport, server, is_idempotent=False)
        assert server.connections == expected

    async def test_an_announced_timeout_counts_too(self, transport: AiohttpTransport, idle: LoopTime) -> None:
        async with raw_server(answering("Keep-Alive: timeout=0")) as server:
            await ask(transport, server)
            await ask(transport, server, is_idempotent=False)
        assert server.connections == 2

    async def test_zero_means_always_a_new_one(self) -> None:
        transport = AiohttpTransport(Limits(keepalive_non_idempotent=0))
        async with raw_server(answering()) as server:
            for _ in range(3):
                await ask(transport, server, is_idempotent=False)
            await ask(transport, server)
            await transport.aclose()
        assert server.connections == 3

    async def test_a_longer_setting_does_not_extend_keepalive(self, idle: LoopTime) -> None:
        transport = AiohttpTransport(Limits(keepalive=1, keepalive_non_idempotent=100))
        async with raw_server(answering()) as server:
            await ask(transport, server)
            idle.passes(1.01)
            await ask(transport, server, is_idempotent=False)
            await transport.aclose()
        assert server.connections == 2

    async def test_an_operation_without_a_key_is_one_and_others_are_not(self, idle: LoopTime) -> None:
        async with (
            raw_server(answering(body='{"id":"sid_y3oqhf46pyzuxjbcn2giaqnb44","approved":true}')) as server,
            CheckoutClient(SecretKey("sk_sbox_" + "a" * 27), base_url=server.url) as checkout,
        ):
            seen: list[int] = []

            def now() -> None:
                seen.append(server.connections)
                idle.passes(1)

            await checkout.sessions.get_session("sid_y3oqhf46pyzuxjbcn2giaqnb44")
            now()
            await checkout.payments.get_payment("pay_y3oqhf46pyzuxjbcn2giaqnb44")
            now()
            await checkout.payments.request_payment(
                payments.PaymentRequest(source=payments.RequestTokenSource(token="tok_x"), currency="GBP"),
                validate="off",
            )
            now()
            await checkout.sessions.request_session(
                sessions.SessionRequest(
                    source=sessions.CardSource(number="4242424242424242", expiry_month=1, expiry_year=2030),
                    amount=1,
                    currency="GBP",
                    completion=sessions.NonHostedCompletionInfo(),
                )
            )
            now()
            await checkout.sessions.get_session("sid_y3oqhf46pyzuxjbcn2giaqnb44")
            now()
        assert seen == [1, 1, 1, 2, 2]
