"""One contender in a process of its own: it measures what it is asked for, and waits in between.

    python benchmarks/worker.py CONTENDER URL [uvloop]

reads `OPERATION IN_FLIGHT CALLS` from a line of its input and writes the figures as a line of JSON.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections.abc import Awaitable, Callable

from contenders import CONTENDERS


async def measure(call: Callable[[], Awaitable[object]], in_flight: int, calls: int) -> dict[str, float]:
    """Make the calls, as many at once as asked for."""
    left = iter(range(calls))
    took: list[float] = []
    clock = time.perf_counter

    async def work() -> None:
        for _ in left:
            began = clock()
            await call()
            took.append(clock() - began)

    gc.collect()
    busy, began = time.process_time(), clock()
    await asyncio.gather(*(work() for _ in range(in_flight)))
    seconds, busy = clock() - began, time.process_time() - busy
    took.sort()
    return {
        "per_second": calls / seconds,
        "processor_us": busy / calls * 1e6,
        "median_us": took[calls // 2] * 1e6,
        "p99_us": took[calls * 99 // 100] * 1e6,
    }


async def serve(name: str, base: str) -> None:
    """Answer the lines of the input until it ends."""
    async with CONTENDERS[name][0](base) as calls:
        while line := sys.stdin.readline():
            operation, in_flight, count = line.split()
            await measure(calls[operation], int(in_flight), 2 * int(in_flight))  # opens the connections
            print(json.dumps(await measure(calls[operation], int(in_flight), int(count))), flush=True)


if __name__ == "__main__":
    name, base, *loops = sys.argv[1:]
    if loops:
        import uvloop

        uvloop.run(serve(name, base))
    else:
        asyncio.run(serve(name, base))
