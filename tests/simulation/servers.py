"""The servers: each runs on a host that may die at any moment, and that starts again.

A process that is killed has its connections reset, and new ones are refused. A host that loses its power says nothing:
connections stay open without an answer, and nobody answers to new ones. When it is up again, it resets the connections
that it does not know.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import contextmanager
from contextvars import Context
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any
from unittest import mock

import simloom

from tests.simulation import redis, token_endpoint
from tests.simulation.calls import CURRENT_ORDER
from tests.simulation.edge import API_PORT, PORT
from tests.simulation.http1 import ADDRESS

if TYPE_CHECKING:
    from tests.simulation.world import Universe

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

Serve = Callable[["Server"], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class RefusedConnection:
    """A connection that was refused because nothing listened, and the reference of the order that it was for."""

    at: float
    port: int
    order: str


@dataclass
class Server:
    """A server on a host. `serve` runs from the start of the host to its end."""

    world: simloom.World
    name: str
    port: int
    serve: Serve
    starts: int = 0
    is_silent: bool = False
    """Whether the host is down, and nobody says so."""
    prepare: Callable[[], None] = lambda: None
    """What is done before each start."""

    def __post_init__(self) -> None:
        self.is_up = asyncio.Event()
        self._received = asyncio.Event()
        self._unanswered: list[Any] = []
        self._connections: set[asyncio.Task[Any] | None] = set()

    @property
    def host(self) -> simloom.Host:
        """The host on which the server runs now, or will run: timers that a dead one left must not run on it."""
        return self.world.host(f"{self.name}.{self.starts}")

    def start(self) -> asyncio.Task[Any]:
        """Start the server. Clients that still wait for the dead one get a reset."""
        self.is_silent = False
        self.prepare()
        self.is_up.set()
        unanswered, self._unanswered = self._unanswered, []
        for connection in unanswered:
            _reset_peer(connection)
        self.task = self.host.spawn(partial(self.serve, self))
        return self.task

    def crash(self, *, is_silent: bool) -> None:
        """Kill the server: nothing of it runs any more."""
        if is_silent:
            self._fall_silent()
        self.is_silent = is_silent
        self.is_up.clear()
        self.host.crash()
        self.starts += 1

    async def listen(self, handle: Handler, port: int) -> asyncio.Server:
        """Start to serve connections. `handle` serves one of them, in a task of its own."""

        # asyncio lets go of the task when the connection has ended. If it then still waits for a reply of another
        # server that has died silently, nothing else would refer to it, and it would be destroyed as garbage.
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._connections.add(task := asyncio.current_task())
            try:
                await handle(reader, writer)
            finally:
                self._connections.discard(task)

        return await asyncio.start_server(serve, ADDRESS, port)

    def receive(self) -> None:
        """Note that a request has arrived."""
        self._received.set()

    async def next_request(self) -> None:
        """Wait until the next request arrives."""
        self._received.clear()
        await self._received.wait()

    def _fall_silent(self) -> None:
        """Take the connections away from the host, so that its end resets none of them."""
        network: Any = self.world.net
        for connection in [each for each in network._live_transports.values() if each.owner is self.host]:
            if connection._pending:
                self._unanswered.append(connection)
            connection._closing = connection._closed = True
            network._forget(connection)
            # Runs outside of all hosts, since this one is dead.
            connection._host_ctx = Context()
            connection._arrive = partial(self._receive_nothing, connection)

    def _receive_nothing(self, connection: Any) -> None:
        """Answer a packet of a connection that the host had when it died."""
        if self.is_up.is_set():
            _reset_peer(connection)
        else:
            self._unanswered.append(connection)


def _reset_peer(connection: Any) -> None:
    peer = connection._peer
    asyncio.get_running_loop().call_soon(peer._reset_by_peer, context=peer._host_ctx)


@dataclass
class Servers:
    """All servers of a universe, and the connections that they refused."""

    world: simloom.World
    all: list[Server] = field(default_factory=list[Server])
    refused: list[RefusedConnection] = field(default_factory=list[RefusedConnection])

    def add(self, name: str, port: int, serve: Serve, prepare: Callable[[], None] = lambda: None) -> Server:
        """Start a server."""
        server = Server(self.world, name, port, serve, prepare=prepare)
        self.all.append(server)
        server.start()
        return server

    def __getitem__(self, name: str) -> Server:
        return next(each for each in self.all if each.name == name)

    @contextmanager
    def reached(self) -> Generator[None]:
        """Have connections wait while their server is silent, and note those that are refused."""
        network: Any = self.world.net
        connect = network._reach_listener

        async def reach(ip: str, port: int, client: Any) -> Any:
            server = next((each for each in self.all if each.port == port), None)
            while server is not None and server.is_silent:
                await server.is_up.wait()
            try:
                return await connect(ip, port, client)
            except ConnectionRefusedError:
                now = asyncio.get_running_loop().time()
                self.refused.append(RefusedConnection(now, port, CURRENT_ORDER.get()))
                raise

        with mock.patch.object(network, "_reach_listener", reach):
            yield


def start_servers(universe: Universe, stop: asyncio.Event) -> None:
    """Start the API, the edge, the token endpoint and Redis. They serve until `stop` is set."""
    edge, tokens, sandbox, database = universe.edge, universe.tokens, universe.sandbox, universe.redis

    async def serve_tokens(server: Server) -> None:
        await asyncio.gather(
            sandbox.serve(token_endpoint.BACKEND_PORT, stop, server.receive),
            _serve(server, tokens.handle, token_endpoint.PORT, stop),
        )

    async def serve_redis(server: Server) -> None:
        await _serve(server, database.handle, redis.PORT, stop)

    def keep_redis_quick() -> None:
        # Not slowed down by the weather: a permit that is a second on its way is used a second late.
        universe.world.net.clog_node_out(universe.redis_host, latency=(0.0005, 0.002), loss=0)
        universe.world.net.clog_node_in(universe.redis_host, latency=(0.0005, 0.002), loss=0)

    add = universe.servers.add
    add("api", API_PORT, lambda server: sandbox.serve(API_PORT, stop, server.receive))
    edge.received = add("edge", PORT, lambda server: _serve(server, edge.handle, PORT, stop)).receive
    tokens.received = add("tokens", token_endpoint.PORT, serve_tokens).receive
    on_redis = add("redis", redis.PORT, serve_redis, keep_redis_quick)
    database.received = on_redis.receive


async def _serve(server: Server, handle: Handler, port: int, stop: asyncio.Event) -> None:
    listening = await server.listen(handle, port)
    await stop.wait()
    listening.close()
