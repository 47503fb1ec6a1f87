"""An event loop on virtual time, and connections in memory.

The loop of the other simulations (simloom) chooses among all callbacks that are ready, and logs each step. That finds
races and costs too much for a thousand workers. This is asyncio's own loop, which runs callbacks in order: only its
clock and its network are replaced.
"""

from __future__ import annotations

import asyncio
import random
import selectors
import time
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from typing import Any, TypeVar
from unittest import mock

__all__ = ["Link", "VirtualLoop", "run"]

T = TypeVar("T")

_EPOCH = 1_700_000_000.0
"""What the wall clock shows at the beginning."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose time jumps to the next timer as soon as nothing is left to do."""

    def __init__(self) -> None:
        self.now = 0.0
        self.links: dict[int, Link] = {}
        """The servers, by port."""
        super().__init__(_Selector(self))

    def time(self) -> float:
        """Return the virtual time, in seconds."""
        return self.now

    async def create_connection(self, protocol_factory: Any, host: Any = None, port: Any = None, **_: Any) -> Any:
        """Connect with a server in memory."""
        return await self.links[port].connect(protocol_factory)


class _Selector(selectors.DefaultSelector):
    """Waits in virtual time. Nothing in this world is read from a socket."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None:
            raise RuntimeError("nothing is left that could happen, and the scenario has not ended")
        self._loop.now += max(0.0, timeout)
        return []


class Link:
    """A server, the network to it, and what is wrong with them. Times are in seconds."""

    def __init__(self, serve: Callable[[Transport], asyncio.Protocol], latency: float, chance: random.Random) -> None:
        self._serve = serve
        self._latency = latency
        self._chance = chance
        self._transports: dict[Transport, None] = {}  # in order
        self.is_up = True
        """Whether connections are accepted."""
        self.is_silent = False
        """Whether all packets are lost."""

    def delay(self) -> float:
        """Return how long a packet takes: the latency, and up to half of it more."""
        return self._latency * (1 + self._chance.random() / 2)

    async def connect(self, protocol_factory: Callable[[], asyncio.BaseProtocol]) -> tuple[Transport, Any]:
        """Connect with the server, as a client."""
        await asyncio.sleep(2 * self.delay())
        while self.is_silent:
            await asyncio.sleep(0.1)
        if not self.is_up:
            raise ConnectionRefusedError(111, "connection refused")
        protocol = protocol_factory()
        client, server = Transport(self, protocol), Transport(self, None)
        client.peer, server.peer = server, client
        server.protocol = self._serve(server)
        self._transports[client] = None
        protocol.connection_made(client)
        return client, protocol

    def go_down(self) -> None:
        """Refuse connections, and reset those that exist."""
        self.is_up = False
        self.reset()

    def reset(self) -> None:
        """Reset all connections."""
        transports, self._transports = self._transports, {}
        for each in transports:
            each.lose(ConnectionResetError(104, "connection reset by peer"))

    def forget(self, transport: Transport) -> None:
        """Take note that a connection has ended."""
        self._transports.pop(transport, None)


class Transport(asyncio.Transport):
    """One end of a connection."""

    def __init__(self, link: Link, protocol: Any) -> None:
        super().__init__()
        self._link = link
        self._loop = asyncio.get_running_loop()
        self._last = 0.0
        self._is_closing = False
        self.protocol = protocol
        self.peer: Transport | None = None

    def write(self, data: Any) -> None:
        """Send data, which arrives in order."""
        if self.peer is None or self._is_closing or self._link.is_silent:
            return
        self._last = max(self._last, self._loop.time() + self._link.delay())
        self._loop.call_at(self._last, self.peer.receive, bytes(data))

    def writelines(self, list_of_data: Any) -> None:
        """Send data."""
        self.write(b"".join(list_of_data))

    def receive(self, data: bytes) -> None:
        """Hand data to the protocol."""
        if not self._is_closing and not self._link.is_silent:
            self.protocol.data_received(data)

    def lose(self, error: Exception | None) -> None:
        """End this end of the connection, and the other."""
        for each in (self, self.peer):
            if each is not None and not each._is_closing:
                each._is_closing = True
                self._loop.call_soon(each.protocol.connection_lost, error)
        self._link.forget(self)

    def close(self) -> None:
        """Close the connection."""
        self.lose(None)

    abort = close

    def is_closing(self) -> bool:
        """Return whether the connection has ended."""
        return self._is_closing

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return nothing: there is no socket."""
        return default

    def set_protocol(self, protocol: Any) -> None:
        """Replace the protocol."""
        self.protocol = protocol

    def get_protocol(self) -> Any:
        """Return the protocol."""
        return self.protocol

    def pause_reading(self) -> None:
        """Go on: what arrives is short."""

    def resume_reading(self) -> None:
        """Go on."""

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Do nothing: writing never blocks."""


def run(main: Callable[[VirtualLoop], Coroutine[Any, Any, T]], seed: int) -> T:
    """Run a coroutine in virtual time, with chance from a seed."""
    loop = VirtualLoop()
    state = random.getstate()
    random.seed(seed)
    try:
        with _virtual(loop):
            asyncio.set_event_loop(loop)
            return loop.run_until_complete(main(loop))
    finally:
        random.setstate(state)
        asyncio.set_event_loop(None)
        loop.close()


@contextmanager
def _virtual(loop: VirtualLoop) -> Generator[None]:
    """Have the functions of `time` show virtual time."""
    with (
        mock.patch.object(time, "time", lambda: _EPOCH + loop.now),
        mock.patch.object(time, "monotonic", lambda: loop.now),
    ):
        yield
