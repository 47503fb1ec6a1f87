"""One partition anywhere: begun, stopped, continued elsewhere, never run by two at once; and the gathering of all."""

from __future__ import annotations

import asyncio
import errno
import gzip
import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from checkout_async.batch import FAKE_BROWSER_DATA, BatchOptions
from checkout_async.batch.arrow import ParquetWriter
from checkout_async.batch.cluster.gather import finished_report, gather_partitions
from checkout_async.batch.cluster.partition import Partition, PartitionDone, RunPaths, key_base_path, stop_file
from checkout_async.batch.cluster.plan import plan_partitions
from checkout_async.batch.cluster.worker import PartitionResult, PartitionSettings, run_partition
from checkout_async.batch.dask import run_file
from checkout_async.batch.files import cluster_file
from checkout_async.batch.journal import Journal
from checkout_async.batch.journal.fingerprint import key_file_of, load_key
from checkout_async.batch.outcome import ErrorInfo
from checkout_async.batch.report import Report
from checkout_async.batch.report.file import read_report
from checkout_async.errors import BatchFileError, ConfigurationError, MissingExtra, RunIncomplete
from checkout_async.sandbox import Fault, Sandbox
from tests.batch.files import as_csv, flat
from tests.batch.support import CARD, request
from tests.commands import AUTHENTICATE, link, mode_of, results_in, text_of, write_lines
from tests.commands import run as command

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("worker_environment")]

SETTINGS = PartitionSettings(
    options=BatchOptions(concurrency=4, channel_data=FAKE_BROWSER_DATA), rate=None, lock_timeout=0
)
LINES = 12


@pytest.fixture
def quick_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers look for the stop file, report progress and try a journal again without a pause."""
    monkeypatch.setattr("checkout_async.batch.cluster.worker.POLL_INTERVAL", 0)


@pytest.fixture
def paths(tmp_path: Path) -> RunPaths:
    return RunPaths.of(write_lines(tmp_path / "in.jsonl", requests()), tmp_path / "out.jsonl")


def requests() -> list[Any]:
    return [request(reference=f"ref-{number}") for number in range(1, LINES + 1)]


async def run(partition: Partition, settings: PartitionSettings = SETTINGS) -> PartitionResult:
    return await asyncio.to_thread(run_partition, partition, settings)


async def planned(paths: RunPaths, count: int = 3, **options: bool) -> tuple[Partition, ...]:
    return await asyncio.to_thread(plan_partitions, paths, count, **options)


async def gathered(paths: RunPaths, parts: tuple[Partition, ...]) -> Report:
    return await asyncio.to_thread(gather_partitions, paths, parts)


async def complete(paths: RunPaths, count: int = 3, **options: bool) -> Report:
    parts = await planned(paths, count, **options)
    for part in parts:
        assert (await run(part)).finished
    return await gathered(paths, parts)


def created(sandbox: Sandbox) -> Counter[str | None]:
    return Counter(sandbox.sessions[each].reference for each in sandbox.sessions)


def once_each() -> Counter[str | None]:
    return Counter(f"ref-{number}" for number in range(1, LINES + 1))


def rows_of(paths: RunPaths) -> list[tuple[int, str]]:
    """The lines and references of the output, in its order."""
    return [(line, row["reference"]) for line, row in results_in(text_of(paths.output)).items()]


ROWS = [(number, f"ref-{number}") for number in range(1, LINES + 1)]


async def test_the_partitions_together_do_the_work_of_one_run(sandbox: Sandbox, paths: RunPaths) -> None:
    parts = await planned(paths)
    ends = [await run(part) for part in reversed(parts)]
    assert [(end.number, end.finished, end.error) for end in ends] == [(number, True, None) for number in (2, 1, 0)]
    assert sum(end.done for end in ends) == LINES
    assert max(end.done for end in ends) < LINES
    report = await gathered(paths, parts)
    assert rows_of(paths) == ROWS  # in the order of the input
    assert (report.records, report.results, report.replayed) == (LINES, {"authenticated": LINES}, 0)
    assert created(sandbox) == once_each()


@pytest.mark.parametrize("name", ["in.jsonl.gz", "in.csv", "in.csv.gz", "in.parquet"])
async def test_an_input_may_have_any_format(sandbox: Sandbox, tmp_path: Path, name: str) -> None:
    source = tmp_path / name
    columns = [path for path, _ in flat(requests()[0])]
    table = [[value for _, value in flat(each)] for each in requests()]
    if name == "in.parquet":
        types = {path: type(value) for path, value in flat(requests()[0])}
        with source.open("wb") as file, closing(ParquetWriter(file, types)) as writer:
            writer.write([dict(zip(columns, row, strict=True)) for row in table])
    else:
        lines = b"".join(msgspec.json.encode(each) + b"\n" for each in requests())
        text = as_csv(columns, *table) if "csv" in name else lines
        source.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    paths = RunPaths.of(source, tmp_path / "out.jsonl")
    report = await complete(paths)
    assert report.results == {"authenticated": LINES}
    assert Counter(reference for _, reference in rows_of(paths)) == once_each()
    assert created(sandbox) == once_each()


async def test_lines_that_cannot_be_read_have_one_row_each(sandbox: Sandbox, paths: RunPaths) -> None:
    write_lines(paths.input, [request(reference="a"), "{", "[]", "", "{", request(reference="b"), "nonsense"])
    report = await complete(paths)
    results = results_in(text_of(paths.output))
    assert {line: row["result"] for line, row in results.items()} == {
        1: "authenticated",
        2: "invalid",
        3: "invalid",
        5: "invalid",
        6: "authenticated",
        7: "invalid",
    }
    assert report.results == {"authenticated": 2, "invalid": 4}
    assert created(sandbox) == Counter({"a": 1, "b": 1})


async def test_the_first_of_equal_references_is_sent_in_whatever_order_partitions_run(
    sandbox: Sandbox, paths: RunPaths
) -> None:
    lines = [request(reference="a"), request(), request(reference="b"), request(reference="a"), request()]
    write_lines(paths.input, lines)
    parts = await planned(paths, 5)
    for part in reversed(parts):
        assert (await run(part)).finished
    await gathered(paths, parts)
    results = results_in(text_of(paths.output))
    assert {line: row["error"]["message"] for line, row in results.items() if "error" in row} == {
        4: "the same reference as line 1; give each record its own",
        5: "the same request as line 2, without a reference; give each record its own reference",
    }
    assert created(sandbox) == Counter({"a": 1, None: 1, "b": 1})


async def test_a_complete_run_leaves_one_private_output_and_one_journal(paths: RunPaths) -> None:
    await complete(paths)
    key = key_file_of(paths.journal)
    assert {path.name for path in paths.output.parent.iterdir()} == {
        path.name for path in (paths.input, paths.output, paths.journal, key)
    }
    assert {mode_of(path) for path in (paths.output, paths.journal, key)} == {0o600}
    assert CARD.encode() not in paths.journal.read_bytes()
    async with Journal(paths.journal) as journal:
        assert await journal.counts() == {"authenticated": LINES}


async def test_the_files_of_a_run_are_private_and_contain_no_card_number(paths: RunPaths) -> None:
    for part in await planned(paths):
        await run(part)
    assert mode_of(paths.folder) == 0o700
    assert {mode_of(path) for path in paths.folder.iterdir()} == {0o600}
    assert not [path for path in paths.folder.iterdir() if CARD.encode() in path.read_bytes()]


async def test_one_machine_continues_a_run_of_many(sandbox: Sandbox, paths: RunPaths, env: dict[str, str]) -> None:
    lines = requests()
    write_lines(paths.input, [*lines[:6], request(reference="ref-7", amount=-1), *lines[7:]])
    assert (await complete(paths)).unfinished == 1
    write_lines(paths.input, lines)
    finished = await command(*AUTHENTICATE, paths.input, "-o", paths.output, "--resume", env=env)
    assert finished.code == 0, finished.err
    assert {row["result"] for row in results_in(text_of(paths.output)).values()} == {"authenticated"}
    assert created(sandbox) == once_each()


async def test_a_finished_partition_is_not_run_again(sandbox: Sandbox, paths: RunPaths) -> None:
    part, *_ = await planned(paths)
    first = await run(part)
    assert await run(part) == first
    assert sum(created(sandbox).values()) == first.done


async def test_a_partition_whose_done_file_is_damaged_is_checked_again(sandbox: Sandbox, paths: RunPaths) -> None:
    parts = await planned(paths)
    ends = [await run(part) for part in parts]
    parts[1].done.write_bytes(b"{")
    with pytest.raises(RunIncomplete, match="1 of 3 partitions are not finished: 1; resume to continue"):
        await gathered(paths, parts)
    assert await run(parts[1]) == ends[1]
    await gathered(paths, parts)
    assert rows_of(paths) == ROWS
    assert created(sandbox) == once_each()


@pytest.mark.usefixtures("quick_poll")
async def test_a_stopped_partition_is_continued(sandbox: Sandbox, paths: RunPaths) -> None:
    [part] = await planned(paths, 1)
    one_at_a_time = replace(SETTINGS, options=replace(SETTINGS.options, concurrency=1))
    end = await asyncio.to_thread(run_partition, part, one_at_a_time, lambda _: stop_file(paths.folder).touch())
    assert (end.finished, end.error) == (False, None)
    assert sum(created(sandbox).values()) == end.done < LINES
    # As `plan_partitions` with `resume` does.
    stop_file(paths.folder).unlink()
    assert await run(part) == PartitionResult(number=0, done=LINES, finished=True)
    assert created(sandbox) == once_each()


async def test_resuming_removes_the_stop_file(paths: RunPaths) -> None:
    parts = await planned(paths)
    stop_file(paths.folder).touch()
    assert await planned(paths, resume=True) == parts
    assert (await run(parts[0])).finished


async def test_a_partition_does_not_begin_once_the_run_is_to_stop(sandbox: Sandbox, paths: RunPaths) -> None:
    part, *_ = await planned(paths)
    stop_file(paths.folder).touch()
    assert await run(part) == PartitionResult(number=0, done=0, finished=False)
    assert sum(created(sandbox).values()) == 0


async def test_a_record_in_doubt_is_not_sent_by_the_next_worker(sandbox: Sandbox, paths: RunPaths) -> None:
    sandbox.faults.add("request_session", Fault.LOST_REPLY, at=1, times=1)
    [part] = await planned(paths, 1)
    await run(part)
    part.done.unlink()  # as if the worker had been killed before it could write it
    assert (await run(part)).finished
    report = await gathered(paths, (part,))
    assert report.results == {"authenticated": LINES - 1, "unknown": 1}
    assert created(sandbox) == once_each()


async def test_a_journal_that_another_worker_has_is_left_alone(sandbox: Sandbox, paths: RunPaths) -> None:
    part, *_ = await planned(paths)
    async with Journal(part.journal, key=load_key(key_base_path(paths.folder))):
        end = await run(part)
    assert not end.finished
    assert end.error is not None
    assert end.error.kind == "JournalInUse"
    assert "another process has it open" in end.error.message
    assert sum(created(sandbox).values()) == 0


@pytest.mark.usefixtures("quick_poll")
async def test_a_worker_waits_for_the_journal_of_another_one(sandbox: Sandbox, paths: RunPaths) -> None:
    part, *_ = await planned(paths)
    async with Journal(part.journal, key=load_key(key_base_path(paths.folder))):
        waiting = asyncio.create_task(run(part, replace(SETTINGS, lock_timeout=60)))
        await asyncio.sleep(0.1)
        assert not waiting.done()
    end = await waiting
    assert end.finished
    assert sum(created(sandbox).values()) == end.done


async def test_refused_credentials_are_the_error_of_a_partition_and_not_an_exception(
    paths: RunPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHECKOUT_CLIENT_SECRET", "wrong_secret")
    part, *_ = await planned(paths)
    end = await run(part)
    assert not end.finished
    assert end.error is not None
    assert end.error.kind == "AuthenticationFailed"
    assert "wrong_secret" not in end.error.message


async def test_missing_credentials_are_named(paths: RunPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHECKOUT_CLIENT_ID")
    part, *_ = await planned(paths)
    assert (await run(part)).error == ErrorInfo(
        kind="ConfigurationError", message="CHECKOUT_CLIENT_ID is not set; set it, or CHECKOUT_SECRET_KEY"
    )


@pytest.mark.services
@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        (":", ":wrong_", "AuthenticationError"),
        ("/0", "/0?no_such_option=1", "TypeError"),
        ("/0", "/99", "ResponseError"),
    ],
)
async def test_a_redis_that_can_never_be_used_ends_the_partition(
    sandbox: Sandbox, paths: RunPaths, redis_url: str, monkeypatch: pytest.MonkeyPatch, old: str, new: str, kind: str
) -> None:
    scheme, rest = redis_url.split("://")
    monkeypatch.setenv("CHECKOUT_REDIS_URL", f"{scheme}://{rest.replace(old, new, 1)}")
    part, *_ = await planned(paths)
    assert (await run(part)).error == ErrorInfo(
        kind="ConfigurationError",
        message=f"Redis rejected the credentials or options in the URL ({kind}); correct the URL",
    )
    assert created(sandbox) == Counter()


@pytest.mark.services
async def test_partitions_run_while_redis_is_unreachable(paths: RunPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHECKOUT_REDIS_URL", "redis://127.0.0.1:9/0")
    part, *_ = await planned(paths)
    assert (await run(part)).finished


async def test_a_machine_that_sees_another_input_sends_nothing(sandbox: Sandbox, paths: RunPaths) -> None:
    part, *_ = await planned(paths)
    write_lines(paths.input, [request(reference="other")])
    assert "is not the file that the run was planned for" in str((await run(part)).error)
    assert sum(created(sandbox).values()) == 0


async def test_a_machine_that_sees_another_folder_sends_nothing(sandbox: Sandbox, paths: RunPaths) -> None:
    part, *_ = await planned(paths)
    key_file_of(key_base_path(paths.folder)).unlink()
    assert "is not the folder in which the run was planned" in str((await run(part)).error)
    assert sum(created(sandbox).values()) == 0


async def test_a_machine_that_does_not_see_the_input_raises_so_that_the_engine_tries_another_one(
    sandbox: Sandbox, paths: RunPaths
) -> None:
    part, *_ = await planned(paths)
    hidden = paths.input.rename(paths.input.with_name("hidden"))
    with pytest.raises(FileNotFoundError):
        await run(part)
    hidden.rename(paths.input)
    assert (await run(part)).finished
    assert max(created(sandbox).values()) == 1


@pytest.mark.usefixtures("quick_poll")
async def test_progress_is_reported_while_it_runs(paths: RunPaths) -> None:
    [part] = await planned(paths, 1)
    counts: list[int] = []
    await asyncio.to_thread(run_partition, part, SETTINGS, counts.append)
    assert counts == list(range(1, LINES + 1))


def test_without_redis_the_rate_is_divided() -> None:
    settings = PartitionSettings(rate=100, parallelism=4)
    assert settings.limits(shared=False).write_rate == 25
    assert settings.limits(shared=True).write_rate == 100
    assert PartitionSettings(rate=None).limits(shared=False).read_rate is None


@pytest.mark.parametrize("wrong", [{"parallelism": 0}, {"rate": 0.0}])
def test_settings_that_cannot_work_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=f"{next(iter(wrong))} must be a "):
        PartitionSettings(**wrong)


def test_records_in_doubt_are_not_sent_again_by_workers_that_replace_others() -> None:
    """A killed worker's records in flight would be sent a second time, and no person has looked them up."""
    with pytest.raises(ConfigurationError, match="does not support retry_unknown; resume it on one machine"):
        PartitionSettings(options=BatchOptions(retry_unknown=True))


async def test_it_can_be_called_where_an_event_loop_runs_as_in_a_notebook(paths: RunPaths) -> None:
    [part] = plan_partitions(paths, 1)
    stop_file(paths.folder).touch()
    assert not run_partition(part).finished


def test_without_the_extra_the_error_says_what_to_install(paths: RunPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtra, match=r"the package distributed: pip install 'checkout-async\[dask\]'"):
        run_file("tcp://127.0.0.1:8786", paths.input, paths.output)


class TestGathering:
    @pytest.fixture
    async def parts(self, paths: RunPaths) -> tuple[Partition, ...]:
        parts = await planned(paths)
        for part in parts:
            await run(part)
        return parts

    async def test_a_run_that_is_not_finished_has_no_output(
        self, paths: RunPaths, parts: tuple[Partition, ...]
    ) -> None:
        parts[1].done.unlink()
        with pytest.raises(RunIncomplete, match="1 of 3 partitions are not finished: 1; resume to continue"):
            await gathered(paths, parts)
        assert not paths.output.exists()
        assert not paths.journal.exists()
        assert parts[0].journal.exists()

    async def test_the_done_file_has_the_number_of_records(self, parts: tuple[Partition, ...]) -> None:
        done = [msgspec.json.decode(part.done.read_bytes(), type=PartitionDone) for part in parts]
        assert sum(each.records for each in done) == LINES
        # Each worker reads the whole input.
        assert [each.lines.records for each in done if each.lines is not None] == [LINES] * 3

    async def test_gathering_that_was_interrupted_can_be_repeated(
        self, paths: RunPaths, parts: tuple[Partition, ...]
    ) -> None:
        with pytest.MonkeyPatch.context() as broken:
            broken.setattr("checkout_async.batch.cluster.gather._remove", _die)
            with pytest.raises(KeyboardInterrupt):
                await gathered(paths, parts)
        assert await planned(paths, resume=True) == parts
        report = await gathered(paths, parts)
        assert report.records == LINES
        assert rows_of(paths) == ROWS
        assert not paths.folder.exists()

    async def test_a_run_may_replace_an_earlier_one(
        self, paths: RunPaths, parts: tuple[Partition, ...], sandbox: Sandbox
    ) -> None:
        await gathered(paths, parts)
        await complete(paths, 2, force=True)
        assert rows_of(paths) == ROWS
        assert set(created(sandbox).values()) == {2}

    async def test_planning_that_was_interrupted_does_not_fix_the_key(self, paths: RunPaths) -> None:
        await planned(paths)
        paths.plan.unlink()
        for path in paths.folder.glob("part-*"):
            path.unlink()
        async with Journal(paths.journal):
            pass
        await complete(paths, 2, force=True)
        async with Journal(paths.journal) as journal:
            assert await journal.counts() == {"authenticated": LINES}

    @pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
    async def test_the_output_may_have_another_format(
        self, paths: RunPaths, parts: tuple[Partition, ...], name: str, tmp_path: Path
    ) -> None:
        elsewhere = RunPaths.of(paths.input, tmp_path / name, folder=paths.folder)
        await gathered(elsewhere, parts)
        assert elsewhere.output.stat().st_size > 0

    async def test_a_link_to_the_output_stays_a_link(
        self, paths: RunPaths, parts: tuple[Partition, ...], tmp_path: Path
    ) -> None:
        (tmp_path / "elsewhere").mkdir()
        real = tmp_path / "elsewhere" / "results.jsonl"
        link(paths.output, real)
        await gathered(paths, parts)
        assert paths.output.is_symlink()
        assert len(results_in(text_of(real))) == LINES

    @pytest.mark.parametrize("name", ["out.jsonl", "out.csv", "out.parquet"])
    async def test_a_full_disk_leaves_no_part_of_an_output_and_the_run_can_be_continued(
        self, paths: RunPaths, parts: tuple[Partition, ...], name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        paths = replace(paths, output=paths.output.with_name(name))
        with monkeypatch.context() as full:
            full.setattr("checkout_async.files.os.fsync", _full)
            with pytest.raises(RunIncomplete, match=r"cannot be gathered: .*No space left on device; then resume"):
                await gathered(paths, parts)
        left = {path.name for path in paths.output.parent.iterdir() if path.name.startswith(name) and path.is_file()}
        assert left <= {cluster_file(paths.output).name}
        await gathered(paths, parts)
        assert paths.output.exists()

    async def test_a_journal_in_use_is_no_error_of_usage(self, paths: RunPaths, parts: tuple[Partition, ...]) -> None:
        async with Journal(paths.journal, key=load_key(key_base_path(paths.folder))):
            with pytest.raises(
                RunIncomplete, match=r"cannot be gathered: .*another process has it open.*; then resume"
            ):
                await gathered(paths, parts)
        await gathered(paths, parts)

    async def test_a_key_that_is_missing_is_named_and_not_replaced(
        self, paths: RunPaths, parts: tuple[Partition, ...]
    ) -> None:
        key = key_file_of(key_base_path(paths.folder))
        kept = key.rename(key.with_name("kept"))
        with pytest.raises(RunIncomplete, match=r"cannot be gathered: the key .* is missing: put it back; then resume"):
            await gathered(paths, parts)
        kept.rename(key)
        await gathered(paths, parts)
        assert rows_of(paths) == ROWS


class TestACompleteRun:
    """No scheduler listens at the address: a call to it would fail."""

    @pytest.fixture(autouse=True)
    async def ran(self, worker_environment: None, paths: RunPaths) -> None:
        await complete(paths)

    async def again(self, paths: RunPaths) -> Report:
        return await asyncio.to_thread(run_file, "foo://nowhere:1", paths.input, paths.output, resume=True)

    async def test_resuming_it_returns_its_report_without_a_cluster(self, sandbox: Sandbox, paths: RunPaths) -> None:
        before = paths.output.read_bytes()
        report = await self.again(paths)
        assert (report.results, report.replayed) == ({"authenticated": LINES}, LINES)
        assert paths.output.read_bytes() == before
        assert created(sandbox) == once_each()

    @pytest.mark.parametrize("damage", ["deleted", "rows", "torn"])
    async def test_resuming_it_writes_the_output_anew_from_the_journal(
        self, sandbox: Sandbox, paths: RunPaths, damage: str
    ) -> None:
        before = paths.output.read_bytes()
        if damage == "deleted":
            paths.output.unlink()
        else:
            paths.output.write_bytes(before[: before.index(b"\n") + (1 if damage == "rows" else 20)])
        assert (await self.again(paths)).results == {"authenticated": LINES}
        assert paths.output.read_bytes() == before
        assert created(sandbox) == once_each()

    async def test_the_command_of_a_timer_ends_with_0(self, paths: RunPaths, env: dict[str, str]) -> None:
        options = ("--scheduler", "foo://nowhere:1", "--resume")
        done = await command(*AUTHENTICATE, paths.input, "-o", paths.output, *options, env=env)
        assert done.code == 0, done.err
        assert "authenticated" in done.out

    async def test_another_input_is_not_complete(self, paths: RunPaths) -> None:
        write_lines(paths.input, [request(reference="new")])
        with pytest.raises(ConfigurationError):
            await self.again(paths)
        assert rows_of(paths) == ROWS

    async def test_an_output_that_knows_of_more_than_the_journal_is_not_overwritten(
        self, paths: RunPaths, env: dict[str, str], sandbox: Sandbox
    ) -> None:
        """The journal is replaced by a copy that is older than the last run on one machine."""
        async with Journal(paths.journal):
            pass
        copy = paths.journal.read_bytes()
        write_lines(paths.input.with_name("more.jsonl"), [*requests(), request(reference="more")])
        more = await command(
            *AUTHENTICATE, paths.input.with_name("more.jsonl"), "-o", paths.output, "--resume", env=env
        )
        assert more.code == 0, more.err
        before = paths.output.read_bytes()
        paths.journal.write_bytes(copy)
        with pytest.raises(BatchFileError, match=r"the journal .* is older than .*out\.jsonl"):
            await self.again(paths)
        assert paths.output.read_bytes() == before
        assert created(sandbox)["more"] == 1

    async def test_a_file_that_is_no_output_is_not_overwritten(self, paths: RunPaths) -> None:
        write_lines(paths.output, ["precious"])
        with pytest.raises(BatchFileError, match=r"out\.jsonl, line 1: not a result of a run"):
            await self.again(paths)
        assert text_of(paths.output) == "precious\n"

    async def test_an_output_that_cannot_be_written_is_named(
        self, paths: RunPaths, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("checkout_async.files.os.fsync", _full)
        with pytest.raises(BatchFileError, match=r"cannot write the output file .*out\.jsonl: No space left on device"):
            await asyncio.to_thread(finished_report, paths)

    async def test_one_machine_takes_its_journal_as_any_other(
        self, sandbox: Sandbox, paths: RunPaths, env: dict[str, str]
    ) -> None:
        before = paths.output.read_bytes()
        done = await command(*AUTHENTICATE, paths.input, "-o", paths.output, "--resume", env=env)
        assert done.code == 0, done.err
        assert paths.output.read_bytes() == before
        assert created(sandbox) == once_each()


async def test_an_input_without_records_is_complete_once_its_partitions_have_run(
    paths: RunPaths, env: dict[str, str]
) -> None:
    write_lines(paths.input, [])
    await complete(paths)
    again = await asyncio.to_thread(run_file, "foo://nowhere:1", paths.input, paths.output, resume=True)
    assert again.records == 0
    assert text_of(paths.output) == ""
    async with Journal(paths.journal) as journal:
        assert await journal.counts() == {}
    options = ("--scheduler", "foo://nowhere:1", "--resume")
    done = await command(*AUTHENTICATE, paths.input, "-o", paths.output, *options, env=env)
    assert (done.code, "the input has no records" in done.err) == (1, True), done.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--resume", "--force"), "--resume continues an earlier run, --force replaces it: choose one"),
        (("--force", "--journal", "in.json"), "the journal is the input file; name another one"),
        (("--force", "--report", "in.json"), "the report is the input file; name another one"),
        (("--retry-unknown",), "--scheduler does not support --retry-unknown: a worker may have died"),
        (("--limit", "1"), "--scheduler does not support --limit: each worker reads the whole input"),
        (("--force", "--rejects", "in.json"), "the rejects is the input file; name another one"),
        (("--force", "--rejects", "r.csv"), "rejected records are copied in the format of the input (jsonl)"),
        (("--partitions", "0"), "Invalid value for '--partitions'"),
    ],
)
async def test_options_that_cannot_work_are_refused(
    paths: RunPaths, env: dict[str, str], options: tuple[str, ...], message: str
) -> None:
    source = write_lines(paths.input.with_name("in.json"), [request()])
    own = [str(source) if option == "in.json" else option for option in options]
    named = ("--output", paths.output, "--input-format", "jsonl", "--scheduler", "foo://nowhere:1")
    done = await command(*AUTHENTICATE, source, *named, *own, env=env)
    assert (done.code, message in done.err) == (2, True), done.err
    assert CARD in text_of(source)


async def test_a_report_is_written_also_while_some_records_are_unfinished(paths: RunPaths, env: dict[str, str]) -> None:
    write_lines(paths.input, [*requests(), "{"])
    await complete(paths)
    report = paths.input.with_name("report.json")
    options = ("--scheduler", "foo://nowhere:1", "--resume", "--report", report)
    done = await command(*AUTHENTICATE, paths.input, "-o", paths.output, *options, env=env)
    assert done.code == 1, done.err
    assert read_report(report).results == {"authenticated": LINES, "invalid": 1}


async def test_a_report_that_cannot_be_written_after_the_run_is_no_error_of_usage(
    paths: RunPaths, env: dict[str, str]
) -> None:
    await complete(paths)
    report = link(paths.input.with_name("report.json"), Path("/dev/full"))
    options = ("--scheduler", "foo://nowhere:1", "--resume", "--report", report)
    done = await command(*AUTHENTICATE, paths.input, "-o", paths.output, *options, env=env)
    assert (done.code, "cannot write the report" in done.err) == (1, True), done.err


def _full(_: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _die(*_: object) -> Iterator[None]:
    raise KeyboardInterrupt
