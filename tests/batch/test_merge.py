"""Journals of partitions become one, and what is known best of each record stays."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from itertools import combinations
from pathlib import Path

import pytest

from checkout_async.batch.journal import Journal, Step
from checkout_async.batch.journal.fingerprint import key_file_of, load_key, make_key
from checkout_async.batch.journal.merge import merge_journals
from checkout_async.batch.outcome import BatchResult, Outcome
from checkout_async.errors import BatchFileError
from tests.batch.support import SID, record

KEY = bytes(range(32))

LESS_TO_MORE: list[tuple[BatchResult | None, str | None, Step]] = [
    (BatchResult.FAILED, None, Step.SEND),
    (None, None, Step.HOLD),
    (BatchResult.UNKNOWN, SID, Step.READ),
    (BatchResult.DECLINED, None, Step.REPLAY),
]
"""What a journal may know of a record, from the least to the most: result, session, and what is to be done then."""


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "all.journal"


@pytest.fixture
def parts(tmp_path: Path) -> list[Path]:
    return [tmp_path / f"{name}.journal" for name in "ab"]


async def ran(path: Path, lines: range, result: BatchResult | None, session_id: str | None = SID) -> Path:
    """A journal in which these lines came to this."""
    async with Journal(path, key=KEY, durable=False) as journal:
        for line in lines:
            claim = await journal.claim(record(line))
            if session_id is not None:
                journal.record_session(claim, session_id)
            if result is not None:
                await journal.settle(claim, Outcome(line=line, result=result, session_id=session_id))
    return path


async def steps(path: Path, lines: range) -> list[Step]:
    async with Journal(path, key=KEY, durable=False) as journal:
        return [(await journal.claim(record(line))).step for line in lines]


async def test_the_records_of_all_parts_are_in_the_target(target: Path, parts: list[Path]) -> None:
    await ran(parts[0], range(1, 4), BatchResult.DECLINED)
    await ran(parts[1], range(4, 6), None, None)
    merge_journals(target, parts)
    assert await steps(target, range(1, 7)) == [Step.REPLAY] * 3 + [Step.HOLD] * 2 + [Step.SEND]


async def test_the_parts_stay_as_they_are(target: Path, parts: list[Path]) -> None:
    await ran(parts[0], range(1, 4), BatchResult.DECLINED)
    before = parts[0].read_bytes()
    merge_journals(target, parts[:1])
    assert parts[0].read_bytes() == before


async def test_merging_twice_changes_nothing(target: Path, parts: list[Path]) -> None:
    await ran(parts[0], range(1, 4), BatchResult.DECLINED)
    for _ in range(2):
        merge_journals(target, parts[:1])
    async with Journal(target, key=KEY) as journal:
        assert await journal.counts() == {BatchResult.DECLINED: 3}


async def test_a_target_goes_on_with_what_it_had(target: Path, parts: list[Path]) -> None:
    await ran(target, range(1, 3), BatchResult.DECLINED)
    await ran(parts[0], range(3, 5), BatchResult.DECLINED)
    merge_journals(target, parts[:1])
    assert await steps(target, range(1, 6)) == [Step.REPLAY] * 4 + [Step.SEND]


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(("less", "more"), list(combinations(LESS_TO_MORE, 2)))
async def test_of_two_rows_about_a_record_the_one_that_knows_more_stays(
    target: Path,
    parts: list[Path],
    less: tuple[BatchResult | None, str | None, Step],
    more: tuple[BatchResult | None, str | None, Step],
    order: int,
) -> None:
    await ran(parts[0], range(1, 2), *less[:2])
    await ran(parts[1], range(1, 2), *more[:2])
    merge_journals(target, parts[::order])
    async with Journal(target, key=KEY) as journal:
        claim = await journal.claim(record(1))
    assert (claim.step, claim.session_id) == (more[2], more[1])


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("result", [BatchResult.FAILED, BatchResult.INVALID])
async def test_a_row_with_a_session_was_sent_whatever_its_result_says(
    target: Path, parts: list[Path], result: BatchResult, order: int
) -> None:
    await ran(parts[0], range(1, 2), result, SID)
    await ran(parts[1], range(1, 2), None, None)
    merge_journals(target, parts[::order])
    assert await steps(target, range(1, 2)) == [Step.READ]


async def exported(path: Path) -> list[Outcome]:
    rows: list[Outcome] = []
    async with Journal(path, key=KEY, durable=False) as journal:
        await journal.export(rows.append)
    return rows


async def test_the_export_of_the_target_has_the_rows_of_all_parts_in_the_order_of_the_lines(
    target: Path, parts: list[Path]
) -> None:
    for part, lines in zip(parts, ([1, 4], [2, 3]), strict=True):
        for line in lines:
            await ran(part, range(line, line + 1), BatchResult.DECLINED)
    async with Journal(parts[0], key=KEY) as journal:
        await journal.settle(None, Outcome(line=5, result=BatchResult.INVALID))
    merge_journals(target, parts)
    assert [row.line for row in await exported(target)] == [1, 2, 3, 4, 5]


async def test_each_outcome_gets_an_entry_of_the_target(target: Path, parts: list[Path]) -> None:
    await ran(target, range(1, 3), BatchResult.DECLINED)
    before = {row.line: row.entry for row in await exported(target)}
    for part, lines in zip(parts, (range(3, 5), range(5, 7)), strict=True):
        await ran(part, lines, BatchResult.DECLINED)
    for _ in range(2):
        merge_journals(target, parts)
    after = {row.line: str(row.entry) for row in await exported(target)}
    name = after[1].rpartition("-")[0]
    assert after == before | {line: f"{name}-{line}" for line in range(3, 7)}
    async with Journal(target, key=KEY) as journal:
        settled = await journal.settle(None, Outcome(line=9, result=BatchResult.INVALID))
    assert settled.entry == f"{name}-7"


async def test_a_line_that_a_part_has_corrected_has_the_outcome_of_its_record_only(
    target: Path, parts: list[Path]
) -> None:
    async with Journal(parts[0], key=KEY) as journal:
        await journal.settle(None, Outcome(line=1, result=BatchResult.INVALID))
    await ran(parts[0], range(1, 2), BatchResult.DECLINED)
    merge_journals(target, parts[:1])
    assert [row.result for row in await exported(target)] == [BatchResult.DECLINED]


async def test_the_runs_of_a_part_are_no_runs_of_the_target(target: Path, parts: list[Path]) -> None:
    for _ in range(3):
        await ran(parts[0], range(1, 2), BatchResult.FAILED, None)
    merge_journals(target, parts[:1])
    assert await steps(target, range(1, 2)) == [Step.SEND]


async def test_of_rows_that_know_as_much_the_later_stays(target: Path, parts: list[Path]) -> None:
    await ran(parts[0], range(1, 2), None, "sid_1")
    await ran(parts[1], range(1, 2), None, "sid_2")
    _claimed_at(parts[0], 2_000_000_000_000_000)
    merge_journals(target, parts)
    async with Journal(target, key=KEY) as journal:
        assert (await journal.claim(record(1))).session_id == "sid_1"


@pytest.mark.costly
async def test_a_part_that_was_killed_is_taken_as_it_is(target: Path, parts: list[Path]) -> None:
    code = """
import asyncio, os, signal, sys
from tests.batch.test_merge import KEY, Journal, record
async def work():
    async with Journal(sys.argv[1], key=KEY) as journal:
        await journal.claim(record(1))
        os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(work())
"""
    assert _run(code, parts[0]) == -9
    merge_journals(target, parts[:1])
    assert await steps(target, range(1, 3)) == [Step.HOLD, Step.SEND]


async def test_a_part_that_was_stopped_at_its_birth_is_empty(target: Path, parts: list[Path]) -> None:
    await ran(parts[0], range(1, 2), BatchResult.DECLINED)
    parts[1].touch()
    merge_journals(target, parts)
    assert await steps(target, range(1, 3)) == [Step.REPLAY, Step.SEND]


@pytest.mark.parametrize("which", ["target", "part"])
async def test_a_journal_that_has_lost_its_log_is_not_merged(
    target: Path, parts: list[Path], tmp_path: Path, which: str
) -> None:
    await ran(target, range(1, 2), BatchResult.DECLINED)
    await ran(parts[0], range(2, 3), BatchResult.DECLINED)
    lost = {"target": target, "part": parts[0]}[which]
    async with Journal(lost, key=KEY):
        as_after_a_kill = _content(lost)
    lost.write_bytes(as_after_a_kill)
    for _ in range(2):
        with pytest.raises(BatchFileError, match=rf"the journal {lost} has lost the file {lost}-wal"):
            merge_journals(target, parts[:1])


@pytest.mark.costly
async def test_any_number_of_parts_will_do(target: Path, tmp_path: Path) -> None:
    many = [
        await ran(tmp_path / f"{line}.journal", range(line, line + 1), BatchResult.DECLINED) for line in range(1, 26)
    ]
    merge_journals(target, many)
    assert await steps(target, range(1, 26)) == [Step.REPLAY] * 25


async def test_a_key_beside_a_part_goes_with_its_records(target: Path, parts: list[Path]) -> None:
    async with Journal(parts[0]) as journal:
        await journal.claim(record(1))
    merge_journals(target, parts[:1])
    assert load_key(target) == load_key(parts[0])
    assert key_file_of(target).stat().st_mode & 0o777 == 0o600
    async with Journal(target) as journal:
        assert (await journal.claim(record(1))).step is Step.HOLD


async def test_journals_of_different_keys_are_refused(target: Path, parts: list[Path]) -> None:
    await ran(parts[0], range(1, 2), BatchResult.DECLINED)
    async with Journal(parts[1], key=bytes(32)) as journal:
        await journal.claim(record(2))
    with pytest.raises(BatchFileError, match=r"all\.journal and .*b\.journal were made with different keys"):
        merge_journals(target, parts)
    assert await steps(target, range(1, 3)) == [Step.REPLAY, Step.SEND]


async def test_a_new_target_beside_another_key_is_refused(target: Path, parts: list[Path]) -> None:
    await ran(parts[0], range(1, 2), BatchResult.DECLINED)
    make_key(target)
    with pytest.raises(BatchFileError, match=r"the key of the journal .*all\.journal is not that of .*a\.journal"):
        merge_journals(target, parts[:1])


async def test_a_part_that_is_missing_is_an_error_and_is_not_made(target: Path, parts: list[Path]) -> None:
    with pytest.raises(BatchFileError, match=r"there is no journal .*a\.journal"):
        merge_journals(target, parts)
    assert not parts[0].exists()


async def test_a_part_that_is_not_a_journal_is_refused(target: Path, parts: list[Path]) -> None:
    parts[0].write_text("no journal\n" * 100)
    with pytest.raises(BatchFileError, match=r"a\.journal: not a journal file"):
        merge_journals(target, parts[:1])


@pytest.mark.slow
@pytest.mark.parametrize("which", ["target", "part"])
async def test_a_journal_in_use_is_not_merged(target: Path, parts: list[Path], which: str) -> None:
    await ran(target, range(1, 2), BatchResult.DECLINED)
    await ran(parts[0], range(2, 3), BatchResult.DECLINED)
    async with Journal({"target": target, "part": parts[0]}[which], key=KEY):
        with pytest.raises(BatchFileError, match="has it open"):
            merge_journals(target, parts[:1])


def _claimed_at(path: Path, microseconds: int) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE record SET claimed_at = ?", (microseconds,))


def _content(path: Path) -> bytes:
    """What is in a file, read by another process: a reader within this one would end the lock of an open journal."""
    return subprocess.check_output(["cat", path])


def _run(code: str, path: Path) -> int:
    return subprocess.run([sys.executable, "-c", code, path], check=False).returncode
