"""One universe: hosts with shops, the edge and the API, from the first order to the last.

Everything that could differ from run to run comes from the seed: simloom owns the event loop, the clock of `time`, the
network and `os.urandom`. What it cannot reach is replaced by `seams.py`.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import simloom

from checkout_async import CheckoutClient, Limits, OAuthCredentials, Timeouts
from checkout_async.auth import RedisTokenStore, TokenStore
from checkout_async.batch import Outcome
from checkout_async.limits import RateLimiter, RedisRateLimiter
from checkout_async.observability import (
    AttemptEnded,
    AttemptStarted,
    CallInfo,
    Event,
    TokenFetchEnded,
    TokenFetchStarted,
)
from tests.simulation import redis, seams, token_endpoint
from tests.simulation.calls import CURRENT_ORDER, Caller, CallResult
from tests.simulation.clocks import Clocks
from tests.simulation.disk import Disk
from tests.simulation.edge import API_PORT, PORT, Edge
from tests.simulation.http1 import ADDRESS
from tests.simulation.oracles import violations
from tests.simulation.population import left_over, processes_of
from tests.simulation.process import Process
from tests.simulation.servers import RefusedConnection, Servers, start_servers
from tests.simulation.services import Apart, let_clocks_drift
from tests.simulation.token_endpoint import TokenEndpoint
from tests.simulation.token_files import TokenFiles
from tests.simulation.weather import storm
from tests.simulation.worker import Batch

RATE = 5.0
"""Requests per second of each kind that a shop's client may send."""

_PATIENCE = 6 * 3600.0
"""Seconds in which every order comes to its end once the weather is calm."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that a client of a process began, and the reference of the order that it is for."""

    at: float
    process: str
    client: str
    reads: bool
    order: str


@dataclass
class Universe:
    """A world in progress, and what is known about it at its end."""

    world: simloom.World
    sandbox: seams.SimulatedSandbox
    edge: Edge
    tokens: TokenEndpoint
    clocks: Clocks
    batch: Batch
    redis: redis.Redis
    shares: bool
    """Whether all processes share one token and the rates."""
    redis_fails: bool
    servers: Servers
    token_files: TokenFiles | None
    """Where all processes, which are then on one machine, share their token; None if they do not."""
    processes: list[Process] = field(default_factory=list[Process])
    call_results: list[CallResult] = field(default_factory=list[CallResult])
    sent: list[Attempt] = field(default_factory=list[Attempt])
    """The attempts that clients began, except those of token requests."""
    apart: list[Apart] = field(default_factory=list[Apart])
    clients: dict[str, CheckoutClient] = field(default_factory=dict[str, CheckoutClient])
    """The latest client of each shop."""
    starts: int = 0
    """How often a process of a shop started."""
    token_fetches: Counter[str] = field(default_factory=Counter[str])
    all_token_fetches: int = 0
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
    journal: list[Outcome] = field(default_factory=list[Outcome])
    """What the journal of the batch says in the end."""

    @property
    def shop_hosts(self) -> list[simloom.Host]:
        """The hosts on which the shops and the workers run now."""
        return [self.world.host(process.host) for process in self.processes]

    @property
    def callers(self) -> list[Caller]:
        """The processes with orders."""
        return [process for process in self.processes if isinstance(process, Caller)]

    @property
    def edge_host(self) -> simloom.Host:
        """The host of the edge."""
        return self.servers["edge"].host

    @property
    def token_host(self) -> simloom.Host:
        """The host of the token endpoint."""
        return self.servers["tokens"].host

    @property
    def redis_host(self) -> simloom.Host:
        """The host of Redis."""
        return self.servers["redis"].host

    @property
    def api_host(self) -> simloom.Host:
        """The host of the API."""
        return self.servers["api"].host

    @property
    def refused(self) -> list[RefusedConnection]:
        """The connections with the edge that were refused."""
        return [each for each in self.servers.refused if each.port == PORT]

    @asynccontextmanager
    async def client(self, name: str) -> AsyncGenerator[CheckoutClient]:
        """Yield a new client for a process. It may share its token and rates with the others through Redis."""
        async with AsyncExitStack() as stack:
            limiter: RateLimiter | None = None
            store: TokenStore | None = None
            if self.token_files is not None:
                store = self.token_files.store()
            if self.shares:
                # The third version of the protocol is one that the simulated server does not speak.
                url = f"redis://{ADDRESS}:{redis.PORT}/0?protocol=2"
                store = await stack.enter_async_context(RedisTokenStore(url))
                limiter = await stack.enter_async_context(RedisRateLimiter(url, "account"))
            yield await stack.enter_async_context(self._client(name, store, limiter))

    def _client(self, shop: str, store: TokenStore | None, limiter: RateLimiter | None) -> CheckoutClient:
        name, now = f"{shop}, client {self.starts}", asyncio.get_running_loop().time
        began: dict[CallInfo, float] = {}

        def record(event: Event) -> None:
            if isinstance(event, TokenFetchStarted | TokenFetchEnded):
                self.all_token_fetches += isinstance(event, TokenFetchStarted)
                self.token_fetches[name] += 1 if isinstance(event, TokenFetchStarted) else -1
                self.most_token_fetches = max(self.most_token_fetches, self.token_fetches[name])
            elif isinstance(event, AttemptEnded):
                # By the clock of the world: that of a process may jump.
                self.longest_attempt = max(self.longest_attempt, now() - began.pop(event.call, now()))
            elif isinstance(event, AttemptStarted):
                began[event.call] = now()
                if not event.call.path.endswith("/token"):
                    self.sent.append(Attempt(now(), shop, name, event.call.method == "GET", CURRENT_ORDER.get()))

        client = CheckoutClient(
            OAuthCredentials("ack_sandbox", "sandbox_secret", scopes=[], store=store),
            base_url=f"http://{ADDRESS}:{PORT}",
            token_url=f"http://{ADDRESS}:{token_endpoint.PORT}/connect/token",
            timeout=Timeouts(total=60, attempt=self.attempt, connect=3),
            limits=Limits(concurrency=4, read_rate=RATE, write_rate=RATE),
            hooks=[record],
            rate_limiter=limiter,
        )
        self.clients[shop] = client
        self.starts += 1
        return client

    def crash(self, process: Process) -> None:
        """Kill a process: nothing of it runs any more, and its connections are reset."""
        self.world.host(process.host).crash()
        if self.token_files is not None:
            self.token_files.lose_a_process(process.name)
        process.lose_the_process()
        # The simulation revives the dead tasks at its very end; their connections no longer answer to a close.
        client = self.clients.get(process.name)
        transport: Any = None if client is None else client._transport
        if transport is not None and transport._session is not None and transport._session.connector is not None:
            transport._session.connector._closed = True
            transport._session.detach()

    def restart(self, process: Process) -> None:
        """Start a new process, on a new host: timers that the dead process left must not run on it."""
        self.world.host(process.host).spawn(process.run)


async def live(world: simloom.World) -> Universe:
    """Run one universe from its first order to its last, and raise AssertionError if an oracle objects."""
    loop = asyncio.get_running_loop()
    disk, clocks = Disk(loop), Clocks(loop.time, time.time)
    with (
        seams.folder() as folder,
        seams.installed(disk, clocks, token_files := TokenFiles(folder / "tokens", disk)),
        (servers := Servers(world)).reached(),
    ):
        sandbox = seams.SimulatedSandbox(port=API_PORT)
        edge = Edge(trouble=(0, 5, 20, 50)[simloom.draw("edge.level", 4)])
        # One counter of faults for both.
        tokens = TokenEndpoint(trouble=(0, 10, 30, 60)[simloom.draw("token.level", 4)], fired=edge.fired)
        edge.accepts = tokens.accepts_token
        sharing = simloom.draw("token.shared", 4)
        universe = Universe(
            world,
            sandbox,
            edge,
            tokens,
            clocks,
            Batch(folder, disk),
            redis.Redis(),
            shares=sharing in {1, 2},
            redis_fails=sharing == 2,
            servers=servers,
            token_files=token_files if sharing == 3 else None,
        )
        stop = asyncio.Event()
        start_servers(universe, stop)
        await asyncio.sleep(1)
        universe.processes += processes_of(universe)
        let_clocks_drift(universe)
        for process in universe.processes:
            world.host(process.host).spawn(process.run)
        await storm(universe)
        edge.trouble = tokens.trouble = 0
        # Nothing is wrong any more: every order must come to its end.
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                for caller in universe.callers:
                    caller.is_calm = True
                for process in universe.processes:
                    await process.ended.wait()
        await asyncio.sleep(120)
        universe.hours = asyncio.get_running_loop().time() / 3600
        universe.left_over = left_over(universe)
        edge.fired["journal_in_use"] += universe.batch.refusals
        universe.journal = await universe.batch.read_journal()
        stop.set()
        await servers["api"].task
        if found := violations(universe):
            raise AssertionError("; ".join(found))
        return universe
