"""The weather: what changes in the network, at the edge and at the API over time. Each condition lasts a while."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import simloom

from tests.simulation.crashes import CRASHES
from tests.simulation.services import SERVICES, Condition, lasting

if TYPE_CHECKING:
    from tests.simulation.world import Universe


async def storm(universe: Universe) -> None:
    """Change the weather again and again, until the shops have had enough of it.

    Beside the weather of the network and the API there is that of the services, and servers die: all at once.
    """
    await asyncio.gather(
        _changes(universe, 2 + simloom.draw("weather.changes", 5), CONDITIONS),
        _changes(universe, simloom.draw("services.changes", 5), SERVICES),
        _changes(universe, simloom.draw("crash.changes", 4), CRASHES),
    )


async def _changes(universe: Universe, number: int, conditions: tuple[Condition, ...]) -> None:
    """Change the weather, with pauses."""
    for _ in range(number):
        await asyncio.sleep(simloom.draw("weather.pause", (100, 1000)[simloom.draw("weather.haste", 2)]) / 100)
        condition = conditions[simloom.draw("weather.condition", len(conditions))]
        universe.edge.fired[condition.__name__] += 1
        await condition(universe)


async def slow_network(universe: Universe) -> None:
    """Packets take up to two seconds, and some are sent again."""
    network = universe.world.net
    network.set_latency(0.01, 2.0)
    network.set_loss(20)
    await lasting(30)
    network.set_latency(0.0005, 0.02)
    network.set_loss(0)


async def partition(universe: Universe) -> None:
    """A shop, or all of them, cannot reach the edge, or the edge cannot reach the API."""
    network = universe.world.net
    sides = [([each], [universe.edge_host]) for each in universe.shop_hosts]
    sides += [(universe.shop_hosts, [universe.edge_host]), ([universe.edge_host], [universe.api_host])]
    network.partition(*sides[simloom.draw("weather.side", len(sides))])
    await lasting(60)
    network.heal()


async def one_way(universe: Universe) -> None:
    """Requests reach the edge, and replies do not come back."""
    network, shop = universe.world.net, _some_shop(universe)
    network.block(universe.edge_host, shop)
    await lasting(40)
    network.unblock(universe.edge_host, shop)


async def resets(universe: Universe) -> None:
    """All connections of a shop are reset, several times."""
    shop = _some_shop(universe)
    for _ in range(1 + simloom.draw("weather.resets", 5)):
        universe.world.net.reset_connections(shop, universe.edge_host)
        await asyncio.sleep(simloom.draw("weather.between", 200) / 100)


async def half_open(universe: Universe) -> None:
    """The edge forgets all connections: the next request on one of them is reset, or never answered."""
    universe.edge.forget_connections(is_silent=bool(simloom.draw("weather.silent", 2)))


async def outage(universe: Universe) -> None:
    """The edge answers every request with an error, for seconds or for hours."""
    universe.edge.outage = (500, 502, 503, 504)[simloom.draw("weather.status", 4)]
    await lasting((20, 300, 7200)[simloom.draw("weather.length", 3)])
    universe.edge.outage = None


async def rate_limit_storm(universe: Universe) -> None:
    """The API refuses every request with 429, and asks for waits in every form."""
    universe.edge.outage = 429
    await lasting((30, 600)[simloom.draw("weather.length", 2)])
    universe.edge.outage = None


async def revoked_tokens(universe: Universe) -> None:
    """The API stops accepting every access token that it has issued."""
    universe.sandbox.revoke_tokens()


async def time_passes(_universe: Universe) -> None:
    """Nothing happens for two hours: tokens and connections grow old."""
    await asyncio.sleep(7200)


async def process_dies(universe: Universe) -> None:
    """A process dies at any moment, and starts again some time later."""
    alive = [process for process in universe.processes if process.can_die and not process.ended.is_set()]
    if not alive:
        return
    process = alive[simloom.draw("weather.process", len(alive))]
    universe.crash(process)
    await lasting(60)
    universe.restart(process)


async def second_owner(universe: Universe) -> None:
    """Another task of a process uses its client, too, and closes it."""
    running = [process for process in universe.processes if not process.ended.is_set()]
    if running:
        process = running[simloom.draw("weather.process", len(running))]
        await universe.world.host(process.host).spawn(process.close_the_client)


async def a_day_passes(_universe: Universe) -> None:
    """The API forgets idempotency keys."""
    await asyncio.sleep(25 * 3600)


def _some_shop(universe: Universe) -> simloom.Host:
    return universe.shop_hosts[simloom.draw("weather.shop", len(universe.shop_hosts))]


CONDITIONS: Final[tuple[Condition, ...]] = (
    slow_network,
    partition,
    one_way,
    resets,
    half_open,
    outage,
    rate_limit_storm,
    revoked_tokens,
    time_passes,
    process_dies,
    process_dies,
    second_owner,
    a_day_passes,
)
