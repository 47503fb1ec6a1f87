"""The shop on aiohttp's server: `create_app(checkout, address)`. The shop itself is in `flow`."""

from __future__ import annotations

import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from aiohttp import web

from checkout_async import CheckoutClient
from examples.shop.flow import BODY_LIMIT, Route, Shop, ShopRequest

__all__ = ["create_app", "serve"]


def create_app(
    checkout: CheckoutClient,
    address: str,
    *,
    signing_keys: Sequence[str],
    test_cards: Mapping[str, str] | None = None,
) -> web.Application:
    """Return the shop as an application; the arguments are those of `Shop`."""
    shop = Shop(checkout, address, signing_keys=signing_keys, test_cards=test_cards)
    app = web.Application(client_max_size=BODY_LIMIT)
    for route in shop.routes():
        app.router.add_route(route.method, route.path, _handler(route))
    return app


@asynccontextmanager
async def serve(app: web.Application, listener: socket.socket) -> AsyncGenerator[None]:
    """Serve the application on a listening socket inside the block."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        yield
    finally:
        await runner.cleanup()


def _handler(route: Route) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        name = request.match_info.get("name", "")
        reply = await route.handler(ShopRequest(name, request.headers, request.remote or "", await request.read()))
        return web.Response(
            text=reply.body, status=reply.status, content_type=reply.content_type, headers=reply.headers
        )

    return handle
