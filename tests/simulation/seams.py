"""The seams: what simloom cannot reach is replaced here.

That is the listening socket of the sandbox, the look at a socket's unread bytes, the disk, and the clocks, whose
functions are bound when the package is imported.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import socket
import sqlite3
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import anyio
import anyio.to_thread
from aiohttp import web

import checkout_async.client
from checkout_async.batch.backlog import PendingCalls
from checkout_async.batch.breaker import CircuitBreaker
from checkout_async.clock import Clock
from checkout_async.sandbox import Sandbox
from checkout_async.transport.guards import GuardedHandler
from tests.simulation.clocks import Clocks
from tests.simulation.disk import Disk
from tests.simulation.token_files import TokenFiles


class SimulatedSandbox(Sandbox):
    """The simulator of the API, listening in the simulated network."""

    async def _listen(self, runner: web.AppRunner, listener: Any, ssl_context: Any) -> None:
        host, port = listener.getsockname()
        site: Any = web.TCPSite(runner, host, port, ssl_context=ssl_context)
        self._site = site
        await site.start()


class _Address:
    """What the sandbox asks of a listening socket."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address

    def getsockname(self) -> tuple[str, int]:
        return self._address


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
        mock.patch.object(socket, "create_server", _Address),
        mock.patch.object(GuardedHandler, "_has_unread_bytes", _has_unread_bytes),
    ):
        yield
