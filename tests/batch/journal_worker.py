"""Processes that use a journal and are killed: `tests.forking.fork_worker` runs one, which says how far it is."""

from __future__ import annotations

import asyncio
import resource
from multiprocessing.connection import Connection
from pathlib import Path

from checkout_async.batch.journal import Journal
from checkout_async.batch.outcome import BatchResult, Outcome
from checkout_async.errors import JournalError
from tests.batch.support import SID, record

CRYPTOGRAM = "AJkBBkhgQQAAAE4gSEJydQAAAAA="


def outcome(line: int = 1, result: BatchResult = BatchResult.AUTHENTICATED) -> Outcome:
    return Outcome(line=line, reference=f"ref-{line}", result=result, session_id=SID, cryptogram=CRYPTOGRAM)


def goes_on_and_on(parent: Connection, path: str) -> None:
    asyncio.run(_goes_on_and_on(parent, Path(path)))


async def _goes_on_and_on(parent: Connection, path: Path) -> None:
    async with Journal(path) as journal:

        async def each(lines: range) -> None:
            for line in lines:
                claim = await journal.claim(record(line))
                parent.send(f"claimed {line}")
                journal.record_session(claim, f"sid_{line:026d}")
                await journal.settle(claim, outcome(line, BatchResult.DECLINED))
                parent.send(f"settled {line}")

        await asyncio.gather(*(each(range(first, 1_000_000, 8)) for first in range(1, 9)))


def notes_a_session(parent: Connection, path: str) -> None:
    asyncio.run(_notes_a_session(parent, Path(path)))


async def _notes_a_session(parent: Connection, path: Path) -> None:
    async with Journal(path) as journal:
        claim = await journal.claim(record(1))
        journal.record_session(claim, SID)
        await journal.claim(record(2))
        parent.send("written")
        await asyncio.sleep(3600)


def stays_open(parent: Connection, path: str) -> None:
    asyncio.run(_stays_open(parent, Path(path)))


async def _stays_open(parent: Connection, path: Path) -> None:
    async with Journal(path):
        parent.send("open")
        await asyncio.sleep(3600)


def runs_out_of_room(parent: Connection, path: str) -> None:
    asyncio.run(_runs_out_of_room(parent, Path(path)))


async def _runs_out_of_room(parent: Connection, path: Path) -> None:
    line = 0
    try:
        async with Journal(path) as journal:
            resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
            while True:
                line += 1
                await journal.settle(await journal.claim(record(line)), outcome(line))
    except JournalError as error:
        parent.send(f"{line} {error}")
