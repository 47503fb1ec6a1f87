"""A client is closed while calls are on their way: what their errors say agrees with what the server has seen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import pytest

from checkout_async import CheckoutClient, Limits, OAuthCredentials, RetryPolicy, SecretKey, Timeouts, client, errors
from checkout_async.clock import Clock
from checkout_async.transport.guards import GuardedHandler
from tests.commands import PATIENCE, until
from tests.transport.servers import Behaviour, RawServer, break_off, hang_up, raw_server, stall

Call = Callable[[CheckoutClient], Awaitable[object]]

PAYMENT = "pay_" + "a" * 26
TOKEN = b'{"access_token": "t", "token_type": "Bearer", "expires_in": 3600}'


async def read(checkout: CheckoutClient) -> object:
    return await checkout.payments.get_payment(PAYMENT)


async def write(checkout: CheckoutClient) -> object:
    return await checkout.payments.capture_payment(PAYMENT)


async def write_much(checkout: CheckoutClient) -> object:
    """Send more than the operating system takes before the server reads."""
    return await checkout.payments.capture_payment(PAYMENT, {"reference": "r" * 16_000_000}, validate="off")


def answer(status: int, body: bytes = b"{}") -> Behaviour:
    """Return a behaviour that answers each request with a status."""

    async def behave(writer: asyncio.StreamWriter, _number: int) -> None:
        head = b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        writer.write(head % (status, len(body)) + body)
        await writer.drain()

    return behave


async def half_a_reply(writer: asyncio.StreamWriter, _number: int) -> None:
    """Send the headers and a part of the body, and then nothing."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
    await writer.drain()
    await asyncio.Event().wait()


@dataclass
class Case:
    """What the API does, when the client is closed, and what is set."""

    behave: Behaviour
    is_due: Callable[[CheckoutClient, RawServer, RawServer], bool]
    tokens: Behaviour = field(default_factory=lambda: answer(200, TOKEN))
    concurrency: int = 50
    rate: float = 100.0
    occupied: bool = False
    """Whether another call comes first, which takes the only slot or permit."""


def has_seen(number: int) -> Callable[[CheckoutClient, RawServer, RawServer], bool]:
    return lambda _checkout, api, _tokens: len(api.requests) == number


def waits_for_a_slot(checkout: CheckoutClient, api: RawServer, _tokens: RawServer) -> bool:
    return bool(api.requests) and checkout._limiter.slots.statistics().tasks_waiting == 1


CASES = {
    "while the reply is awaited": Case(stall, has_seen(1)),
    "in the middle of the body": Case(half_a_reply, has_seen(1)),
    "before a retry, after no reply": Case(hang_up, has_seen(1)),
    "before a retry, after half a reply": Case(break_off, has_seen(1)),
    "before a retry, after a 503": Case(answer(503), has_seen(1)),
    "before a retry, after a 429": Case(answer(429), has_seen(1)),
    "while a token is fetched": Case(stall, lambda _c, _api, tokens: bool(tokens.requests), tokens=stall),
    "while a slot is awaited": Case(stall, waits_for_a_slot, concurrency=1, occupied=True),
    "while a rate permit is awaited": Case(stall, has_seen(1), rate=4, occupied=True),
}


@asynccontextmanager
async def started(case: Case, call: Call) -> AsyncGenerator[tuple[CheckoutClient, RawServer, asyncio.Future[object]]]:
    """Yield client, server and call at the moment at which the client is to be closed."""
    async with raw_server(case.behave) as api, raw_server(case.tokens) as tokens:
        checkout = CheckoutClient(
            OAuthCredentials("ack_x", "secret", scopes=[]),
            base_url=api.url,
            token_url=tokens.url,
            timeout=Timeouts(total=PATIENCE, attempt=PATIENCE, connect=PATIENCE),
            retry=RetryPolicy(attempts=3, backoff=0.05),
            limits=Limits(concurrency=case.concurrency, read_rate=case.rate, write_rate=case.rate),
        )
        first = asyncio.ensure_future(call(checkout)) if case.occupied else None
        if first is not None:
            await until(lambda: bool(api.requests))
        task = asyncio.ensure_future(call(checkout))
        await asyncio.sleep(0)
        await until(lambda: task.done() or case.is_due(checkout, api, tokens))
        yield checkout, api, task
        await checkout.aclose()
        if first is not None:
            await asyncio.gather(first, return_exceptions=True)


@pytest.mark.parametrize("when", list(CASES))
@pytest.mark.parametrize("call", [read, write], ids=["read", "write"])
async def test_only_a_call_that_the_server_never_saw_says_that_nothing_was_sent(
    when: str, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "Clock", partial(Clock, draw=lambda: 1.0))  # the longest wait before a retry
    case = CASES[when]
    async with started(case, call) as (checkout, api, task):
        before = len(api.requests)
        await checkout.aclose()
        with pytest.raises(errors.CheckoutError) as caught:
            await task
        assert len(api.requests) == before  # nothing is sent once the client is closed
        arrived = before > case.occupied
        may_be_done = arrived and "429" not in when
        assert isinstance(caught.value, errors.OutcomeUnknown if may_be_done else errors.ClientClosed)
        assert caught.value.may_have_been_done == (may_be_done and call is write)
        assert ("sent" in str(caught.value) and "earlier" not in str(caught.value)) == (not arrived)


@asynccontextmanager
async def silent_server() -> AsyncGenerator[tuple[str, asyncio.Event]]:
    """Yield the address of a server that reads nothing, and an event that tells of the first connection."""
    connected, done = asyncio.Event(), asyncio.Event()

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        connected.set()
        await done.wait()
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", connected
    done.set()
    server.close()


@pytest.mark.filterwarnings("ignore:Sending a large body")  # by aiohttp
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_call_that_writes_or_connects_ends_at_once_although_the_server_says_nothing(scheme: str) -> None:
    async with silent_server() as (address, connected):
        checkout = CheckoutClient(
            SecretKey("sk_sbox_" + "a" * 27),
            base_url=f"{scheme}://{address}",
            timeout=Timeouts(total=PATIENCE, attempt=PATIENCE, connect=PATIENCE),
            retry=RetryPolicy.none(),
        )
        task = asyncio.ensure_future(write_much(checkout))
        await connected.wait()
        await asyncio.sleep(0.05)
        await checkout.aclose()
        with pytest.raises(errors.TransportError) as caught:
            await task
    if scheme == "http":  # a part of the request is on its way
        assert isinstance(caught.value, errors.OutcomeUnknown)
        assert "no reply: the client was closed; the request may have been carried out" in str(caught.value)
    else:  # the TLS handshake has not ended
        assert isinstance(caught.value, errors.ConnectFailed)
        assert "no connection: the client was closed; nothing was sent" in str(caught.value)


async def test_a_reply_that_has_just_arrived_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    closing: list[asyncio.Future[None]] = []
    receive = GuardedHandler.data_received

    def receive_and_close(handler: GuardedHandler, data: bytes) -> None:
        if not closing:
            closing.append(asyncio.ensure_future(checkout.aclose()))  # runs before the call does
        receive(handler, data)

    monkeypatch.setattr(GuardedHandler, "data_received", receive_and_close)
    async with raw_server(answer(202, b'{"action_id": "act_1"}')) as api:
        checkout = CheckoutClient(SecretKey("sk_sbox_" + "a" * 27), base_url=api.url)
        await write(checkout)
        await asyncio.gather(*closing)
    assert (len(api.requests), len(closing)) == (1, 1)
