"""The servers die, and start again after seconds or minutes: the API, the edge, the token endpoint and Redis.

The API keeps what its database has. Redis and the token endpoint may have lost what they stored.
"""

from __future__ import annotations

import asyncio
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Final

import simloom

from tests.simulation.redis import Refusal, Replica
from tests.simulation.services import Condition, apart, lasting

if TYPE_CHECKING:
    from tests.simulation.servers import Server
    from tests.simulation.world import Universe


async def server_dies(universe: Universe) -> None:
    """A server dies, at once or while it handles a request, and starts again."""
    servers = [each for each in universe.servers.all if each.name != "redis" or universe.redis_fails]
    server = servers[simloom.draw("crash.server", len(servers))]
    replica = universe.redis.replicate()
    if simloom.draw("crash.busy", 4):
        with suppress(TimeoutError):
            async with asyncio.timeout(60):
                await server.next_request()
        # Long enough for the work on a request, and for its reply to be on the way.
        await asyncio.sleep(simloom.draw("crash.moment", 50) / 1000)
    is_silent = bool(simloom.draw("crash.silent", 2))
    universe.edge.fired[f"{server.name}_died{'_silently' if is_silent else ''}"] += 1
    with apart(universe) if server.name == "redis" else nullcontext():
        server.crash(is_silent=is_silent)
        await lasting((5, 60, 600)[simloom.draw("crash.length", 3)])
        await _restart(universe, server, replica)


async def _restart(universe: Universe, server: Server, replica: Replica) -> None:
    """Start a server again, perhaps without all that it stored."""
    if server.name == "tokens":
        _restart_tokens(universe, server)
    elif server.name == "redis":
        await _restart_redis(universe, server, replica)
    else:
        server.start()


def _restart_tokens(universe: Universe, server: Server) -> None:
    """Start the token endpoint. The API refuses the tokens that it no longer knows."""
    if simloom.draw("crash.tokens", 2):
        universe.edge.fired["tokens_forgotten"] += 1
        universe.sandbox.revoke_tokens()
    server.start()


async def _restart_redis(universe: Universe, server: Server, replica: Replica) -> None:
    """Start Redis with its data, without them, or with an older copy. First it loads them."""
    content = ("kept", "lost", "lagging")[simloom.draw("crash.content", 3)]
    universe.edge.fired[f"redis_restarted_{content}"] += 1
    universe.redis.promote({"kept": universe.redis.replicate(), "lost": {}, "lagging": replica}[content])
    universe.redis.refusal = Refusal.LOADING
    server.start()
    await asyncio.sleep(simloom.draw("crash.loading", 500) / 100)
    universe.redis.refusal = None


CRASHES: Final[tuple[Condition, ...]] = (server_dies,)
