"""A raw loopback server that can misbehave in ways an HTTP library would not: it counts what it saw."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Behaviour = Callable[[asyncio.StreamWriter, int], Awaitable[None]]

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


@dataclass
class RawServer:
    """What a test sees of the server: its URL, and the heads and bodies of the requests it read."""

    url: str = ""
    requests: list[bytes] = field(default_factory=list[bytes])
    connections: int = 0


@asynccontextmanager
async def raw_server(behave: Behaviour, ssl_context: ssl.SSLContext | None = None) -> AsyncGenerator[RawServer]:
    """Serve on a free port; `behave(writer, n)` answers the n-th request, from 1."""
    seen = RawServer()
    open_writers: set[asyncio.StreamWriter] = set()
    connections: set[asyncio.Task[None]] = set()
    answers: set[asyncio.Future[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.connections += 1
        open_writers.add(writer)
        if (connection := asyncio.current_task()) is not None:
            connections.add(connection)
        try:
            while request := await _request(reader):
                seen.requests.append(request)
                # In a task of its own: asyncio reports an error if the task of a connection is cancelled.
                answer = asyncio.ensure_future(behave(writer, len(seen.requests)))
                answers.add(answer)
                await asyncio.wait([answer])
                if answer.cancelled():
                    break
                answer.result()
                if writer.is_closing():
                    break
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=ssl_context)
    seen.url = f"http{'s' if ssl_context else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield seen
    finally:
        server.close()
        for answer in answers:
            answer.cancel()
        for writer in open_writers:
            writer.close()
        if connections:
            await asyncio.wait(connections, timeout=5)


def always_hooked(_session: object) -> bool:
    """Have the transport use aiohttp's session, in place of `is_hooked`."""
    return True


async def _request(reader: asyncio.StreamReader) -> bytes:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    length = 0
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    return head + await reader.readexactly(length)


async def ok(writer: asyncio.StreamWriter, _number: int) -> None:
    """Answer 200 with an empty object and keep the connection."""
    writer.write(OK)
    await writer.drain()


async def hang_up(writer: asyncio.StreamWriter, _number: int) -> None:
    """Close without an answer."""
    writer.close()


async def break_off(writer: asyncio.StreamWriter, _number: int) -> None:
    """Promise more than is sent, then close."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    await writer.drain()
    writer.close()


async def stall(_writer: asyncio.StreamWriter, _number: int) -> None:
    """Never answer."""
    await asyncio.Event().wait()


async def babble(writer: asyncio.StreamWriter, _number: int) -> None:
    """Answer something that is not HTTP."""
    writer.write(b"what do you want\r\n\r\n")
    await writer.drain()
    writer.close()


async def redirect(writer: asyncio.StreamWriter, _number: int) -> None:
    """Send the caller elsewhere."""
    writer.write(b"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n")
    await writer.drain()
