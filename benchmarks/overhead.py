"""What the SDK costs: processor time a call takes through it, and through hand-written aiohttp code, in turn.

Both talk to one loopback server in a process of its own that answers each request with the same canned session.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable

import aiohttp
from canned import canned_server

from checkout_async import CheckoutClient, Limits, SecretKey

SESSION_ID = "sid_y3oqhf46pyzuxjbcn2giaqnb44"
CONCURRENCY, REQUESTS, ROUNDS = 64, 4000, 5


async def cost(call: Callable[[], Awaitable[object]]) -> float:
    """Return the microseconds of this process's processor time that a call takes at the set concurrency."""
    left = iter(range(REQUESTS))

    async def work() -> None:
        for _ in left:
            await call()

    started = time.process_time()
    await asyncio.gather(*(work() for _ in range(CONCURRENCY)))
    return (time.process_time() - started) / REQUESTS * 1e6


async def measure(base: str) -> None:
    """Run both in turn and print the ratio of each round."""
    limits = Limits(concurrency=CONCURRENCY, read_rate=None, write_rate=None)
    async with (
        CheckoutClient(SecretKey("sk_sbox_" + "a" * 27), base_url=base, limits=limits) as sdk,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONCURRENCY)) as session,
    ):

        async def through_sdk() -> object:
            return await sdk.sessions.get_session(SESSION_ID)

        async def by_hand() -> object:
            async with session.get(f"{base}/sessions/{SESSION_ID}", headers={"Authorization": "Bearer x"}) as reply:
                reply.raise_for_status()
                return json.loads(await reply.read())

        ratios: list[float] = []
        for number in range(ROUNDS):
            hand, ours = await cost(by_hand), await cost(through_sdk)
            ratios.append(ours / hand)
            print(f"round {number + 1}: by hand {hand:5.0f} us   SDK {ours:5.0f} us   ratio {ratios[-1]:.2f}")
        print(f"median ratio SDK / by hand: {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    with canned_server("get_session.linked.response.200.json") as url:
        asyncio.run(measure(url))
