"""HTTP/1.1 on h11, as the edge and the token endpoint speak it: messages, and the server's side of a connection."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any, Final, cast

import h11

ADDRESS: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Link:
    """The server's side of a connection with a shop."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def write(self, raw: bytes) -> None:
        """Send bytes, unless the connection is closed."""
        if not self.writer.is_closing():
            self.writer.write(raw)

    def reset(self) -> None:
        """Reset the connection: what was sent and has not arrived is lost."""
        transport: Any = self.writer.transport
        peer = transport._peer
        asyncio.get_running_loop().call_soon(peer._reset_by_peer, context=peer._host_ctx)

    async def until_closed(self) -> None:
        """Wait until the shop closes the connection."""
        while await self.reader.read(65536):
            pass


@dataclass
class Message:
    """A request, or with a `status` a reply, whose body was read to its end."""

    headers: list[tuple[bytes, bytes]]
    body: bytes
    method: str = ""
    target: bytes = b""
    status: int = 0

    @property
    def key(self) -> str | None:
        """The idempotency key."""
        return next((value.decode() for name, value in self.headers if name == b"cko-idempotency-key"), None)

    @property
    def authorization(self) -> str:
        """The credential."""
        return next((value.decode() for name, value in self.headers if name == b"authorization"), "")

    @property
    def reference(self) -> str | None:
        """The member `reference` of a JSON body."""
        reference: str | None = self._json.get("reference")
        return reference

    @property
    def authentication_id(self) -> str | None:
        """The session of 3D Secure in the body of a payment request."""
        session_id: str | None = self._json.get("3ds", {}).get("authentication_id") if self.method == "POST" else None
        return session_id

    @property
    def _json(self) -> dict[str, Any]:
        try:
            body: Any = json.loads(self.body or b"{}")
        except ValueError:
            return {}
        return cast("dict[str, Any]", body) if isinstance(body, dict) else {}

    def encode(self) -> bytes:
        """Write the message as HTTP/1.1; its body is framed by Content-Length."""
        first = (
            b"HTTP/1.1 %d X" % self.status if self.status else b"%s %s HTTP/1.1" % (self.method.encode(), self.target)
        )
        kept = [(name, value) for name, value in self.headers if name not in {b"content-length", b"transfer-encoding"}]
        lines = [first, *(b"%s: %s" % each for each in kept), b"content-length: %d" % len(self.body), b"", b""]
        return b"\r\n".join(lines) + self.body


async def receive(connection: h11.Connection, reader: asyncio.StreamReader) -> Message | None:
    """Read one message; return None if the connection ends before it is whole."""
    head: h11.Request | h11.Response | None = None
    body = b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            data = await reader.read(65536)
            connection.receive_data(data)
            if not data and head is None:
                return None
        elif isinstance(event, h11.Request | h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            headers = [(bytes(name), bytes(value)) for name, value in head.headers]
            if isinstance(head, h11.Response):
                return Message(headers, body, status=head.status_code)
            return Message(headers, body, method=head.method.decode(), target=bytes(head.target))
        else:
            return None
