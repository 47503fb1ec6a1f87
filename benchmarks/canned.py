"""A loopback server in a process of its own that answers every request with the same session."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Generator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from aiohttp import web

__all__ = ["CANNED", "canned_server"]

CANNED = Path(__file__).parent.parent / "openapi/examples/sessions"


@contextmanager
def canned_server(example: str, status: int = 200) -> Generator[str]:
    """Serve an example body of the specification; gives the server's URL."""
    ours, theirs = multiprocessing.Pipe()
    body = (CANNED / example).read_bytes()
    server = multiprocessing.Process(target=_serve, args=(theirs, body, status), daemon=True)
    server.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        server.terminate()
        server.join()


def _serve(ready: Connection, body: bytes, status: int) -> None:
    async def answer(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=body, status=status, content_type="application/json")

    async def run() -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        ready.send(runner.addresses[0][1])
        await asyncio.Event().wait()

    asyncio.run(run())
