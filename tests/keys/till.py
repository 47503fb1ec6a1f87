"""A server that notes the idempotency keys of payments and answers them when it is asked to, and a client of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from checkout_async import CheckoutClient, RetryPolicy, SecretKey
from checkout_async.models import payments
from checkout_async.observability import Event

CREDENTIALS = SecretKey("sk_sbox_" + 27 * "a")
KEY_HEADER = "Cko-Idempotency-Key"
REFERENCE = "ORD-5023-4E89"


class Till:
    """Notes the key of each payment that arrives, and answers with `reply` if it is set, else not at all."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.seen = asyncio.Event()
        self.reply: Callable[[], web.Response] | None = None
        self.released = asyncio.Event()

    async def take(self, request: web.Request) -> web.Response:
        await request.read()
        self.keys.append(request.headers[KEY_HEADER])
        self.seen.set()
        if self.reply is None:
            await self.released.wait()
            return web.Response(status=500)
        return self.reply()


@asynccontextmanager
async def open_till() -> AsyncGenerator[tuple[Till, str]]:
    """Start the server. Gives it and its URL."""
    till = Till()
    app = web.Application()
    app.router.add_post("/{path:.*}", till.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield till, f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        till.released.set()
        await runner.cleanup()


@asynccontextmanager
async def till_and_client(
    hooks: list[Callable[[Event], None]] | None = None, **options: Any
) -> AsyncGenerator[tuple[Till, CheckoutClient]]:
    """Start the server and make a client of it that does not retry."""
    async with (
        open_till() as (till, url),
        CheckoutClient(
            CREDENTIALS, base_url=url, retry=RetryPolicy(attempts=1), hooks=hooks or [], **options
        ) as checkout,
    ):
        yield till, checkout


def order(*, capture: bool | None = None) -> payments.PaymentRequest:
    source = payments.RequestCardSource(number="4242424242424242", expiry_month=1, expiry_year=2030)
    return payments.PaymentRequest(source=source, amount=6540, currency="GBP", reference=REFERENCE, capture=capture)
