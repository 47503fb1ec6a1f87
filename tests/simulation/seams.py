"""The seams: what simloom cannot reach is replaced here.

That is how the sandbox listens, the look at a socket's unread bytes, the disk, and the clocks, whose functions are
bound when the package is imported.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn
from unittest import mock

import anyio
import anyio.to_thread
import simloom
from aiohttp import web

import checkout_async.client
from checkout_async.batch.backlog import PendingCalls
from checkout_async.batch.breaker import CircuitBreaker
from checkout_async.clock import Clock
from checkout_async.sandbox import Sandbox
from checkout_async.sandbox.http.app import SandboxApp
from checkout_async.transport.guards import GuardedHandler
from tests.simulation.clocks import Clocks
from tests.simulation.disk import Disk
from tests.simulation.http1 import ADDRESS
from tests.simulation.token_files import TokenFiles


class SimulatedSandbox(Sandbox):
    """The simulator of the API in the simulated network.

    What it stores is its database, which outlives the hosts that serve it. A request changes it at one moment, with
    work before and after: a host that dies meanwhile has done all of it or nothing, and sends no reply.
    """

    def __init__(self, port: int) -> None:
        super().__init__(port=port)
        self._simulation.base_url = f"http://{ADDRESS}:{port}"
        # One for all hosts and starts, because the idempotency keys are in it.
        self._application: Any = SandboxApp(
            self._simulation, self._sessions, self._payments, self.faults, self._log, self._hosts
        ).build()
        self._application.pre_freeze()

    async def serve(self, port: int, stop: asyncio.Event, received: Callable[[], None]) -> None:
        """Serve on the running host until `stop` is set, or the host dies. Call `received` for each request."""

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            received()
            await _work()
            response: web.StreamResponse = await self._application._handle(request)
            await _work()
            return response

        server = web.Server(handle, request_factory=self._application._make_request)
        runner = web.ServerRunner(server, shutdown_timeout=1.0)
        await runner.setup()
        await web.TCPSite(runner, ADDRESS, port).start()
        await stop.wait()
        await runner.cleanup()


async def _work() -> None:
    await asyncio.sleep(simloom.draw("api.work", 10) / 1000)


def _has_unread_bytes(_handler: GuardedHandler, transport: Any) -> bool:
    return bool(transport._inbox)


@contextmanager
def folder() -> Generator[Path]:
    """Make a folder whose name does not depend on chance, since the seed decides over chance here."""
    path = Path(tempfile.gettempdir()) / f"simulation-{os.getpid()}"
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(mode=0o700)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


_REAL_CLOCK = time.monotonic


@contextmanager
def _on_simulated_time(function: Any, now: Callable[[], float]) -> Generator[None]:
    """Replace the real clock among the defaults of a function, which are bound when its module is imported."""
    before: tuple[Any, ...] = function.__defaults__
    function.__defaults__ = tuple(now if each is _REAL_CLOCK else each for each in before)
    try:
        yield
    finally:
        function.__defaults__ = before


async def _run_no_thread(*_: object, **__: object) -> NoReturn:
    """Take the place of anyio's `run_sync` between two universes.

    The simulation revives the tasks of dead processes at its very end, when nothing of `installed` is left. A real
    thread that one of them started would report to a loop that is closed, or to that of the next universe.
    """
    raise asyncio.CancelledError


anyio.to_thread.run_sync = _run_no_thread


@contextmanager
def installed(disk: Disk, clocks: Clocks, token_files: TokenFiles) -> Generator[None]:
    """Replace what simloom cannot reach."""
    loop = asyncio.get_running_loop()
    clock = Clock(
        monotonic=clocks.since_start,
        now=lambda: datetime.fromtimestamp(time.time(), UTC),
        sleep=anyio.sleep,
        draw=random.random,
    )
    with (
        clocks.installed(),
        _on_simulated_time(CircuitBreaker.__init__, clocks.since_start),
        _on_simulated_time(PendingCalls.__init__, clocks.since_start),
        mock.patch.object(checkout_async.client, "Clock", lambda: clock),
        mock.patch.object(loop, "run_in_executor", disk.run_in_executor),
        mock.patch.object(anyio.to_thread, "run_sync", token_files.run_sync),
        mock.patch.object(sqlite3, "connect", disk.connect),
        mock.patch.object(os, "fsync", disk.fsync),
        mock.patch.object(GuardedHandler, "_has_unread_bytes", _has_unread_bytes),
    ):
        yield
