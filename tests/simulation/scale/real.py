"""The same measures with real processes: N clients, a real redis-server, and the model of the API behind a socket.

python -m tests.simulation.scale.real [--workers 2 8 32] [--limit 200] [--seconds 20]

It needs redis-server (`scripts/install_redis`). In the last run, Redis is killed, and starts again without its data.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any
from uuid import uuid4

from aiohttp import web
from redis.exceptions import RedisError

from checkout_async import CheckoutClient, Limits, OAuthCredentials
from checkout_async.auth import RedisTokenStore
from checkout_async.limits import RedisRateLimiter
from tests.simulation.scale.__main__ import HEAD, row
from tests.simulation.scale.api import Api
from tests.simulation.scale.measures import Figures, Measures
from tests.simulation.scale.scenario import Scenario, call_api, keep_busy
from tests.simulation.scale.scenarios import HEADROOM

_redis: Any = import_module("redis.asyncio")  # not wholly typed, hence Any

_WITHIN_SCRIPTS = frozenset({"time", "hmget", "hset", "pexpire"})
_OF_THE_MEASUREMENT = frozenset({"info", "config|resetstat"})
_OUTAGE = 2.0
"""Seconds for which Redis is away."""


async def work(number: int, port: int, redis_port: int, scenario: Scenario) -> None:
    """Make calls until the time is over, and print what was measured. Begins when a line is read."""
    url = f"redis://127.0.0.1:{redis_port}/0"
    async with (
        RedisTokenStore(url) as store,
        RedisRateLimiter(url, "account", processes=scenario.processes) as limiter,
        CheckoutClient(
            OAuthCredentials("ack_simulated", "secret", scopes=[], store=store),
            base_url=f"http://127.0.0.1:{port}",
            token_url=f"http://127.0.0.1:{port}/connect/token",
            limits=Limits(concurrency=1000, write_rate=scenario.rate),
            rate_limiter=limiter,
        ) as client,
    ):
        print("ready", flush=True)
        began = float(await asyncio.to_thread(sys.stdin.readline))
        measures = Measures(scenario.workers, lambda: time.monotonic() - began)
        try:
            async with asyncio.timeout(scenario.seconds):
                await keep_busy(scenario, lambda: call_api(client, number, measures))
        except TimeoutError:
            pass
    print(json.dumps({"calls": measures.calls, "failures": measures.failures}))


async def measure(scenario: Scenario, *, kills_redis: bool = False) -> Figures:
    """Run a scenario with real processes."""
    api = Api(scenario.limit, random.Random(1), time.monotonic, scenario.lifetime)
    with tempfile.TemporaryDirectory() as folder:
        async with _serve(api) as port:
            server = RedisServer(folder)
            await server.start()
            workers = [await _start_worker(number, port, server.port, scenario) for number in range(scenario.workers)]
            for worker in workers:
                await _stream(worker.stdout).readline()
            began = time.monotonic()
            api.now = lambda: time.monotonic() - began
            measures = Measures(scenario.workers, api.now)
            watching = asyncio.create_task(server.watch(measures))
            for worker in workers:
                _stream(worker.stdin).write(f"{began}\n".encode())
            if kills_redis:
                await asyncio.sleep(scenario.event_at)
                await server.stop()
                await asyncio.sleep(_OUTAGE)
                await server.start()
            for worker in workers:
                output, _ = await worker.communicate()
                found = json.loads(output)
                measures.calls += [(at, taken, number) for at, taken, number in found["calls"]]
                measures.failures += Counter(found["failures"])
            watching.cancel()
            await server.stop()
    measures.calls.sort()
    return measures.figures(scenario, api)


@dataclass
class RedisServer:
    """A redis-server on a port of its own, without a file."""

    folder: str
    port: int = 0

    async def start(self) -> None:
        """Start it, without data."""
        if not self.port:
            with socket.create_server(("127.0.0.1", 0)) as listener:
                self.port = listener.getsockname()[1]
        arguments = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", self.folder]
        self._process = await asyncio.create_subprocess_exec(
            "redis-server", *arguments, stdout=asyncio.subprocess.DEVNULL
        )
        async with _redis.Redis(port=self.port) as redis:
            while True:
                try:
                    await redis.ping()
                except RedisError:
                    await asyncio.sleep(0.05)
                else:
                    return

    async def stop(self) -> None:
        """Kill it."""
        self._process.kill()
        await self._process.wait()

    async def watch(self, measures: Measures) -> None:
        """Count the commands that clients send, and the processor time of Redis, each second."""
        commands, processor = 0, 0.0
        async with _redis.Redis(port=self.port, decode_responses=True) as redis:
            while True:
                await asyncio.sleep(1 - measures.now() % 1)
                second = round(measures.now()) - 1
                try:
                    statistics: dict[str, Any] = await redis.info("commandstats")
                    cpu: dict[str, Any] = await redis.info("cpu")
                except RedisError:
                    commands, processor = 0, 0.0
                    continue
                names = {name.removeprefix("cmdstat_"): each["calls"] for name, each in statistics.items()}
                count = sum(names[each] for each in names.keys() - _WITHIN_SCRIPTS - _OF_THE_MEASUREMENT)
                used = cpu["used_cpu_user"] + cpu["used_cpu_sys"]
                measures.commands[second] = max(0, count - commands)
                measures.busy += max(0.0, used - processor)
                commands, processor = count, used


@asynccontextmanager
async def _serve(api: Api) -> AsyncGenerator[int]:
    async def handle(request: web.BaseRequest) -> web.Response:
        reply = await api.answer(request.path)
        # The client refuses a reply that it has seen before on the same connection.
        headers = {**reply.headers, "cko-request-id": str(uuid4())}
        return web.Response(status=reply.status, headers=headers, body=bytes(reply.body))

    runner = web.ServerRunner(web.Server(handle, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def _start_worker(number: int, port: int, redis_port: int, scenario: Scenario) -> asyncio.subprocess.Process:
    settings = {name: getattr(scenario, name) for name in ("workers", "limit", "seconds", "headroom", "processes")}
    arguments = [str(number), str(port), str(redis_port), json.dumps(settings)]
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.simulation.scale.real", "--worker", *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 24,
    )


def _stream(stream: Any) -> Any:
    assert stream is not None
    return stream


def main(arguments: list[str]) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.scale.real")
    parser.add_argument("--workers", type=int, nargs="*", default=[2, 8, 32])
    parser.add_argument("--limit", type=float, default=200.0)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--worker", nargs=4, metavar=("NUMBER", "PORT", "REDIS", "SCENARIO"), help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.worker:
        number, port, redis_port, settings = given.worker
        asyncio.run(work(int(number), int(port), int(redis_port), Scenario("", **json.loads(settings))))
        return 0
    if shutil.which("redis-server") is None:
        print("redis-server is missing; scripts/install_redis installs it", file=sys.stderr)
        return 1
    # With other work on the machine, processes wait for the processor, and so do the rates.
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n{HEAD}")
    for workers in given.workers:
        scenario = Scenario("real processes", workers, given.limit, given.seconds, headroom=HEADROOM)
        print(row(asyncio.run(measure(scenario))), flush=True)
    scenario = Scenario(
        "Redis is killed", 8, given.limit, given.seconds + 10, headroom=HEADROOM, processes=8, event_lasts=_OUTAGE
    )
    figures = asyncio.run(measure(scenario, kills_redis=True))
    print(row(figures))
    print("requests in each second:", *figures.arrivals_a_second)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
