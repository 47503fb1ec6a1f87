"""Who lives in a universe: the processes at its beginning, and what is left of them at its end."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import simloom

from tests.simulation.cardholder import Cardholder
from tests.simulation.checkout_page import CheckoutPage
from tests.simulation.process import Process
from tests.simulation.shop import Shop
from tests.simulation.worker import Worker

if TYPE_CHECKING:
    from tests.simulation.world import Universe

SHOPS: Final = 2


def processes_of(universe: Universe) -> list[Process]:
    """Make the shops and the workers of a universe."""
    processes: list[Process] = []
    for name in (f"shop{number}" for number in range(SHOPS)):
        keeps_keys = bool(simloom.draw("shop.keeps_keys", 2))
        client, results = partial(universe.client, name), universe.call_results
        processes.append(Shop(name=name, client=client, call_results=results, keeps_keys=keeps_keys))
    if simloom.draw("page.exists", 2):
        keeps_keys = bool(simloom.draw("shop.keeps_keys", 2))
        processes.append(
            CheckoutPage(
                name="page",
                client=partial(universe.client, "page"),
                call_results=universe.call_results,
                keeps_keys=keeps_keys,
                cardholder=partial(Cardholder, universe.sandbox),
            )
        )
    for name in ("worker", "rival")[: 1 + simloom.draw("batch.rival", 2)]:
        delay = simloom.draw("batch.delay", 60) if processes[-1].name == "worker" else 0
        processes.append(Worker(name=name, client=partial(universe.client, name), batch=universe.batch, delay=delay))
    return processes


def left_over(universe: Universe) -> list[str]:
    """Name the connections and tasks that the shops' hosts still have."""
    network: Any = universe.world.net
    owners = [each.owner.name for each in network._live_transports.values() if each.owner]
    hosts: dict[str, Any] = {host.name: host for host in universe.shop_hosts}
    tasks = [task.get_name() for host in hosts.values() for task in host._live_tasks()]
    return [f"connection of {name}" for name in owners if name in hosts] + [f"task {name}" for name in tasks]
