"""Real processes that share a store: one token request for all, and a killed holder of the lock blocks no other."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process

import pytest

from checkout_async.sandbox import Sandbox
from tests.auth.worker import store_at

pytestmark = pytest.mark.slow


async def started(*arguments: str) -> Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.auth.worker", *arguments, stdin=PIPE, stdout=PIPE
    )
    await heard(process, "ready")
    return process


async def heard(process: Process, line: str) -> None:
    assert process.stdout is not None
    assert (await process.stdout.readline()).decode().strip() == line


def go(process: Process) -> None:
    assert process.stdin is not None
    process.stdin.write(b"go\n")


async def test_ten_processes_that_start_at_once_make_one_token_request(place: str) -> None:
    async with Sandbox() as sandbox:
        workers = await asyncio.gather(*(started(place, "call", sandbox.base_url) for _ in range(10)))
        for worker in workers:
            go(worker)
        ends = await asyncio.gather(*(worker.communicate() for worker in workers))
        assert [out.strip() for out, _ in ends] == [b"done"] * 10
        assert sandbox.count("request_access_token") == 1
        assert sandbox.count("list_payments") == 10


async def test_a_process_killed_while_it_holds_the_lock_does_not_block_the_others(place: str) -> None:
    holder = await started(place, "hold", "key")
    go(holder)
    await heard(holder, "held")
    holder.kill()
    await holder.communicate()
    async with store_at(place) as store, store.lock("key") as held:
        assert held
