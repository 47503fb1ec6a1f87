"""The same shop on Starlette, served by uvicorn: the shop does not depend on aiohttp's server."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as Path

from checkout_async import CheckoutClient
from examples.shop.flow import BODY_LIMIT, Route, Shop, ShopRequest

__all__ = ["create_app", "serve"]


def create_app(
    checkout: CheckoutClient,
    address: str,
    *,
    signing_keys: Sequence[str],
    test_cards: Mapping[str, str] | None = None,
) -> Starlette:
    """Return the shop as an application; the arguments are those of `Shop`."""
    shop = Shop(checkout, address, signing_keys=signing_keys, test_cards=test_cards)
    return Starlette(routes=[Path(route.path, _handler(route), methods=[route.method]) for route in shop.routes()])


@asynccontextmanager
async def serve(app: Starlette, listener: socket.socket) -> AsyncGenerator[None]:
    """Serve the application on a listening socket inside the block."""
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=1))
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await task


def _handler(route: Route) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        peer = request.client.host if request.client else ""
        name: str = request.path_params.get("name", "")
        reply = await route.handler(ShopRequest(name, request.headers, peer, await _body(request)))
        return Response(reply.body, reply.status, reply.headers, media_type=reply.content_type)

    return handle


async def _body(request: Request) -> bytes:
    """Read the body up to the limit; Starlette itself has no limit."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_LIMIT:
            raise HTTPException(413, f"The body is longer than {BODY_LIMIT} bytes.")
    return bytes(body)
