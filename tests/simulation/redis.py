"""Redis in the simulated network: fakeredis executes the commands, and this module speaks its protocol (RESP 2)."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from typing import Any, Final

import fakeredis
from redis.exceptions import ResponseError

PORT: Final = 6379


Replica = dict[int, dict[bytes, Any]]
"""What a replica has: the items of each database."""


class Refusal(Enum):
    """How Redis refuses commands while a replica becomes the primary."""

    CLOSES = "connections are closed at once"
    LOADING = "-LOADING Redis is loading the dataset in memory"
    READ_ONLY = "-READONLY You can't write against a read only replica."


# Of the commands that clients send, those that change nothing. Scripts change something.
_READS: Final = frozenset({b"GET", b"TIME", b"PING", b"EXISTS", b"SCRIPT", b"SELECT", b"AUTH", b"INFO"})


class Redis:
    """One Redis server, and how it refuses commands now, if it does."""

    def __init__(self) -> None:
        self._server: Any = fakeredis.FakeServer()
        self._fake: Any = fakeredis.FakeRedis(server=self._server, decode_responses=False)
        self.refusal: Refusal | None = None
        self.received: Callable[[], None] = lambda: None
        """Called for each command."""

    def forget(self) -> None:
        """Lose everything that was stored."""
        self._fake.flushall()

    def replicate(self) -> Replica:
        """Return what a replica has that hears of nothing from now on."""
        return {number: copy.deepcopy(database._dict) for number, database in self._server.dbs.items()}

    def promote(self, replica: Replica) -> None:
        """Make the replica the primary: what was written since is lost. Nobody has loaded scripts into it."""
        self.forget()
        self._server.script_cache.clear()
        for number, items in replica.items():
            self._server.dbs[number].update(items)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until its client closes it."""
        connection = self._fake.connection_pool.make_connection()
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while command := await _read(reader):
                self.received()
                if self.refusal is Refusal.CLOSES:
                    break
                writer.write(self._refused(command) or _encode(_execute(connection, command)))
        writer.close()

    def _refused(self, command: list[bytes]) -> bytes | None:
        """Return the error for a command that Redis refuses now, or None."""
        is_read = command[0].upper() in _READS
        if self.refusal is None or (self.refusal is Refusal.READ_ONLY and is_read):
            return None
        return f"{self.refusal.value}\r\n".encode()


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
