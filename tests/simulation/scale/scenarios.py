"""The scenarios of docs/scale.md."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable

from tests.simulation.scale.scenario import Scenario, World

__all__ = ["scenarios"]

Event = Callable[[World], Awaitable[None]]

COUNTS = (1, 10, 100, 1000)
"""Workers."""

LIMITS = (100.0, 1000.0, 5000.0)
"""Requests a second that the API accepts."""

HEADROOM = 0.05
"""The part of the limit that docs/scale.md says to leave."""

FAILOVER = 1.0
"""Seconds for which Redis refuses connections while a replica takes over."""

LAG = 2.0
"""Seconds by which that replica is behind."""


async def api_down(world: World) -> None:
    """The API answers 503."""
    world.api.is_down = True
    await asyncio.sleep(world.scenario.event_lasts)
    world.api.is_down = False


async def tokens_down(world: World) -> None:
    """The token endpoint refuses connections."""
    world.api.tokens_are_down = True
    await asyncio.sleep(world.scenario.event_lasts)
    world.api.tokens_are_down = False


async def redis_down(world: World) -> None:
    """Redis refuses connections, and has lost its data when it is back."""
    world.redis.go_down()
    await asyncio.sleep(world.scenario.event_lasts)
    world.database.become(None)
    world.redis.is_up = True


async def redis_silent(world: World) -> None:
    """Nobody can reach Redis, and nobody says so."""
    world.redis.is_silent = True
    await asyncio.sleep(world.scenario.event_lasts)
    world.redis.is_silent = False
    world.redis.reset()


async def redis_lags(world: World) -> None:
    """A replica takes over that is an older copy."""
    copy = world.database.copy()
    await asyncio.sleep(LAG)
    world.redis.go_down()
    await asyncio.sleep(FAILOVER)
    world.database.become(copy)
    world.redis.is_up = True


def scenarios(counts: tuple[int, ...] = COUNTS, limits: tuple[float, ...] = LIMITS) -> dict[str, list[Scenario]]:
    """Return the scenarios by group."""
    return {
        "steady": [_steady(workers, limit) for limit in limits for workers in counts],
        "headroom": [
            Scenario(f"headroom {headroom:.0%}", 20, 200.0, seconds=20, headroom=headroom)
            for headroom in (0.0, 0.01, 0.02, 0.05)
        ],
        "light": [
            Scenario("half the rate", workers, 400.0, seconds=12, headroom=HEADROOM, demand=0.5)
            for workers in (10, 100, 1000)
        ],
        "tokens": [
            # A token for 24 s is renewed in its last six.
            Scenario("a token expires", workers, 200.0, 22, headroom=HEADROOM, lifetime=24, starts_within=0.1)
            for workers in (10, 100, 1000)
        ],
        "events": [each for workers in (100, 1000) for each in _events(workers)],
    }


def _steady(workers: int, limit: float) -> Scenario:
    # With a hundred requests a second, a thousand workers have one call in ten seconds each.
    seconds = {100.0: 45.0, 1000.0: 12.0}.get(limit, 5.0)
    return Scenario("steady", workers, limit, seconds, headroom=HEADROOM, warm_up=2.0)


def _events(workers: int) -> list[Scenario]:
    def event(
        name: str,
        what: Callable[[World], Awaitable[None]],
        *,
        lasts: float = 8.0,
        parts: bool = True,
        lifetime: int = 3600,
    ) -> Scenario:
        return Scenario(
            name,
            workers,
            100.0,
            seconds=25,
            headroom=HEADROOM,
            event=what,
            event_lasts=lasts,
            lifetime=lifetime,
            processes=workers if parts else 1,
        )

    return [
        event("the API is down", api_down),
        # A token for 30 s is renewed in its last 7.5 s, and no longer used in its last 3.75 s.
        event("the token endpoint is down", tokens_down, lasts=15, lifetime=30),
        event("Redis is down", redis_down),
        event("Redis is down, `processes` not set", redis_down, parts=False),
        event("Redis does not answer", redis_silent),
        event("Redis fails over and loses its data", redis_down, lasts=FAILOVER),
        event("Redis fails over to a copy 2 s old", redis_lags, lasts=math.ceil(LAG + FAILOVER)),
    ]
