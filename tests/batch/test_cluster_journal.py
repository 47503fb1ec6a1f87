"""A partition's journal that does not know all that was sent: nothing is sent, and a person puts the journal back.

The sandbox is the witness.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from checkout_async.batch import FAKE_BROWSER_DATA, BatchOptions
from checkout_async.batch.cluster import (
    Partition,
    PartitionResult,
    PartitionSettings,
    RunPaths,
    gather_partitions,
    plan_partitions,
    run_partition,
)
from checkout_async.batch.cluster.partition import stop_file
from checkout_async.batch.journal import Journal
from checkout_async.batch.journal.merge import merge_journals, outcomes_in
from checkout_async.batch.outcome import BatchResult, Outcome
from checkout_async.errors import RunIncomplete
from checkout_async.sandbox import Sandbox
from tests.batch.damage import delete_rows, empty, lose
from tests.batch.support import HeldReplies, bad_line, record, request
from tests.commands import results_in, text_of, until, write_lines

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("worker_environment")]

SETTINGS = PartitionSettings(
    options=BatchOptions(concurrency=1, channel_data=FAKE_BROWSER_DATA), rate=None, lock_timeout=0
)
LINES = 40


@pytest.fixture
def paths(tmp_path: Path) -> RunPaths:
    lines = [request(reference=f"ref-{number}") for number in range(1, LINES + 1)]
    return RunPaths.of(write_lines(tmp_path / "in.jsonl", lines), tmp_path / "out.jsonl")


async def run(partition: Partition) -> PartitionResult:
    return await asyncio.to_thread(run_partition, partition, SETTINGS)


async def planned(paths: RunPaths, count: int = 1) -> tuple[Partition, ...]:
    return await asyncio.to_thread(plan_partitions, paths, count, resume=True)


async def begun(paths: RunPaths, monkeypatch: pytest.MonkeyPatch) -> tuple[Partition, bytes]:
    """A partition that was stopped on its way and continued a little, and its journal as it was between."""
    monkeypatch.setattr("checkout_async.batch.cluster.worker.POLL_INTERVAL", 0)
    [part] = await planned(paths)
    copies: list[bytes] = []
    before = 0

    def stop_after_another(done: int) -> None:
        if done > before:
            stop_file(paths.folder).touch()

    for _ in range(2):
        end = await asyncio.to_thread(run_partition, part, SETTINGS, stop_after_another)
        assert not end.finished
        stop_file(paths.folder).unlink()
        before = end.done
        copies.append(part.journal.read_bytes())
    return part, copies[0]


def created(sandbox: Sandbox) -> Counter[str | None]:
    return Counter(sandbox.sessions[each].reference for each in sandbox.sessions)


def once_each() -> Counter[str | None]:
    return Counter(f"ref-{number}" for number in range(1, LINES + 1))


@pytest.mark.parametrize("damage", [empty, delete_rows, lose])
async def test_a_journal_that_was_emptied_or_lost_sends_nothing(
    paths: RunPaths, damage: Callable[[Path], None], sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    part, _ = await begun(paths, monkeypatch)
    before, whole = created(sandbox), part.journal.read_bytes()
    assert 0 < sum(before.values()) < LINES
    damage(part.journal)
    for _ in range(2):
        end = await run(part)
        assert end.error is not None
        assert (end.done, end.finished, end.error.kind) == (0, False, "BatchFileError")
        assert "An older copy does not know what was sent after it was made" in end.error.message
    assert created(sandbox) == before
    part.journal.write_bytes(whole)
    assert (await run(part)).finished
    assert created(sandbox) == once_each()


async def test_an_older_copy_sends_nothing(paths: RunPaths, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    part, copy = await begun(paths, monkeypatch)
    before, whole = created(sandbox), part.journal.read_bytes()
    part.journal.write_bytes(copy)
    for _ in range(2):
        end = await run(part)
        assert end.error is not None
        assert "is an older copy, or is not the journal of this partition. Nothing was sent" in end.error.message
    assert created(sandbox) == before
    part.journal.write_bytes(whole)
    assert (await run(part)).finished
    assert created(sandbox) == once_each()


async def test_the_journal_of_another_partition_sends_nothing(paths: RunPaths, sandbox: Sandbox) -> None:
    first, second = await planned(paths, 2)
    for part in (first, second):
        assert (await run(part)).finished
    kept = second.journal.read_bytes()
    shutil.copy(first.journal, second.journal)
    second.done.unlink()
    end = await run(second)
    assert end.error is not None
    assert "is not the journal of this partition. Nothing was sent" in end.error.message
    assert created(sandbox) == once_each()
    second.journal.write_bytes(kept)
    assert (await run(second)).finished
    assert created(sandbox) == once_each()


async def test_an_older_copy_of_a_finished_partition_is_refused_too(
    paths: RunPaths, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    part, copy = await begun(paths, monkeypatch)
    assert (await run(part)).finished
    part.journal.write_bytes(copy)
    end = await run(part)
    assert not end.finished
    assert end.error is not None
    assert created(sandbox) == once_each()


@pytest.mark.parametrize("damage", [empty, delete_rows])
async def test_outcomes_that_a_finished_journal_lost_are_missed_when_they_are_gathered(
    paths: RunPaths, damage: Callable[[Path], None], sandbox: Sandbox
) -> None:
    parts = await planned(paths, 2)
    for part in parts:
        assert (await run(part)).finished
    whole = parts[1].journal.read_bytes()
    damage(parts[1].journal)
    for _ in range(2):
        with pytest.raises(RunIncomplete, match=r"part-00001\.journal has 0 outcomes for \d+ records"):
            await asyncio.to_thread(gather_partitions, paths, parts)
    assert not paths.output.exists()
    parts[1].journal.write_bytes(whole)
    await asyncio.to_thread(gather_partitions, paths, parts)
    assert len(results_in(text_of(paths.output))) == LINES
    assert created(sandbox) == once_each()


async def test_two_journals_of_one_partition_are_noticed_when_they_are_gathered(paths: RunPaths) -> None:
    parts = await planned(paths, 2)
    ends = [await run(part) for part in parts]
    more, fewer = sorted(parts, key=lambda part: -ends[part.number].done)
    whole = fewer.journal.read_bytes()
    shutil.copy(more.journal, fewer.journal)
    with pytest.raises(RunIncomplete, match=rf"out\.jsonl\.journal has \d+ outcomes for {LINES} records"):
        await asyncio.to_thread(gather_partitions, paths, parts)
    fewer.journal.write_bytes(whole)
    await asyncio.to_thread(gather_partitions, paths, parts)
    assert sorted(results_in(text_of(paths.output))) == list(range(1, LINES + 1))


@pytest.mark.parametrize("has_wal", [True, False])
async def test_the_log_of_a_killed_worker(paths: RunPaths, tmp_path: Path, has_wal: bool, sandbox: Sandbox) -> None:
    """The files are copied while the worker runs: as if it had been killed at that moment."""
    replies = HeldReplies()
    sandbox.faults.add("request_session", replies, times=1)
    [part] = await planned(paths)
    copied = tmp_path / "copied"
    running = asyncio.create_task(run(part))
    await until(lambda: replies.held == 1)
    # By another process: a reader within this one would end the journal's locks.
    subprocess.run(["cp", "-r", paths.folder, copied], check=True)  # noqa: ASYNC221
    again = replace(part, folder=str(copied))
    if not has_wal:
        Path(f"{again.journal}-wal").unlink()
    before = created(sandbox)
    end = await run(again)
    if has_wal:
        assert end.finished
        assert created(sandbox) == once_each()
    else:
        assert end.error is not None
        assert f"has lost the file {again.journal}-wal" in end.error.message
        assert created(sandbox) == before
    stop_file(paths.folder).touch()
    replies.released.set()
    await running


async def test_a_mark_is_never_above_what_the_journal_has_on_disk(
    paths: RunPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mark that is too high would refuse the journal of every killed worker."""
    part, _ = await begun(paths, monkeypatch)
    with closing(sqlite3.connect(part.journal)) as database:
        [(journal_id, last)] = database.execute("SELECT id, (SELECT max(entry) FROM record) FROM journal").fetchall()
    assert part.mark.read_text() == f"{journal_id}-{last}"


async def test_a_line_that_became_a_record_has_one_outcome_after_the_merge(tmp_path: Path) -> None:
    part, target = tmp_path / "part.journal", tmp_path / "all.journal"
    async with Journal(part) as journal:
        await journal.settle(None, Outcome.invalid_record(bad_line(1)))
    async with Journal(part) as journal:
        claim = await journal.claim(record(1))
        await journal.settle(claim, Outcome(line=1, result=BatchResult.DECLINED))
    assert outcomes_in(part) == 1
    merge_journals(target, [part])
    rows: list[Outcome] = []
    async with Journal(target) as journal:
        await journal.export(rows.append)
    assert [(row.line, row.result) for row in rows] == [(1, BatchResult.DECLINED)]
