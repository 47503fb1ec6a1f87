"""That nothing was sent is said only if it is proved: under libraries that replace parts of aiohttp it is not."""

from __future__ import annotations

import asyncio
import importlib
import traceback
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any, cast

import aiohttp
import pytest
from aiohttp.client_proto import ResponseHandler
from aioresponses import aioresponses

from checkout_async import CheckoutClient, Limits, RetryPolicy, SecretKey, Timeouts, errors
from checkout_async._core.wire import HttpRequest
from checkout_async.models import payments, sessions
from checkout_async.transport import aiohttp as adapter
from checkout_async.transport.aiohttp import AiohttpTransport
from tests.transport.servers import always_hooked, hang_up, ok, raw_server

API = "https://api.example"
pook: Any = importlib.import_module("pook")  # without type hints
KEY = "Cko-Idempotency-Key"
QUICK = RetryPolicy(attempts=3, backoff=0.0)
# Each of them may come while the reply to a request is awaited.
LOST = {
    "read timeout": aiohttp.SocketTimeoutError("Timeout on reading data from socket"),
    "timeout": TimeoutError(),
    "server disconnected": aiohttp.ServerDisconnectedError(),
    "connection reset": aiohttp.ClientOSError(104, "Connection reset by peer"),
    "payload": aiohttp.ClientPayloadError("Response payload is not completed"),
}
# aiohttp raises these only while it has no connection.
NOT_SENT = {
    "connection timeout": aiohttp.ConnectionTimeoutError("Connection timeout to host"),
    "refused": aiohttp.ClientConnectorError(cast("Any", None), OSError(111, "Connection refused")),
}


def client() -> CheckoutClient:
    return CheckoutClient(SecretKey("sk_sbox_" + "a" * 27), base_url=API, retry=QUICK)


async def create_session(checkout: CheckoutClient) -> sessions.Session:
    card = sessions.CardSource(number="4242424242424242", expiry_month=12, expiry_year=2030)
    completion = sessions.NonHostedCompletionInfo()
    return await checkout.sessions.request_session(
        sessions.SessionRequest(source=card, currency="GBP", amount=100, completion=completion)
    )


class TestAioresponses:
    """Replaces `ClientSession._request`."""

    @pytest.mark.parametrize("error", LOST.values(), ids=LOST.keys())
    async def test_a_lost_reply_leaves_the_outcome_unknown_and_is_not_sent_again(self, error: Exception) -> None:
        with aioresponses() as mocked:
            cast("Any", mocked).post(f"{API}/sessions", exception=error, repeat=True)
            async with client() as checkout:
                with pytest.raises(errors.OutcomeUnknown) as caught:
                    await create_session(checkout)
            assert count(mocked) == 1
        assert caught.value.may_have_been_done
        assert "nothing was sent" not in str(caught.value)

    @pytest.mark.parametrize("error", NOT_SENT.values(), ids=NOT_SENT.keys())
    async def test_without_a_connection_it_is_sent_again(self, error: Exception) -> None:
        with aioresponses() as mocked:
            cast("Any", mocked).post(f"{API}/sessions", exception=error, repeat=True)
            async with client() as checkout:
                with pytest.raises(errors.ConnectFailed, match="nothing was sent"):
                    await create_session(checkout)
            assert count(mocked) == 3

    async def test_a_payment_is_sent_again_with_its_key_only(self) -> None:
        with aioresponses() as mocked:
            cast("Any", mocked).post(f"{API}/payments", exception=TimeoutError(), repeat=True)
            async with client() as checkout:
                with pytest.raises(errors.OutcomeUnknown) as caught:
                    await checkout.payments.request_payment(
                        payments.PaymentRequest(source=payments.RequestTokenSource(token="tok_x"), currency="GBP")
                    )
            sent = [call.kwargs["headers"][KEY] for calls in cast("Any", mocked).requests.values() for call in calls]
        assert sent == [caught.value.idempotency_key] * 3


class TestPook:
    """Adds a middleware to each request, which fails before the connector is asked."""

    @pytest.fixture(autouse=True)
    def mocking(self) -> Iterator[None]:
        pook.on()
        yield
        pook.off()

    @pytest.mark.parametrize("error", LOST.values(), ids=LOST.keys())
    async def test_a_lost_reply_leaves_the_outcome_unknown_and_is_not_sent_again(self, error: Exception) -> None:
        mock = pook.post(f"{API}/sessions").times(3).error(error)
        async with client() as checkout:
            with pytest.raises(errors.OutcomeUnknown):
                await create_session(checkout)
        assert mock.calls == 1


def count(mocked: aioresponses) -> int:
    return sum(len(calls) for calls in cast("Any", mocked).requests.values())


async def test_a_library_that_replaces_the_class_of_replies_gets_them_through(monkeypatch: pytest.MonkeyPatch) -> None:
    made = cast("Any", aiohttp.ClientSession).__init__

    def with_its_own(self: Any, **options: Any) -> None:
        made(self, **{**options, "response_class": aiohttp.ClientResponse})

    monkeypatch.setattr(aiohttp.ClientSession, "__init__", with_its_own)
    transport = AiohttpTransport(Limits())
    async with raw_server(ok) as server:
        for _ in range(2):
            sent = HttpRequest(method="POST", url=server.url, headers={}, body=b"{}")
            assert (await transport.send(sent, Timeouts())).body == b"{}"
        await transport.aclose()


class TestGuards:
    """An aiohttp that no longer has what the guards rest on is refused before anything is written."""

    @pytest.fixture
    async def transport(self) -> AsyncIterator[AiohttpTransport]:
        transport = AiohttpTransport(Limits())
        yield transport
        await transport.aclose()

    async def test_a_connector_without_the_private_factory(
        self, transport: AiohttpTransport, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = cast("Any", aiohttp.TCPConnector).__init__

        def without_factory(self: Any, **options: Any) -> None:
            made(self, **options)
            del self._factory

        monkeypatch.setattr(aiohttp.TCPConnector, "__init__", without_factory)
        await refused(transport, "no factory of connections")

    async def test_a_connection_that_is_not_guarded(
        self, transport: AiohttpTransport, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(aiohttp.TCPConnector, "_create_connection", unguarded)
        await refused(transport, "without this package's guard")

    async def test_a_call_ends_with_that_error_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(aiohttp.TCPConnector, "_create_connection", unguarded)
        async with raw_server(ok) as server:
            checkout = CheckoutClient(SecretKey("sk_sbox_" + "a" * 27), base_url=server.url, retry=QUICK)
            async with checkout:
                with pytest.raises(errors.IncompatibleVersion) as caught:
                    await create_session(checkout)
        assert not caught.value.may_have_been_done
        assert not caught.value.is_transient

    @pytest.mark.parametrize("by_session", [False, True], ids=["direct", "by session"])
    @pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
    async def test_a_request_is_not_resent_although_aiohttp_would(
        self, transport: AiohttpTransport, monkeypatch: pytest.MonkeyPatch, method: str, by_session: bool
    ) -> None:
        if by_session:
            monkeypatch.setattr(adapter, "is_hooked", always_hooked)

        async def first_only(writer: asyncio.StreamWriter, number: int) -> None:
            await (ok if number == 1 else hang_up)(writer, number)

        async with raw_server(first_only) as server:
            async with aiohttp.ClientSession() as alone:
                await (await alone.request(method, server.url)).read()
                with pytest.raises(aiohttp.ServerDisconnectedError):
                    await alone.request(method, server.url)
            assert len(server.requests) == 3, "aiohttp alone sends the second one twice"

        async with raw_server(first_only) as server:
            await transport.send(HttpRequest(method=method, url=server.url, headers={}), Timeouts())
            with pytest.raises(errors.OutcomeUnknown, match="closed the connection"):
                await transport.send(HttpRequest(method=method, url=server.url, headers={}), Timeouts())
            assert (len(server.requests), server.connections) == (2, 1)


create = cast("Any", aiohttp.TCPConnector)._create_connection


async def unguarded(self: Any, *arguments: Any) -> Any:
    """Create a connection as an aiohttp would that has another way to make its protocols."""
    self._factory = partial(ResponseHandler, loop=asyncio.get_running_loop())
    return await create(self, *arguments)


async def refused(transport: AiohttpTransport, text: str) -> None:
    """Expect a request to be refused, without a trace of aiohttp's frames, in which the credential is a local."""
    async with raw_server(ok) as server:
        with pytest.raises(errors.IncompatibleVersion, match=text) as caught:
            await transport.send(HttpRequest(method="POST", url=server.url, headers={}, body=b"{}"), Timeouts())
        assert server.requests == []
    assert f"aiohttp {aiohttp.__version__}" in str(caught.value)
    assert "tested with aiohttp" in str(caught.value)
    assert caught.value.__context__ is None
    frames = traceback.extract_tb(caught.value.__traceback__)
    assert not [frame for frame in frames if "aiohttp/client" in frame.filename]
