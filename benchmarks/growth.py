"""Whether the client costs more the longer it runs and the more calls it has: time, memory, tokens, sockets, rates.

    python benchmarks/growth.py                 all parts, about three minutes
    python benchmarks/growth.py calls 1000000   one part, with another size than usual
    python benchmarks/growth.py soak 300        seconds

The server is a process of its own on loopback. That of the soak breaks one call in ten in some way.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import socket
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar

from canned import REPLIES, Canned, canned_replies, written_replies
from contenders import by_hand
from worker import measure

from checkout_async import CheckoutClient, Limits, OAuthCredentials, RetryPolicy
from checkout_async.clock import Clock
from checkout_async.errors import CheckoutError
from checkout_async.limits.limiter import Throttle

PAYMENT_ID = "pay_mbabizu24mvu3mela5njyhpit4"
PARTS: dict[str, tuple[int, Callable[[int], Awaitable[None]]]] = {}


def part(size: int) -> Callable[[Callable[[int], Awaitable[None]]], Callable[[int], Awaitable[None]]]:
    """Make a function a part of this script that can be run alone; it gets a size."""

    def add(function: Callable[[int], Awaitable[None]]) -> Callable[[int], Awaitable[None]]:
        PARTS[function.__name__] = size, function
        return function

    return add


def client(base: str, in_flight: int, attempts: int = 1) -> CheckoutClient:
    """Make a client that has as many slots as are asked for, and no rates."""
    return CheckoutClient(
        OAuthCredentials("ack_bench", "secret", scopes=["gateway"]),
        base_url=base,
        token_url=f"{base}/token",
        limits=Limits(concurrency=in_flight, read_rate=None, write_rate=None),
        retry=RetryPolicy(attempts=attempts),
    )


async def together(checkout: CheckoutClient, calls: int, in_flight: int) -> None:
    """Read a payment as often as asked for, so many times at once."""
    left = iter(range(calls))

    async def work() -> None:
        for _ in left:
            with suppress(CheckoutError):
                await checkout.payments.get_payment(PAYMENT_ID)

    await asyncio.gather(*(work() for _ in range(in_flight)))


@part(200_000)
async def calls(size: int) -> None:
    """Measure the processor time a call, for the first calls of a client and for later ones."""
    step = size // 10
    with canned_replies() as base:
        async with client(base, 64) as checkout:
            await together(checkout, 2000, 64)
            for number in range(10):
                busy = time.process_time()
                await together(checkout, step, 64)
                took = (time.process_time() - busy) / step * 1e6
                print(f"calls {number * step:>9,} to {(number + 1) * step:>9,}: {took:4.0f} us, {memory():5.0f} MiB")


@part(4096)
async def in_flight(size: int) -> None:
    """Measure the memory of a waiting call, and the processor time of one by the number of calls in flight."""
    with faulty_server(silent=True) as base:
        async with client(base, size) as checkout:
            before = memory()
            waiting = asyncio.gather(*(checkout.payments.get_payment(PAYMENT_ID) for _ in range(size)))
            await asyncio.sleep(5)
            print(f"{size} calls that wait for a reply: {(memory() - before) * 1024 / size:.0f} KiB each")
            waiting.cancel()
            with suppress(asyncio.CancelledError):
                await waiting
    many = 1
    with canned_replies() as base:
        while many <= size:
            async with client(base, many) as checkout, by_hand(base) as plain:
                ours = await processor_time(lambda: checkout.payments.get_payment(PAYMENT_ID), many)
                theirs = await processor_time(plain["get_payment"], many)
            print(f"{many:>5} in flight: {ours:4.0f} us a call, by hand {theirs:4.0f} us")
            many *= 4


async def processor_time(call: Callable[[], Awaitable[object]], many: int) -> float:
    """Return the microseconds of processor time of a call, of which so many are in flight."""
    await measure(call, many, 2 * many)  # opens the connections
    return (await measure(call, many, max(4000, 2 * many)))["processor_us"]


@part(10_000)
async def stampede(size: int) -> None:
    """Count the access tokens that are fetched for many calls of a new client."""
    with faulty_server(faults=0) as base:
        async with client(base, 256) as checkout:
            began = time.perf_counter()
            await together(checkout, size, size)
            tokens = await served(base, "/token")
            print(f"{size:,} calls of a new client: {tokens} token request, {time.perf_counter() - began:.1f} s")


@part(60)
async def soak(size: int) -> None:
    """Count what a client holds after many faults: memory, tasks, descriptors."""
    with faulty_server() as base:
        async with client(base, 64, attempts=3) as checkout:
            await together(checkout, 20_000, 64)
            begin, number = held(), 0
            until = time.monotonic() + size
            while time.monotonic() < until:
                await together(checkout, 5000, 64)
                number += 5000
            print(f"{number:,} calls in {size} s, one in ten broken: {begin} before, {held()} after")
        await asyncio.sleep(0.1)
        print(f"with the client closed: {held()}")


@part(5000)
async def rates(size: int) -> None:
    """Count the permits of each second at one rate."""
    throttle, seconds, granted = Throttle(size, Clock()), 5.0, Counter[int]()
    began = time.monotonic()

    async def work() -> None:
        while time.monotonic() < began + seconds:
            if not throttle.try_acquire():
                await throttle.acquire()
            granted[int(time.monotonic() - began)] += 1

    await asyncio.gather(*(work() for _ in range(64)))
    # The first second has the burst besides.
    whole = [granted[second] for second in range(1, int(seconds))]
    print(f"a rate of {size} a second: {whole}, {sum(whole) / len(whole) / size:.2%} of it")


def memory() -> float:
    """Return the resident memory of this process in MiB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def held() -> str:
    """Return what this process holds."""
    return (
        f"{memory():.0f} MiB, {len(asyncio.all_tasks())} tasks, {len([*Path('/proc/self/fd').iterdir()])} descriptors"
    )


async def served(base: str, path: str) -> int:
    """Return how many requests for a path the faulty server got."""
    host, port = base.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"COUNT {path} HTTP/1.1\r\n\r\n".encode())
    count = int(await reader.readline())
    writer.close()
    return count


class Faulty(Canned):
    """Breaks some of the exchanges, and counts all."""

    counts: ClassVar[Counter[bytes]] = Counter()
    faults = 0.1
    silent = False

    def answer(self, request: bytes) -> None:
        """Answer as it should be, or break the exchange."""
        method, path = request.split(b" ", 2)[:2]
        if method == b"COUNT":
            self.transport.write(b"%d\n" % self.counts[path])
            return
        self.counts[path] += 1
        if self.silent and path != b"/token":
            return
        if path == b"/token" or random.random() >= self.faults:  # noqa: S311 - no secret
            super().answer(request)
            return
        match random.randrange(5):  # noqa: S311
            case 0:
                self.transport.close()
            case 1:
                self.transport.abort()
            case 2:
                self.transport.write(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
            case 3:
                self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
                self.transport.close()
            case _:
                self.transport.write(b"HTTP/1.1 502 Bad\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>")


def _serve(port: int, faults: float, silent: bool) -> None:
    Faulty.faults, Faulty.silent = faults, silent

    async def run() -> None:
        loop, replies = asyncio.get_running_loop(), written_replies(REPLIES)
        await loop.create_server(lambda: Faulty(replies), "127.0.0.1", port, backlog=4096)
        await asyncio.Event().wait()

    asyncio.run(run())


@contextmanager
def faulty_server(faults: float = 0.1, *, silent: bool = False) -> Generator[str]:
    """Run the faulty server in a process of its own; gives its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = multiprocessing.Process(target=_serve, args=(port, faults, silent), daemon=True)
    server.start()
    time.sleep(1)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.join()


def main(arguments: list[str]) -> None:
    """Run the parts that the arguments name, or all."""
    sizes = {arguments[0]: int(arguments[1])} if len(arguments) > 1 else {}
    for name in arguments[:1] or PARTS:
        usual, function = PARTS[name]
        print(f"{name}: {function.__doc__}")
        asyncio.run(function(sizes.get(name, usual)))


if __name__ == "__main__":
    main(sys.argv[1:])
