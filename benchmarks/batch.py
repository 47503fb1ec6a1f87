"""What the batch costs over the bare operation in a loop, and whether its memory grows with the file.

    python benchmarks/batch.py                     throughput, as ratios within one run
    python benchmarks/batch.py memory 10000 1000000    peak memory for each number of records, each in a fresh process

All go to a loopback server in a process of its own that answers each request with the same approved session.
"""

from __future__ import annotations

import asyncio
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import msgspec
from canned import CANNED, canned_server

from checkout_async import CheckoutClient, Limits, SecretKey
from checkout_async.batch import BatchOptions, BatchResult, Journal, run

CONCURRENCY, RECORDS, ROUNDS = 64, 6000, 5
REPLY = "get_session.approved.response.200.json"
SHOWN = msgspec.json.decode((CANNED / REPLY).read_bytes())
REQUEST = {
    **msgspec.json.decode((CANNED / "request_session.merchant_initiated.request.json").read_bytes()),
    # What a reply repeats of its request is compared.
    "amount": SHOWN["amount"],
    "currency": SHOWN["currency"],
}


def requests(count: int) -> Iterator[dict[str, object]]:
    """Yield session requests, each with a reference of its own."""
    for number in range(count):
        yield {**REQUEST, "reference": f"run-{number}"}


def client(base: str) -> CheckoutClient:
    """Make a client without rates: the machine is the limit."""
    limits = Limits(concurrency=CONCURRENCY, read_rate=None, write_rate=None)
    return CheckoutClient(SecretKey("sk_sbox_" + "a" * 27), base_url=base, limits=limits)


async def bare(checkout: CheckoutClient, count: int) -> None:
    """Call the operation in a loop in as many tasks as the batch has."""
    left = requests(count)

    async def work() -> None:
        for request in left:
            session = await checkout.sessions.request_session(request)
            assert session.status == "approved"

    await asyncio.gather(*(work() for _ in range(CONCURRENCY)))


async def batch(checkout: CheckoutClient, count: int, journal: Journal | None = None) -> None:
    """Authenticate as many records, with or without a journal."""
    async for outcome in run(checkout, requests(count), options=BatchOptions(concurrency=CONCURRENCY), journal=journal):
        assert outcome.result is BatchResult.AUTHENTICATED


async def per_second(run: Callable[[], Awaitable[None]]) -> float:
    """Return records per second."""
    started = time.perf_counter()
    await run()
    return RECORDS / (time.perf_counter() - started)


async def compare(base: str, folder: Path) -> None:
    """Run the three in turn and print the ratios of each round."""
    without: list[float] = []
    journaled: list[float] = []
    async with client(base) as checkout:
        await bare(checkout, 500)
        for number in range(ROUNDS):
            loop = await per_second(lambda: bare(checkout, RECORDS))
            plain = await per_second(lambda: batch(checkout, RECORDS))
            async with Journal(folder / f"{number}.journal") as journal:
                kept = await per_second(lambda journal=journal: batch(checkout, RECORDS, journal))
            without.append(plain / loop)
            journaled.append(kept / loop)
            print(
                f"round {number + 1}: loop {loop:5.0f}/s   batch {plain:5.0f}/s ({without[-1]:.2f})   "
                f"batch with journal {kept:5.0f}/s ({journaled[-1]:.2f})"
            )
    print(f"median ratio batch / loop: {statistics.median(without):.2f}")
    print(f"median ratio batch with journal / loop: {statistics.median(journaled):.2f}")


async def fill(base: str, folder: Path, count: int) -> None:
    """Run one batch with a journal and print this process's peak memory."""
    async with client(base) as checkout, Journal(folder / "memory.journal") as journal:
        started = time.perf_counter()
        await batch(checkout, count, journal)
        seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{count:>9,} records: peak memory {peak:6.1f} MiB   ({count / seconds:,.0f}/s)", flush=True)


def main(arguments: list[str]) -> None:
    """Measure what the arguments say."""
    with tempfile.TemporaryDirectory(prefix="checkout-async-bench-") as folder:
        if arguments[:1] == ["fill"]:
            asyncio.run(fill(arguments[1], Path(folder), int(arguments[2])))
            return
        with canned_server(REPLY, status=201) as base:
            if arguments[:1] != ["memory"]:
                asyncio.run(compare(base, Path(folder)))
            for count in arguments[1:]:
                subprocess.run([sys.executable, __file__, "fill", base, count], check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
