"""One scenario: workers, what they share, what they do, and what fails meanwhile."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import AsyncExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any
from unittest import mock

import anyio

import checkout_async.client
from checkout_async import CheckoutClient, Limits, OAuthCredentials
from checkout_async.auth import RedisTokenStore
from checkout_async.clock import Clock
from checkout_async.errors import CheckoutError
from checkout_async.limits import RedisRateLimiter
from tests.simulation.scale.api import Api, Way
from tests.simulation.scale.database import Database
from tests.simulation.scale.loop import Link, VirtualLoop, run
from tests.simulation.scale.measures import Figures, Measures

__all__ = ["Scenario", "World", "call_api", "keep_busy", "simulate"]

PAYMENT = "pay_mbabizu24mvu3mela5njyhpit4"
REDIS_LATENCY = 0.0004
"""Seconds from a worker to Redis, and up to half of it more."""


@dataclass(frozen=True)
class Scenario:
    """What is simulated. Times are in seconds."""

    name: str
    workers: int
    limit: float
    """Requests a second that the API accepts."""
    seconds: float = 30.0
    headroom: float = 0.0
    """The part of the limit that the workers do not use: their rate is `limit * (1 - headroom)`."""
    demand: float = math.inf
    """Calls a second that are made, as a part of the limit; infinite for a batch, which has always work to do."""
    lifetime: int = 3600
    """Seconds for which a token is valid."""
    warm_up: float = 3.0
    """Seconds at the beginning that the rates and latencies leave out."""
    starts_within: float = 1.0
    """The workers start within this many seconds."""
    event: Callable[[World], Awaitable[None]] | None = None
    """What goes wrong."""
    event_at: float = 10.0
    event_lasts: float = 10.0
    processes: int = 1
    """What RedisRateLimiter is given as the number of processes."""

    @property
    def rate(self) -> float:
        """The rate of all workers together."""
        return self.limit * (1 - self.headroom)


@dataclass
class World:
    """What an event may change."""

    scenario: Scenario
    api: Api
    database: Database
    redis: Link


_begun: ContextVar[float] = ContextVar("_begun")


def simulate(scenario: Scenario, seed: int = 1) -> Figures:
    """Run a scenario, and return what was measured. The result depends on nothing but the arguments."""
    return run(lambda loop: _live(loop, scenario, seed), seed)


async def _live(loop: VirtualLoop, scenario: Scenario, seed: int) -> Figures:
    chance = random.Random(seed)
    database = Database(loop.time, time.time)
    redis = loop.links[6379] = Link(database.connection, REDIS_LATENCY, chance)
    api = Api(scenario.limit, chance, loop.time, scenario.lifetime)
    world = World(scenario, api, database, redis)
    measures = Measures(scenario.workers, loop.time)
    database.executed = measures.command
    with _on_virtual_time():
        tasks = [asyncio.create_task(_work(world, number, measures, chance)) for number in range(scenario.workers)]
        if scenario.event is not None:
            tasks.append(asyncio.create_task(_happen(world, scenario.event)))
        await asyncio.sleep(scenario.seconds)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    measures.busy = database.busy
    return measures.figures(scenario, api)


async def _happen(world: World, event: Callable[[World], Awaitable[None]]) -> None:
    await asyncio.sleep(world.scenario.event_at)
    await event(world)


async def _work(world: World, number: int, measures: Measures, chance: random.Random) -> None:
    scenario = world.scenario
    await asyncio.sleep(scenario.starts_within * chance.random())
    async with AsyncExitStack() as stack:
        url = "redis://127.0.0.1:6379/0?protocol=2"
        store = await stack.enter_async_context(RedisTokenStore(url))
        limiter = await stack.enter_async_context(RedisRateLimiter(url, "account", processes=scenario.processes))
        client = CheckoutClient(
            OAuthCredentials("ack_simulated", "secret", scopes=[], store=store),
            base_url="http://127.0.0.1:8080",
            token_url="http://127.0.0.1:8080/connect/token",
            limits=Limits(concurrency=100_000, write_rate=scenario.rate),
            rate_limiter=limiter,
            validate="off",
            transport=Way(world.api, lambda: measures.waited(_begun.get())),
        )
        await stack.enter_async_context(client)
        if math.isinf(scenario.demand):
            await keep_busy(scenario, lambda: call_api(client, number, measures))
        else:
            await _arrive_at_random(scenario, lambda: call_api(client, number, measures), chance)


async def keep_busy(scenario: Scenario, call: Callable[[], Coroutine[Any, Any, bool]]) -> None:
    """Have twice as many calls in flight as the worker's part of the rate needs, without end."""

    async def repeat() -> None:
        while True:
            if not await call():
                await asyncio.sleep(1)

    in_flight = 1 + math.ceil(scenario.limit / scenario.workers * 0.15 * 2)
    async with asyncio.TaskGroup() as group:
        for _ in range(in_flight):
            group.create_task(repeat())


async def _arrive_at_random(
    scenario: Scenario, call: Callable[[], Coroutine[Any, Any, bool]], chance: random.Random
) -> None:
    """Make calls at random times, whether earlier ones are done or not."""
    async with asyncio.TaskGroup() as group:
        while True:
            await asyncio.sleep(chance.expovariate(scenario.limit * scenario.demand / scenario.workers))
            group.create_task(call())


async def call_api(client: CheckoutClient, number: int, measures: Measures) -> bool:
    """Make a call, and return whether it succeeded."""
    begun = measures.now()
    _begun.set(begun)
    try:
        await client.payments.capture_payment(PAYMENT)
    except CheckoutError as error:
        measures.failed(type(error).__name__)
        return False
    measures.done(number, begun)
    return True


@contextmanager
def _on_virtual_time() -> Generator[None]:
    """Have the client read virtual time: its clock is bound when its module is imported."""
    clock = replace(Clock(), monotonic=lambda: time.monotonic(), sleep=anyio.sleep)  # noqa: PLW0108 - it is patched
    with mock.patch.object(checkout_async.client, "Clock", lambda: clock):
        yield
