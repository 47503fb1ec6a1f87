"""One universe: hosts with shops, the edge and the API, from the first order to the last.

Everything that could differ from run to run comes from the seed: simloom owns the event loop, the clock of `time`, the
network and `os.urandom`. What it cannot reach is replaced here: the listening socket of the sandbox, the look at a
socket's unread bytes, and the default clock of a client, whose functions are bound when the package is imported.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import socket
import tempfile
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import anyio
import simloom
from aiohttp import web

import checkout_async.client
import checkout_async.transport.guards
from checkout_async import CheckoutClient, Limits, OAuthCredentials, Timeouts
from checkout_async.auth import RedisTokenStore, TokenStore
from checkout_async.batch.gate import CircuitBreaker
from checkout_async.batch.waits import PendingCalls
from checkout_async.clock import Clock
from checkout_async.limits import RateLimiter, RedisRateLimiter
from checkout_async.observability import AttemptEnded, AttemptStarted, Event, TokenFetchEnded, TokenFetchStarted
from checkout_async.sandbox import Sandbox
from tests.simulation import redis
from tests.simulation.edge import ADDRESS, API_PORT, PORT, Edge
from tests.simulation.oracles import violations
from tests.simulation.shop import CallResult, Shop
from tests.simulation.weather import storm
from tests.simulation.worker import Disk, Worker

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

SHOPS = 2
RATE = 5.0
"""Requests per second of each kind that a shop's client may send."""

_PATIENCE = 6 * 3600.0
"""Seconds in which every order comes to its end once the weather is calm."""


@dataclass
class Universe:
    """A world in progress, and what is known about it at its end."""

    world: simloom.World
    sandbox: Sandbox
    edge: Edge
    worker: Worker
    redis: redis.Redis
    shares: bool
    """Whether all processes share one token and the rates."""
    redis_fails: bool
    shops: list[Shop] = field(default_factory=list[Shop])
    call_results: list[CallResult] = field(default_factory=list[CallResult])
    sent: list[tuple[float, str, bool]] = field(default_factory=list[tuple[float, str, bool]])
    """The attempts that clients began: when, on which shop, and whether they only read."""
    clients: dict[str, CheckoutClient] = field(default_factory=dict[str, CheckoutClient])
    """The latest client of each shop."""
    starts: int = 0
    """How often a process of a shop started."""
    token_fetches: Counter[str] = field(default_factory=Counter[str])
    most_token_fetches: int = 0
    """How many token requests one client had in flight at most."""
    rate: float = RATE
    attempt: float = 10.0
    """Seconds that one attempt may take."""
    longest_attempt: float = 0.0
    hours: float = 0.0
    """Simulated hours until the last order was done."""
    left_over: list[str] = field(default_factory=list[str])
    """Names of the tasks and connections that were left when all shops had closed."""

    @property
    def shop_hosts(self) -> list[simloom.Host]:
        """The hosts on which the shops and the worker run now."""
        return [self.world.host(process.host) for process in self.processes]

    @property
    def processes(self) -> list[Shop | Worker]:
        """The shops and the worker."""
        return [*self.shops, self.worker]

    @property
    def edge_host(self) -> simloom.Host:
        """The host of the edge."""
        return self.world.host("edge")

    @property
    def redis_host(self) -> simloom.Host:
        """The host of Redis."""
        return self.world.host("redis")

    @property
    def api_host(self) -> simloom.Host:
        """The host of the API."""
        return self.world.host("api")

    @asynccontextmanager
    async def client(self, name: str) -> AsyncGenerator[CheckoutClient]:
        """Yield a new client for a process. It may share its token and rates with the others through Redis."""
        async with AsyncExitStack() as stack:
            store = limiter = None
            if self.shares:
                # The third version of the protocol is one that the simulated server does not speak.
                url = f"redis://{ADDRESS}:{redis.PORT}/0?protocol=2"
                store = await stack.enter_async_context(RedisTokenStore(url))
                limiter = await stack.enter_async_context(RedisRateLimiter(url, "account"))
            yield await stack.enter_async_context(self._client(name, store, limiter))

    def _client(self, shop: str, store: TokenStore | None, limiter: RateLimiter | None) -> CheckoutClient:

        def record(event: Event) -> None:
            if isinstance(event, TokenFetchStarted | TokenFetchEnded):
                self.token_fetches[shop] += 1 if isinstance(event, TokenFetchStarted) else -1
                self.most_token_fetches = max(self.most_token_fetches, self.token_fetches[shop])
            elif isinstance(event, AttemptEnded):
                self.longest_attempt = max(self.longest_attempt, event.seconds)
            elif isinstance(event, AttemptStarted) and not event.call.path.endswith("/token"):
                self.sent.append((asyncio.get_running_loop().time(), shop, event.call.method == "GET"))

        client = CheckoutClient(
            OAuthCredentials("ack_sandbox", "sandbox_secret", store=store),
            base_url=f"http://{ADDRESS}:{PORT}",
            token_url=f"http://{ADDRESS}:{PORT}/connect/token",
            timeout=Timeouts(total=60, attempt=self.attempt, connect=3),
            limits=Limits(concurrency=4, read_rate=RATE, write_rate=RATE),
            hooks=[record],
            rate_limiter=limiter,
        )
        self.clients[shop] = client
        self.token_fetches[shop] = 0
        self.starts += 1
        return client

    def crash(self, process: Shop | Worker) -> None:
        """Kill a process: nothing of it runs any more, and its connections are reset."""
        self.world.host(process.host).crash()
        process.lose_the_process()
        # The simulation revives the dead tasks at its very end; their connections no longer answer to a close.
        transport: Any = self.clients[process.name]._transport
        if transport._session is not None:
            transport._session.connector._closed = True
            transport._session.detach()

    def restart(self, process: Shop | Worker) -> None:
        """Start a new process, on a new host: timers that the dead process left must not run on it."""
        self.world.host(process.host).spawn(process.run)


async def live(world: simloom.World) -> Universe:
    """Run one universe from its first order to its last, and raise AssertionError if an oracle objects."""
    disk = Disk(asyncio.get_running_loop())
    with _seams(disk), _folder() as folder:
        sandbox = _SimulatedSandbox(port=API_PORT)
        edge = Edge(trouble=(0, 5, 20, 50)[simloom.draw("edge.level", 4)])
        worker = Worker("worker", folder, disk, lambda: universe.client("worker"))
        sharing = simloom.draw("redis.shared", 3)
        universe = Universe(world, sandbox, edge, worker, redis.Redis(), shares=sharing > 0, redis_fails=sharing > 1)
        stop = asyncio.Event()
        api = universe.api_host.spawn(lambda: _serve_api(sandbox, stop))
        universe.edge_host.spawn(lambda: _serve(edge.handle, PORT, stop))
        universe.redis_host.spawn(lambda: _serve(universe.redis.handle, redis.PORT, stop))
        # Not slowed down by the weather: a permit that is a second on its way is used a second late.
        world.net.clog_node_out(universe.redis_host, latency=(0.0005, 0.002), loss=0)
        world.net.clog_node_in(universe.redis_host, latency=(0.0005, 0.002), loss=0)
        await asyncio.sleep(1)
        for name in (f"shop{number}" for number in range(SHOPS)):
            keeps_keys = bool(simloom.draw("shop.keeps_keys", 2))
            shop = Shop(name, universe.call_results, partial(universe.client, name), keeps_keys)
            universe.shops.append(shop)
            world.host(shop.host).spawn(shop.run)
        world.host(worker.host).spawn(worker.run)
        await storm(universe)
        edge.trouble = 0
        # Nothing is wrong any more: every order must come to its end.
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                for shop in universe.shops:
                    shop.is_calm = True
                for process in universe.processes:
                    await process.ended.wait()
        await asyncio.sleep(120)
        universe.hours = asyncio.get_running_loop().time() / 3600
        universe.left_over = _left_over(universe)
        stop.set()
        await api
        if found := violations(universe):
            raise AssertionError("; ".join(found))
        return universe


def _left_over(universe: Universe) -> list[str]:
    """Name the connections and tasks that the shops' hosts still have."""
    network: Any = universe.world.net
    owners = [each.owner.name for each in network._live_transports.values() if each.owner]
    hosts: dict[str, Any] = {host.name: host for host in universe.shop_hosts}
    tasks = [task.get_name() for host in hosts.values() for task in host._live_tasks()]
    return [f"connection of {name}" for name in owners if name in hosts] + [f"task {name}" for name in tasks]


async def _serve_api(sandbox: Sandbox, stop: asyncio.Event) -> None:
    async with sandbox:
        await stop.wait()


async def _serve(handle: Handler, port: int, stop: asyncio.Event) -> None:
    server = await asyncio.start_server(handle, ADDRESS, port)
    await stop.wait()
    server.close()


class _SimulatedSandbox(Sandbox):
    """The simulator of the API, listening in the simulated network."""

    async def _listen(self, runner: web.AppRunner, listener: Any, ssl_context: Any) -> None:
        host, port = listener.getsockname()
        site: Any = web.TCPSite(runner, host, port, ssl_context=ssl_context)
        self._site = site
        await site.start()


class _Address:
    """What the sandbox asks of a listening socket."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address

    def getsockname(self) -> tuple[str, int]:
        return self._address


def _has_unread_bytes(transport: Any) -> bool:
    return bool(transport._inbox)


@contextmanager
def _folder() -> Generator[Path]:
    """Make a folder whose name does not depend on chance, since the seed decides over chance here."""
    path = Path(tempfile.gettempdir()) / f"simulation-{os.getpid()}"
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(mode=0o700)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


_REAL_CLOCK = time.monotonic


@contextmanager
def _on_simulated_time(function: Any, now: Callable[[], float]) -> Generator[None]:
    """Replace the real clock among the defaults of a function, which are bound when its module is imported."""
    before: tuple[Any, ...] = function.__defaults__
    function.__defaults__ = tuple(now if each is _REAL_CLOCK else each for each in before)
    try:
        yield
    finally:
        function.__defaults__ = before


@contextmanager
def _seams(disk: Disk) -> Generator[None]:
    loop = asyncio.get_running_loop()
    clock = Clock(
        monotonic=loop.time,
        now=lambda: datetime.fromtimestamp(time.time(), UTC),
        sleep=anyio.sleep,
        draw=random.random,
    )
    guards = checkout_async.transport.guards
    with (
        _on_simulated_time(CircuitBreaker.__init__, loop.time),
        _on_simulated_time(PendingCalls.__init__, loop.time),
        mock.patch.object(checkout_async.client, "Clock", lambda: clock),
        mock.patch.object(loop, "run_in_executor", disk.run_in_executor),
        mock.patch.object(socket, "create_server", _Address),
        mock.patch.object(guards, "_has_unread_bytes", _has_unread_bytes),
    ):
        yield
