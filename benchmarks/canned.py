"""A loopback server in a process of its own that answers every request at once with a body of the specification.

It is a bare asyncio protocol, so that it needs less processor time than any client that it is used with.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from checkout_async.models import payments, sessions

__all__ = ["CANNED", "REPLIES", "Canned", "canned_replies", "canned_server", "written_replies"]

CANNED = Path(__file__).parent.parent / "openapi/examples/sessions"
_PAYMENTS = CANNED.parent / "payments"

REPLIES: Mapping[bytes, tuple[int, Path]] = {
    b"POST /sessions": (201, CANNED / "request_session.response.201.json"),
    b"GET /payments": (200, _PAYMENTS / "get_payment.response.200.json"),
    b"POST /payments": (202, _PAYMENTS / "capture_payment.response.202.json"),
    b"POST /token": (200, CANNED / "request_access_token.response.200.json"),
}
"""The status and the body of the reply, by what the request begins with."""


@contextmanager
def canned_server(example: str, status: int = 200) -> Generator[str]:
    """Answer everything with an example body of the specification; gives the server's URL."""
    with canned_replies({b"": (status, CANNED / example)}) as url:
        yield url


@contextmanager
def canned_replies(replies: Mapping[bytes, tuple[int, Path]] = REPLIES) -> Generator[str]:
    """Answer each request with the first reply whose key it begins with; gives the server's URL."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=_serve, args=(theirs, written_replies(replies)), daemon=True)
    server.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        server.terminate()
        server.join()


def written_replies(replies: Mapping[bytes, tuple[int, Path]]) -> dict[bytes, bytes]:
    """Return the bytes of each reply, for `Canned`."""
    return {begin: _reply(status, path.read_bytes()) for begin, (status, path) in replies.items()}


def _repeated() -> set[str]:
    """Return the members of replies that repeat one of the request."""
    models = [getattr(module, name) for module in (payments, sessions) for name in module.__all__]
    return {name for each in models for name in getattr(each, "__echoes__", ())}


def _reply(status: int, example: bytes) -> bytes:
    # The documentation has the placeholder "string" where the API sends a time.
    example = example.replace(b'"expires_on": "string"', b'"expires_on": "2026-12-13T15:00:01Z"')
    # Each request has a reference and an amount of its own, and a reply with others would be of another request.
    content = {name: value for name, value in json.loads(example).items() if name not in _repeated()}
    body = json.dumps(content, separators=(",", ":")).encode()
    head = (
        f"HTTP/1.1 {status} OK\r\nDate: Fri, 27 Nov 2026 12:00:00 GMT\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: keep-alive\r\nCko-Request-Id: {{number:032x}}\r\n"
        "Cko-Version: 4.21.0\r\nStrict-Transport-Security: max-age=16000000; includeSubDomains; preload;\r\n\r\n"
    )
    return head.encode() + b"\0" + body


class Canned(asyncio.Protocol):
    """Answers each request on one connection. Each reply has a request id of its own, as those of the API have."""

    def __init__(self, replies: Mapping[bytes, bytes]) -> None:
        self._replies = [(begin, *reply.split(b"\0")) for begin, reply in replies.items()]
        self._received = b""
        self._number = id(self) << 32

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer a request that has come whole."""
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._received[:end].lower()
        at = head.find(b"\r\ncontent-length:")
        length = int(head[at + 17 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(self._received) < end + 4 + length:
            return
        request, self._received = self._received, b""
        self.answer(request)

    def answer(self, request: bytes) -> None:
        """Write the reply to a request."""
        _, reply, body = next(each for each in self._replies if request.startswith(each[0]))
        self._number += 1
        self.transport.write(reply.replace(b"{number:032x}", b"%032x" % self._number) + body)


def _serve(ready: Connection, replies: Mapping[bytes, bytes]) -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        listening = await loop.create_server(lambda: Canned(replies), "127.0.0.1", 0, backlog=1024)
        ready.send(listening.sockets[0].getsockname()[1])
        await asyncio.Event().wait()

    asyncio.run(run())
