"""What goes wrong with the services beside the API: the token endpoint, Redis and the clocks."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import simloom

from tests.simulation.clocks import DRIFT, SETTLES
from tests.simulation.redis import Refusal

if TYPE_CHECKING:
    from tests.simulation.world import Universe

Condition = Callable[["Universe"], Awaitable[None]]


@dataclass
class Apart:
    """A time in which a process, or with an empty name any process, may not share the rates: docs/limits.md."""

    process: str
    start: float
    end: float = math.inf


async def tokens_in_trouble(universe: Universe) -> None:
    """Nearly every reply of the token endpoint is wrong."""
    before, universe.tokens.trouble = universe.tokens.trouble, 90
    await lasting(300)
    universe.tokens.trouble = before


async def tokens_out_of_order(universe: Universe) -> None:
    """The token endpoint answers every request with an error, for seconds or for hours."""
    universe.tokens.outage = (500, 503, 429, 408)[simloom.draw("token.status", 4)]
    await lasting((20, 300, 7200)[simloom.draw("token.length", 3)])
    universe.tokens.outage = None


async def tokens_unreachable(universe: Universe) -> None:
    """A process, or all of them, cannot reach the token endpoint, for seconds or for hours."""
    hosts = universe.shop_hosts
    sides = [*([each] for each in hosts), hosts]
    universe.world.net.partition(sides[simloom.draw("token.side", len(sides))], [universe.token_host])
    await lasting((60, 7200)[simloom.draw("token.length", 2)])
    universe.world.net.heal()


async def tokens_forget_connections(universe: Universe) -> None:
    """Connections with the token endpoint are half open."""
    universe.tokens.forget_connections(is_silent=bool(simloom.draw("token.silent", 2)))


async def wall_clock_jumps(universe: Universe) -> None:
    """Somebody sets the wall clock of a process wrong, and perhaps sets it right again."""
    clock = universe.clocks.of(_some_process(universe))
    seconds = (0.1, 0.3, 5.0, 7200.0, 86400.0, 40 * 86400.0)[simloom.draw("clock.jump", 6)]
    clock.set(clock.ahead + (seconds, -seconds)[simloom.draw("clock.back", 2)])
    if simloom.draw("clock.corrected", 3):
        await lasting((20, 7200)[simloom.draw("clock.length", 2)])
        clock.set(0.0)


def let_clocks_drift(universe: Universe) -> None:
    """Have the clocks of some processes run too fast or too slow, which nobody corrects."""
    for process in universe.processes:
        kind = simloom.draw("clock.drift", 12)
        if kind < 2:
            universe.clocks.of(process.name).drift = (DRIFT, -DRIFT)[kind]
            universe.edge.fired[f"clock_runs_{('fast', 'slow')[kind]}"] += 1


async def monotonic_clock_jumps(universe: Universe) -> None:
    """The monotonic clock of a process jumps forward, as on some systems after their machine was suspended."""
    universe.clocks.of(_some_process(universe)).slept += (1.0, 30.0, 3600.0, 4 * 3600.0)[simloom.draw("clock.slept", 4)]


async def redis_is_slow(universe: Universe) -> None:
    """Redis takes seconds to answer, or does not answer at all."""
    if universe.redis_fails:
        with apart(universe):
            universe.world.net.clog_node_out(universe.redis_host, latency=(0.5, 6.0))
            await lasting(60)
            universe.world.net.clog_node_out(universe.redis_host, latency=(0.0005, 0.002))


async def redis_is_cut_off(universe: Universe) -> None:
    """A process cannot reach Redis."""
    if universe.redis_fails:
        process = _some_process(universe)
        with apart(universe, process):
            hosts = [host for host in universe.shop_hosts if host.name.startswith(f"{process}.")]
            universe.world.net.partition(hosts, [universe.redis_host])
            await lasting(60)
            universe.world.net.heal()


async def redis_forgets(universe: Universe) -> None:
    """Redis loses what it stored: locks, the token and the rates, as it does when it starts without a file."""
    if universe.redis_fails:
        universe.apart.append(Apart("", _now() - 1, _now() + 1))
        universe.redis.forget()


async def redis_fails_over(universe: Universe) -> None:
    """A replica that lags some seconds behind becomes the primary; meanwhile Redis refuses in one way or another.

    What was written last is lost. So the rates may be granted once more for the second of the failover.
    """
    if not universe.redis_fails:
        return
    replica = universe.redis.replicate()
    await asyncio.sleep(simloom.draw("redis.lag", 500) / 100)
    with apart(universe):
        universe.redis.refusal = tuple(Refusal)[simloom.draw("redis.refusal", len(Refusal))]
        universe.redis.promote(replica)
        for host in universe.shop_hosts:
            universe.world.net.reset_connections(host, universe.redis_host)
        universe.edge.fired[f"redis_{universe.redis.refusal.name}"] += 1
        await lasting((1, 30)[simloom.draw("redis.length", 2)])
        universe.redis.refusal = None


@contextmanager
def apart(universe: Universe, process: str = "") -> Generator[None]:
    """Record that a process, or any, may not share the rates meanwhile, and until it asks Redis again after that."""
    time_apart = Apart(process, _now() - 1)
    universe.apart.append(time_apart)
    yield
    time_apart.end = _now() + SETTLES


def _some_process(universe: Universe) -> str:
    return universe.processes[simloom.draw("services.process", len(universe.processes))].name


def _now() -> float:
    return asyncio.get_running_loop().time()


async def lasting(most: int) -> None:
    """Sleep for up to this many seconds."""
    await asyncio.sleep(most * (1 + simloom.draw("weather.lasting", 100)) / 100)


SERVICES: Final[tuple[Condition, ...]] = (
    tokens_in_trouble,
    tokens_out_of_order,
    tokens_unreachable,
    tokens_forget_connections,
    wall_clock_jumps,
    wall_clock_jumps,
    monotonic_clock_jumps,
    redis_is_slow,
    redis_is_cut_off,
    redis_forgets,
    redis_fails_over,
    redis_fails_over,
)
