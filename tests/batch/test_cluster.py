"""One partition anywhere: begun, stopped, gone on with elsewhere, never by two at once; and all of them made one."""

from __future__ import annotations

import asyncio
import errno
import os
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from checkout_async.batch import FAKE_BROWSER_DATA
from checkout_async.batch.cluster.gather import gather_partitions
from checkout_async.batch.cluster.partition import Partition, keyed, stop_sign
from checkout_async.batch.cluster.plan import RunPaths, plan_partitions
from checkout_async.batch.cluster.worker import PartitionResult, PartitionSettings, run_partition
from checkout_async.batch.dask import run_file
from checkout_async.batch.journal import Journal
from checkout_async.batch.journal.fingerprint import key_file_of, load_key
from checkout_async.batch.outcome import BatchResult, ErrorInfo, Outcome
from checkout_async.batch.report import Report
from checkout_async.batch.results import OutputFile
from checkout_async.errors import ConfigurationError, MissingExtra, RunIncomplete
from checkout_async.sandbox import Sandbox
from tests.batch.support import CARD, request
from tests.commands import AUTHENTICATE, link, mode_of, results_in, text_of, write_lines
from tests.commands import run as command

pytestmark = pytest.mark.slow

SETTINGS = PartitionSettings(concurrency=4, rate=None, lock_timeout=0, channel_data=FAKE_BROWSER_DATA)
LINES = 12


@pytest.fixture(autouse=True)
def surroundings(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CHECKOUT_SCOPES", "sessions:browser sessions:app")


@pytest.fixture
def places(tmp_path: Path) -> RunPaths:
    lines = [request(reference=f"ref-{number}") for number in range(1, LINES + 1)]
    return RunPaths.of(write_lines(tmp_path / "in.jsonl", lines), tmp_path / "out.jsonl")


async def run(partition: Partition, settings: PartitionSettings = SETTINGS) -> PartitionResult:
    return await asyncio.to_thread(run_partition, partition, settings)


async def planned(places: RunPaths, count: int = 3) -> tuple[Partition, ...]:
    return await asyncio.to_thread(plan_partitions, places, count)


def created(sandbox: Sandbox) -> Counter[str | None]:
    return Counter(sandbox.sessions[each].reference for each in sandbox.sessions)


def once_each() -> Counter[str | None]:
    return Counter(f"ref-{number}" for number in range(1, LINES + 1))


async def test_the_partitions_together_do_what_one_run_does(sandbox: Sandbox, places: RunPaths) -> None:
    parts = await planned(places)
    ends = [await run(part) for part in parts]
    assert ends == [PartitionResult(number=number, done=4, finished=True) for number in range(3)]
    report = await asyncio.to_thread(gather_partitions, places, parts)
    results = results_in(places.output.read_text())
    assert {line: row["reference"] for line, row in results.items()} == {n: f"ref-{n}" for n in range(1, LINES + 1)}
    assert {row["result"] for row in results.values()} == {"authenticated"}
    assert (report.records, report.results) == (LINES, {"authenticated": LINES})
    assert created(sandbox) == once_each()


async def test_what_it_leaves_is_one_private_results_file_and_one_journal(places: RunPaths) -> None:
    parts = await planned(places)
    for part in parts:
        await run(part)
    await asyncio.to_thread(gather_partitions, places, parts)
    key = key_file_of(places.journal)
    assert {path.name for path in places.output.parent.iterdir()} == {
        path.name for path in (places.input, places.output, places.journal, key)
    }
    assert {mode_of(path) for path in (places.output, places.journal, key)} == {0o600}
    assert CARD.encode() not in places.journal.read_bytes()
    async with Journal(places.journal) as journal:
        assert await journal.counts() == {"authenticated": LINES}


async def test_one_machine_goes_on_with_what_many_left(sandbox: Sandbox, places: RunPaths, env: dict[str, str]) -> None:
    lines = [request(reference=f"ref-{number}") for number in range(1, LINES + 1)]
    write_lines(places.input, [*lines[:6], request(reference="ref-7", amount=-1), *lines[7:]])
    parts = await planned(places)
    for part in parts:
        await run(part)
    report = await asyncio.to_thread(gather_partitions, places, parts)
    assert report.unfinished == 1
    write_lines(places.input, lines)
    finished = await command(*AUTHENTICATE, places.input, "-o", places.output, "--resume", env=env)
    assert finished.code == 0, finished.err
    assert {row["result"] for row in results_in(text_of(places.output)).values()} == {"authenticated"}
    assert created(sandbox) == once_each()


async def test_a_finished_partition_is_not_run_again(sandbox: Sandbox, places: RunPaths) -> None:
    part, *_ = await planned(places)
    assert await run(part) == await run(part)
    assert sum(created(sandbox).values()) == part.records


async def test_a_partition_that_was_stopped_goes_on_where_it_was(
    sandbox: Sandbox, places: RunPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("checkout_async.batch.cluster.worker._LOOK_EVERY", 0)
    (part,) = await planned(places, 1)
    one_at_a_time = replace(SETTINGS, concurrency=1)
    end = await asyncio.to_thread(run_partition, part, one_at_a_time, lambda _: stop_sign(places.folder).touch())
    assert (end.finished, end.error) == (False, None)
    assert sum(created(sandbox).values()) == end.done < LINES
    stop_sign(places.folder).unlink()
    assert await run(part) == PartitionResult(number=0, done=LINES, finished=True)
    assert created(sandbox) == once_each()


async def test_a_partition_does_not_begin_while_the_run_is_being_stopped(sandbox: Sandbox, places: RunPaths) -> None:
    part, *_ = await planned(places)
    stop_sign(places.folder).touch()
    assert await run(part) == PartitionResult(number=0, done=0, finished=False)
    assert sum(created(sandbox).values()) == 0


async def test_a_journal_that_another_worker_has_is_not_touched(sandbox: Sandbox, places: RunPaths) -> None:
    part, *_ = await planned(places)
    async with Journal(part.journal, key=load_key(keyed(places.folder))):
        end = await run(part)
    assert not end.finished
    assert end.error is not None
    assert end.error.kind == "JournalInUse"
    assert "another process has it open" in end.error.message
    assert sum(created(sandbox).values()) == 0


async def test_a_journal_that_another_worker_is_about_to_lose_is_waited_for(
    sandbox: Sandbox, places: RunPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("checkout_async.batch.cluster.worker._LOOK_EVERY", 0.01)
    part, *_ = await planned(places)
    async with Journal(part.journal, key=load_key(keyed(places.folder))):
        waiting = asyncio.create_task(run(part, replace(SETTINGS, lock_timeout=60)))
        await asyncio.sleep(0.1)
        assert not waiting.done()
    assert (await waiting).finished
    assert sum(created(sandbox).values()) == part.records


async def test_records_that_repeat_those_of_another_partition_are_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    lines = [request(reference="a"), request(reference="b"), request(reference="a")]
    places = RunPaths.of(write_lines(tmp_path / "in.jsonl", lines), tmp_path / "out.jsonl")
    parts = await planned(places)
    for part in reversed(parts):
        assert (await run(part)).finished
    await asyncio.to_thread(gather_partitions, places, parts)
    results = results_in(places.output.read_text())
    assert results[3]["result"] == "invalid"
    assert results[3]["error"]["message"] == "the same reference as line 1; give each record its own"
    assert created(sandbox) == Counter({"a": 1, "b": 1})


async def test_refused_credentials_are_the_end_of_a_partition_and_not_an_exception(
    places: RunPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHECKOUT_CLIENT_SECRET", "wrong_secret")
    part, *_ = await planned(places)
    end = await run(part)
    assert not end.finished
    assert end.error is not None
    assert end.error.kind == "AuthenticationFailed"
    assert "wrong_secret" not in end.error.message


async def test_an_environment_without_credentials_is_named(places: RunPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHECKOUT_CLIENT_ID")
    part, *_ = await planned(places)
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
async def test_a_redis_that_can_never_be_used_is_not_passed_over(
    sandbox: Sandbox, places: RunPaths, redis_url: str, monkeypatch: pytest.MonkeyPatch, old: str, new: str, kind: str
) -> None:
    scheme, rest = redis_url.split("://")
    monkeypatch.setenv("CHECKOUT_REDIS_URL", f"{scheme}://{rest.replace(old, new, 1)}")
    part, *_ = await planned(places)
    assert (await run(part)).error == ErrorInfo(
        kind="ConfigurationError",
        message=f"Redis rejected the credentials or options in the URL ({kind}); correct the URL",
    )
    assert created(sandbox) == Counter()


@pytest.mark.services
async def test_partitions_run_while_redis_is_unreachable(places: RunPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHECKOUT_REDIS_URL", "redis://127.0.0.1:9/0")
    part, *_ = await planned(places)
    assert (await run(part)).finished


async def test_a_machine_that_sees_another_input_sends_nothing_of_it(sandbox: Sandbox, places: RunPaths) -> None:
    part, *_ = await planned(places)
    write_lines(places.input, [request(reference="other")])
    assert "is not the file that the run was planned for" in str((await run(part)).error)
    assert sum(created(sandbox).values()) == 0


async def test_a_machine_that_sees_another_folder_sends_nothing(sandbox: Sandbox, places: RunPaths) -> None:
    part, *_ = await planned(places)
    key_file_of(keyed(places.folder)).unlink()
    assert "is not the folder in which the run was planned" in str((await run(part)).error)
    assert sum(created(sandbox).values()) == 0


async def test_progress_is_reported_while_it_runs(places: RunPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("checkout_async.batch.cluster.worker._LOOK_EVERY", 0)
    (part,) = await planned(places, 1)
    counts: list[int] = []
    await asyncio.to_thread(run_partition, part, SETTINGS, counts.append)
    assert counts == list(range(1, LINES + 1))


def test_without_redis_the_rate_is_divided() -> None:
    settings = PartitionSettings(rate=100, parallelism=4)
    assert settings.limits(shared=False).write_rate == 25
    assert settings.limits(shared=True).write_rate == 100
    assert PartitionSettings(rate=None).limits(shared=False).read_rate is None


@pytest.mark.parametrize("wrong", [{"parallelism": 0}, {"concurrency": 0}, {"rate": 0.0}])
def test_settings_that_cannot_work_are_refused_where_they_are_made(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=f"{next(iter(wrong))} must be a "):
        PartitionSettings(**wrong)


async def test_all_of_it_can_be_called_where_an_event_loop_runs_as_in_a_notebook(places: RunPaths) -> None:
    (part,) = plan_partitions(places, 1)
    stop_sign(places.folder).touch()
    assert not run_partition(part).finished


def test_without_the_extra_the_error_says_what_to_install(places: RunPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtra, match=r"the package distributed: pip install 'checkout-async\[dask\]'"):
        run_file("tcp://127.0.0.1:8786", places.input, places.output)


class TestGathering:
    @pytest.fixture
    async def parts(self, places: RunPaths) -> tuple[Partition, ...]:
        parts = await planned(places)
        for part in parts:
            await run(part)
        return parts

    async def test_nothing_is_made_of_a_run_that_is_not_finished(
        self, places: RunPaths, parts: tuple[Partition, ...]
    ) -> None:
        parts[1].done.unlink()
        with pytest.raises(RunIncomplete, match="1 of 3 partitions are not finished: 1; resume to continue"):
            await asyncio.to_thread(gather_partitions, places, parts)
        assert not places.output.exists()
        assert parts[0].results.exists()

    async def test_a_row_that_got_lost_is_noticed_and_made_again(
        self, places: RunPaths, parts: tuple[Partition, ...], sandbox: Sandbox
    ) -> None:
        whole = parts[1].results.read_text().splitlines(keepends=True)
        parts[1].results.write_text("".join(whole[:-1]))
        with pytest.raises(RunIncomplete, match="has 3 rows for 4 records; resume"):
            await asyncio.to_thread(gather_partitions, places, parts)
        assert (await run(parts[1])).finished
        await asyncio.to_thread(gather_partitions, places, parts)
        assert len(results_in(places.output.read_text())) == LINES
        assert created(sandbox) == once_each()

    async def test_gathering_that_was_broken_off_can_be_done_again(
        self, places: RunPaths, parts: tuple[Partition, ...]
    ) -> None:
        with pytest.MonkeyPatch.context() as broken:
            broken.setattr("checkout_async.batch.cluster.gather._remove", _die)
            with pytest.raises(KeyboardInterrupt):
                await asyncio.to_thread(gather_partitions, places, parts)
        assert await asyncio.to_thread(plan_partitions, places, 3, resume=True) == parts
        report = await asyncio.to_thread(gather_partitions, places, parts)
        assert report.records == LINES
        assert not places.folder.exists()

    async def test_a_run_may_take_the_place_of_an_earlier_one(
        self, places: RunPaths, parts: tuple[Partition, ...], sandbox: Sandbox
    ) -> None:
        await asyncio.to_thread(gather_partitions, places, parts)
        again = await asyncio.to_thread(plan_partitions, places, 2, force=True)
        for part in again:
            assert (await run(part)).finished
        await asyncio.to_thread(gather_partitions, places, again)
        assert len(results_in(text_of(places.output))) == LINES
        assert set(created(sandbox).values()) == {2}

    async def test_planning_that_was_broken_off_does_not_settle_the_key(self, places: RunPaths) -> None:
        await planned(places)
        places.plan.unlink()
        async with Journal(places.journal):
            pass
        again = await asyncio.to_thread(plan_partitions, places, 2, force=True)
        for part in again:
            assert (await run(part)).finished
        await asyncio.to_thread(gather_partitions, places, again)
        async with Journal(places.journal) as journal:
            assert await journal.counts() == {"authenticated": LINES}

    @pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
    async def test_the_target_may_have_another_format(
        self, places: RunPaths, parts: tuple[Partition, ...], name: str, tmp_path: Path
    ) -> None:
        elsewhere = RunPaths.of(places.input, tmp_path / name, folder=places.folder)
        await asyncio.to_thread(gather_partitions, elsewhere, parts)
        assert elsewhere.output.stat().st_size > 0

    @pytest.mark.parametrize("name", ["out.jsonl", "out.csv", "out.parquet"])
    async def test_a_full_disk_leaves_no_results_lying_about_and_the_run_can_be_gone_on_with(
        self, places: RunPaths, parts: tuple[Partition, ...], name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        places = replace(places, output=places.output.with_name(name))
        with monkeypatch.context() as full:
            full.setattr("checkout_async.batch.results.file.os.fsync", _full)
            with pytest.raises(RunIncomplete, match=r"cannot be gathered: .*No space left on device; then resume"):
                await asyncio.to_thread(gather_partitions, places, parts)
        left = {path.name for path in places.output.parent.iterdir()}
        assert left == {path.name for path in (places.input, places.folder)}
        await asyncio.to_thread(gather_partitions, places, parts)
        assert places.output.exists()

    async def test_a_journal_that_somebody_uses_is_no_mistake_of_usage(
        self, places: RunPaths, parts: tuple[Partition, ...]
    ) -> None:
        async with Journal(places.journal, key=load_key(keyed(places.folder))):
            with pytest.raises(
                RunIncomplete, match=r"cannot be gathered: .*another process has it open.*; then resume"
            ):
                await asyncio.to_thread(gather_partitions, places, parts)
        await asyncio.to_thread(gather_partitions, places, parts)

    async def test_rows_that_a_killed_run_left_beside_the_target_do_not_come_back(
        self, places: RunPaths, parts: tuple[Partition, ...], tmp_path: Path
    ) -> None:
        parquet = RunPaths.of(places.input, tmp_path / "out.parquet", folder=places.folder)
        with OutputFile.create(parquet.output) as killed:
            killed.write(Outcome(line=1, result=BatchResult.AUTHENTICATED, session_id="sid_of_an_earlier_run"))
        await asyncio.to_thread(gather_partitions, parquet, parts)
        results, kept = OutputFile.resume(parquet.output)
        with results:
            assert "sid_of_an_earlier_run" not in {row.session_id for row in OutputFile.read(parquet.output)}
        assert len(kept) == LINES


class TestARunThatIsComplete:
    """Nothing listens at the address: a call to the scheduler would fail."""

    @pytest.fixture(autouse=True)
    async def complete(self, places: RunPaths) -> None:
        parts = await planned(places)
        for part in parts:
            await run(part)
        await asyncio.to_thread(gather_partitions, places, parts)

    async def again(self, places: RunPaths) -> Report:
        return await asyncio.to_thread(run_file, "foo://nowhere:1", places.input, places.output, resume=True)

    async def test_resuming_it_returns_its_report_without_a_cluster(self, sandbox: Sandbox, places: RunPaths) -> None:
        report = await self.again(places)
        assert (report.results, report.replayed) == ({"authenticated": LINES}, LINES)
        assert created(sandbox) == once_each()

    async def test_the_command_of_a_nightly_timer_ends_well(self, places: RunPaths, env: dict[str, str]) -> None:
        options = ("--scheduler", "foo://nowhere:1", "--resume")
        done = await command(*AUTHENTICATE, places.input, "-o", places.output, *options, env=env)
        assert done.code == 0, done.err
        assert "authenticated" in done.out

    async def test_another_input_is_not_taken_for_it(self, places: RunPaths) -> None:
        write_lines(places.input, [request(reference="new")])
        with pytest.raises(ConfigurationError):
            await self.again(places)
        assert sorted(results_in(text_of(places.output))) == list(range(1, LINES + 1))

    async def test_results_that_lack_rows_are_not_taken_for_it(self, places: RunPaths) -> None:
        rows = text_of(places.output).splitlines(keepends=True)
        places.output.write_text("".join(rows[:-1]))
        with pytest.raises(ConfigurationError):
            await self.again(places)

    async def test_one_machine_takes_its_journal_as_any_other(
        self, sandbox: Sandbox, places: RunPaths, env: dict[str, str]
    ) -> None:
        done = await command(*AUTHENTICATE, places.input, "-o", places.output, "--resume", env=env)
        assert done.code == 0, done.err
        assert created(sandbox) == once_each()


async def test_an_input_without_records_is_complete_at_once(places: RunPaths) -> None:
    write_lines(places.input, [])
    await asyncio.to_thread(gather_partitions, places, await planned(places))
    again = await asyncio.to_thread(run_file, "foo://nowhere:1", places.input, places.output, resume=True)
    assert again.records == 0
    async with Journal(places.journal) as journal:
        assert await journal.counts() == {}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--resume", "--force"), "--resume continues an earlier run, --force replaces it: choose one"),
        (("--force", "--journal", "in.json"), "the journal is the input file; name another one"),
        (("--force", "--report", "in.json"), "the report is the input file; name another one"),
    ],
)
async def test_options_that_would_lose_something_are_refused(
    places: RunPaths, env: dict[str, str], options: tuple[str, ...], message: str
) -> None:
    source = write_lines(places.input.with_name("in.json"), [request()])
    own = [str(source) if option == "in.json" else option for option in options]
    named = ("--output", places.output, "--input-format", "jsonl", "--scheduler", "foo://nowhere:1")
    done = await command(*AUTHENTICATE, source, *named, *own, env=env)
    assert (done.code, message in done.err) == (2, True), done.err
    assert CARD in text_of(source)


async def test_a_report_that_cannot_be_written_after_the_run_is_no_mistake_of_usage(
    places: RunPaths, env: dict[str, str]
) -> None:
    write_lines(places.input, [])
    await asyncio.to_thread(gather_partitions, places, await planned(places))
    report = link(places.input.with_name("report.json"), Path("/dev/full"))
    options = ("--scheduler", "foo://nowhere:1", "--resume", "--report", report)
    done = await command(*AUTHENTICATE, places.input, "-o", places.output, *options, env=env)
    assert (done.code, "cannot write the report" in done.err) == (1, True), done.err


def _full(_: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _die(*_: object) -> Iterator[None]:
    raise KeyboardInterrupt
