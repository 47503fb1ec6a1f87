"""Real processes that share a store: one token request for all, and a killed holder of the lock blocks no other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import NamedTuple

import pytest

from checkout_async.sandbox import Sandbox
from tests.auth.worker import call, hold, store_at
from tests.forking import ended, fork_worker, heard

pytestmark = pytest.mark.slow


class Worker(NamedTuple):
    """A process and the connection to it."""

    process: BaseProcess
    connection: Connection

    async def said(self) -> str:
        """Wait for its next word."""
        return await heard(self.connection)

    def go(self) -> None:
        self.connection.send("go")

    async def ended(self) -> int:
        self.connection.close()
        return await ended(self.process)


async def started(work: Callable[..., None], *arguments: str) -> Worker:
    worker = Worker(*fork_worker(work, *arguments))
    assert await worker.said() == "ready"
    return worker


async def test_ten_processes_that_start_at_once_make_one_token_request(place: str) -> None:
    async with Sandbox() as sandbox:
        workers = await asyncio.gather(*(started(call, place, sandbox.base_url) for _ in range(10)))
        for worker in workers:
            worker.go()
        assert await asyncio.gather(*(worker.said() for worker in workers)) == ["done"] * 10
        assert await asyncio.gather(*(worker.ended() for worker in workers)) == [0] * 10
        assert sandbox.count("request_access_token") == 1
        assert sandbox.count("list_payments") == 10


async def test_a_process_killed_while_it_holds_the_lock_does_not_block_the_others(place: str) -> None:
    holder = await started(hold, place, "key")
    holder.go()
    assert await holder.said() == "held"
    holder.process.kill()
    await holder.ended()
    async with store_at(place) as store, store.lock("key") as held:
        assert held
