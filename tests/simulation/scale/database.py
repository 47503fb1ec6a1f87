"""A model of Redis: it executes commands one after the other, and each takes time. Scripts run in real Lua 5.1."""

from __future__ import annotations

import asyncio
import copy
import hashlib
import math
from collections.abc import Callable
from importlib import import_module
from typing import Any

from tests.simulation.scale.loop import Transport

__all__ = ["Database"]

_lupa: Any = import_module("lupa.lua51")  # not wholly typed, hence Any

COMMAND = 10e-6
"""Seconds that a command takes: a Redis with one core executes 100,000 a second."""

IN_SCRIPT = 2e-6
"""Seconds that a command within a script takes."""


class _Error(Exception):
    """A command failed. The text is the reply."""


class Database:
    """The data, the commands, and how long each waits for the others."""

    def __init__(self, now: Callable[[], float], wall: Callable[[], float]) -> None:
        self._now, self._wall = now, wall
        self._values: dict[bytes, Any] = {}
        self._expires: dict[bytes, float] = {}
        self._free = 0.0
        self.busy = 0.0
        """Seconds that commands took, all together."""
        self.executed: Callable[[], None] = lambda: None
        """Called for each command, as it is executed."""
        self._scripts: dict[bytes, Any] = {}
        self._lua: Any = _lupa.LuaRuntime(encoding=None)
        self._lua.globals()[b"redis"] = self._lua.table_from({b"call": self._call})
        self._cost = 0.0

    def copy(self) -> tuple[dict[bytes, Any], dict[bytes, float]]:
        """Return what a replica has now."""
        return copy.deepcopy(self._values), dict(self._expires)

    def become(self, data: tuple[dict[bytes, Any], dict[bytes, float]] | None) -> None:
        """Continue as a replica with this data, or with none. Nobody has loaded scripts into it."""
        self._values, self._expires = data or ({}, {})
        self._scripts.clear()

    def submit(self, command: list[bytes], reply: Callable[[bytes], None]) -> None:
        """Execute a command when it is its turn."""
        begin = max(self._free, self._now())
        # What a script takes is known once it has run, a moment early: it changes nothing that others see before.
        self._cost = COMMAND
        answer = self._answer(command)
        self._free = begin + self._cost
        self.busy += self._cost
        self.executed()
        asyncio.get_running_loop().call_at(self._free, reply, answer)

    def connection(self, transport: Transport) -> asyncio.Protocol:
        """Serve a connection."""
        return _Connection(self, transport)

    def _answer(self, command: list[bytes]) -> bytes:
        try:
            return encode(self._execute(command))
        except _Error as error:
            return b"-%s\r\n" % str(error).encode()

    def _execute(self, command: list[bytes]) -> Any:
        name, *arguments = command
        match name.upper():
            case b"EVAL":
                self._load(arguments[0])
                return self._run(hashlib.sha1(arguments[0]).hexdigest().encode(), arguments[1:])
            case b"EVALSHA":
                return self._run(arguments[0], arguments[1:])
            case b"SCRIPT" if arguments[0].upper() == b"LOAD":
                return self._load(arguments[1])
            case b"CLIENT" | b"SELECT" | b"PING" | b"AUTH":
                return True
            case _:
                return self._plain(name, arguments)

    def _load(self, script: bytes) -> bytes:
        digest = hashlib.sha1(script).hexdigest().encode()
        if digest not in self._scripts:
            self._scripts[digest] = self._lua.eval(b"function(KEYS, ARGV)\n%s\nend" % script)
        return digest

    def _run(self, digest: bytes, arguments: list[bytes]) -> Any:
        if digest not in self._scripts:
            raise _Error("NOSCRIPT No matching script. Please use EVAL.")
        number = int(arguments[0])
        keys, rest = arguments[1 : number + 1], arguments[number + 1 :]
        return _from_lua(self._scripts[digest](self._lua.table_from(keys), self._lua.table_from(rest)))

    def _call(self, name: bytes, *arguments: Any) -> Any:
        self._cost += IN_SCRIPT
        value = self._plain(name, [_text(each) for each in arguments])
        if isinstance(value, list):
            items: list[Any] = [*value]
            return self._lua.table_from([False if each is None else each for each in items])
        return False if value is None else value

    def _plain(self, name: bytes, arguments: list[bytes]) -> Any:
        command = getattr(self, f"_do_{name.decode().lower()}", None)
        if command is None:
            raise _Error(f"ERR unknown command '{name.decode()}'")
        for key in [key for key in arguments[:1] if self._expires.get(key, math.inf) <= self._now()]:
            self._do_del(key)
        return command(*arguments)

    def _do_time(self) -> list[bytes]:
        seconds, fraction = divmod(self._wall(), 1)
        return [b"%d" % seconds, b"%d" % (fraction * 1e6)]

    def _do_get(self, key: bytes) -> bytes | None:
        return self._values.get(key)

    def _do_set(self, key: bytes, value: bytes, *options: bytes) -> bool | None:
        names = [each.upper() for each in options]
        if b"NX" in names and key in self._values:
            return None
        self._values[key] = value
        self._expires.pop(key, None)
        for name, unit in ((b"PX", 1000), (b"EX", 1)):
            if name in names:
                self._expires[key] = self._now() + float(options[names.index(name) + 1]) / unit
        return True

    def _do_del(self, key: bytes) -> int:
        self._expires.pop(key, None)
        return int(self._values.pop(key, None) is not None)

    def _do_hmget(self, key: bytes, *names: bytes) -> list[bytes | None]:
        return [self._values.get(key, {}).get(name) for name in names]

    def _do_hset(self, key: bytes, *pairs: bytes) -> int:
        self._values.setdefault(key, {}).update(zip(pairs[::2], pairs[1::2], strict=True))
        return 1

    def _do_pexpire(self, key: bytes, milliseconds: bytes) -> int:
        self._expires[key] = self._now() + float(milliseconds) / 1000
        return 1

    def _do_expire(self, key: bytes, seconds: bytes) -> int:
        return self._do_pexpire(key, b"%d" % (int(seconds) * 1000))

    def _do_pttl(self, key: bytes) -> int:
        return int((self._expires[key] - self._now()) * 1000) if key in self._expires else -1

    def _do_lindex(self, key: bytes, index: bytes) -> bytes | None:
        items = self._values.get(key, [])
        return items[int(index)] if int(index) < len(items) else None

    def _do_lpush(self, key: bytes, *values: bytes) -> int:
        items: list[bytes] = self._values.setdefault(key, [])
        for value in values:
            items.insert(0, value)
        return len(items)

    def _do_ltrim(self, key: bytes, first: bytes, last: bytes) -> bool:
        self._values[key] = self._values[key][int(first) : int(last) + 1]
        return True


class _Connection(asyncio.Protocol):
    """Reads commands of RESP 2, and writes the replies in order."""

    def __init__(self, database: Database, transport: Transport) -> None:
        self._database = database
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        # redis-py writes a command, or several, at once, and the network cuts nothing.
        while data:
            line, _, data = data.partition(b"\r\n")
            command: list[bytes] = []
            for _ in range(int(line[1:])):
                size, _, data = data.partition(b"\r\n")
                command.append(data[: int(size[1:])])
                data = data[int(size[1:]) + 2 :]
            self._database.submit(command, self._transport.write)


def encode(reply: Any) -> bytes:
    """Write a reply as RESP 2."""
    match reply:
        case None | False:
            return b"$-1\r\n"
        case True:
            return b"+OK\r\n"
        case bytes():
            return b"$%d\r\n%s\r\n" % (len(reply), reply)
        case list():
            items: list[Any] = [*reply]
            return b"*%d\r\n" % len(items) + b"".join(map(encode, items))
        case _:
            return b":%d\r\n" % int(reply)


def _from_lua(value: Any) -> Any:
    """Convert what a script returns as Redis does: numbers to integers, true to 1."""
    if value is True:
        return 1
    if _lupa.lua_type(value) == "table":
        return [_from_lua(each) for each in value.values()]
    return value


def _text(value: Any) -> bytes:
    return value if isinstance(value, bytes) else b"%.17g" % value
