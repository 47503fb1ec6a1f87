"""Redis in the simulated network: fakeredis executes the commands, and this module speaks its protocol (RESP 2)."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, Final

import fakeredis
from redis.exceptions import ResponseError

PORT: Final = 6379


class Redis:
    """One Redis server. Its memory is lost with `forget`, as after a failover to a replica that lags behind."""

    def __init__(self) -> None:
        self._fake: Any = fakeredis.FakeRedis(server=fakeredis.FakeServer(), decode_responses=False)

    def forget(self) -> None:
        """Lose everything that was stored."""
        self._fake.flushall()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until its client closes it."""
        connection = self._fake.connection_pool.make_connection()
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while command := await _read(reader):
                writer.write(_encode(_execute(connection, command)))
        writer.close()


def _execute(connection: Any, command: list[bytes]) -> Any:
    if command[0].upper() in {b"CLIENT", b"HELLO"}:
        return "OK" if command[0].upper() == b"CLIENT" else ResponseError("unknown command 'HELLO'")
    try:
        connection.send_command(*command)
        return connection.read_response()
    except ResponseError as error:
        return error


async def _read(reader: asyncio.StreamReader) -> list[bytes]:
    """Read a command: an array of strings. Return an empty list at the end of the connection."""
    line = await reader.readline()
    if not line:
        return []
    command: list[bytes] = []
    for _ in range(int(line[1:])):
        size = int((await reader.readline())[1:])
        command.append((await reader.readexactly(size + 2))[:size])
    return command


def _encode(reply: Any) -> bytes:
    match reply:
        case None:
            return b"$-1\r\n"
        case ResponseError():
            return f"-{getattr(reply, 'status_code', '') or 'ERR'} {reply}\r\n".encode()
        case bool() | int():
            return b":%d\r\n" % reply
        case str():
            return f"+{reply}\r\n".encode()
        case bytes():
            return b"+OK\r\n" if reply == b"OK" else b"$%d\r\n%s\r\n" % (len(reply), reply)
        case list() | tuple():
            items: list[Any] = [*reply]
            return b"*%d\r\n" % len(items) + b"".join(map(_encode, items))
        case _:
            return _encode(str(reply).encode())
