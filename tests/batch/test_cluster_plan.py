"""A plan: the number of partitions of a run, which stays the same, and the files that the run will write."""

from __future__ import annotations

import asyncio
import gzip
import os
import pickle
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from checkout_async.batch import FAKE_BROWSER_DATA, BatchOptions, run_file
from checkout_async.batch.arrow import ParquetWriter
from checkout_async.batch.cluster.partition import RunPaths
from checkout_async.batch.cluster.plan import plan_partitions
from checkout_async.batch.cluster.worker import PartitionSettings
from checkout_async.batch.files import cluster_file
from checkout_async.batch.formats import Format
from checkout_async.batch.journal import Journal
from checkout_async.batch.journal.database import open_database
from checkout_async.batch.journal.fingerprint import key_file_of, load_key, make_key
from checkout_async.errors import BatchFileError, ConfigurationError, JournalInUse, MissingExtra
from tests.batch.support import CARD, ScriptedSender, record, request, session
from tests.commands import mode_of, write_lines

IN_BROWSER = BatchOptions(channel_data=FAKE_BROWSER_DATA)


def paths_in(folder: Path, source: Path) -> RunPaths:
    return RunPaths.of(source, folder / "out.jsonl")


@pytest.fixture
def paths(tmp_path: Path) -> RunPaths:
    return paths_in(tmp_path, write_lines(tmp_path / "in.jsonl", [request(reference="a"), request(reference="b")]))


def test_a_plan_has_as_many_partitions_as_requested(paths: RunPaths) -> None:
    parts = plan_partitions(paths, 5, default=9)
    assert [(part.number, part.count) for part in parts] == [(number, 5) for number in range(5)]


def test_a_plan_without_a_number_has_the_default(paths: RunPaths) -> None:
    assert len(plan_partitions(paths, default=9)) == 9


@pytest.mark.parametrize("count", [0, -1])
def test_a_number_of_partitions_below_one_is_refused(paths: RunPaths, count: int) -> None:
    with pytest.raises(ConfigurationError, match="the number of partitions must be a whole number above 0"):
        plan_partitions(paths, count)
    assert not paths.folder.exists()


@pytest.mark.parametrize("resume", [False, True])
async def test_what_a_run_on_many_machines_has_begun_is_not_begun_again_elsewhere(
    paths: RunPaths, tmp_path: Path, resume: bool
) -> None:
    """Only the journals of the partitions know what was sent, until they are gathered."""
    plan_partitions(paths, 2)
    sender = ScriptedSender(lambda _: session())
    with pytest.raises(BatchFileError, match=r"many machines .* has not ended; its folder is .*out\.jsonl\.parts\."):
        await run_file(sender, paths.input, paths.output, resume=resume, options=IN_BROWSER)
    another = RunPaths.of(paths.input, paths.output, folder=tmp_path / "another")
    with pytest.raises(BatchFileError, match="Continue that run with --scheduler and --resume"):
        plan_partitions(another, 2, resume=resume)
    assert sender.calls == []
    assert len(plan_partitions(paths, resume=True)) == 2


async def test_an_output_that_another_run_has_taken_is_not_continued(paths: RunPaths) -> None:
    """That run has sent all records, and the partitions would send them again."""
    plan_partitions(paths, 2)
    sender = ScriptedSender(lambda _: session())
    await run_file(sender, paths.input, paths.output, force=True, options=IN_BROWSER)
    assert len(sender.calls) == 2
    with pytest.raises(BatchFileError, match=r"another run has taken the output .* since this one was planned"):
        plan_partitions(paths, resume=True)


async def test_the_journal_of_another_run_is_not_taken_for_the_gathered_one(paths: RunPaths) -> None:
    plan_partitions(paths, 2)
    async with Journal(paths.journal) as journal:
        await journal.claim(record())
    with pytest.raises(BatchFileError, match="another run has taken"):
        plan_partitions(paths, resume=True)


def test_of_two_folders_for_one_output_the_one_that_was_planned_last_is_continued(
    paths: RunPaths, tmp_path: Path
) -> None:
    plan_partitions(paths, 2)
    another = RunPaths.of(paths.input, paths.output, folder=tmp_path / "another")
    plan_partitions(another, 2, force=True)
    assert len(plan_partitions(another, resume=True)) == 2
    with pytest.raises(BatchFileError, match="another run has taken"):
        plan_partitions(paths, resume=True)


async def test_a_run_with_another_journal_is_not_begun_for_the_same_output(paths: RunPaths, tmp_path: Path) -> None:
    plan_partitions(RunPaths.of(paths.input, paths.output, journal=tmp_path / "own.journal"), 2)
    sender = ScriptedSender(lambda _: session())
    with pytest.raises(BatchFileError, match="a run on many machines for this output has not ended"):
        await run_file(sender, paths.input, paths.output, options=IN_BROWSER)
    assert sender.calls == []


def test_a_planning_that_fails_leaves_nothing(paths: RunPaths) -> None:
    cluster_file(paths.output).mkdir()
    with pytest.raises(BatchFileError, match=r"cannot read .*out\.jsonl\.cluster"):
        plan_partitions(paths, 2)
    assert not paths.folder.exists()
    with pytest.raises(BatchFileError, match=r"cannot write .*out\.jsonl\.cluster"):
        plan_partitions(paths, 2, force=True)
    assert not paths.folder.exists()
    cluster_file(paths.output).rmdir()
    assert len(plan_partitions(paths, 2)) == 2


def test_neither_a_partition_nor_the_folder_contains_anything_of_a_record(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.jsonl", [request(reference="ORD-1"), request(reference="ORD-1")])
    paths = paths_in(tmp_path, source)
    travels = pickle.dumps((plan_partitions(paths, 2), PartitionSettings()))
    for content in [travels, *(path.read_bytes() for path in paths.folder.iterdir())]:
        assert CARD.encode() not in content
        assert b"ORD-1" not in content
    assert mode_of(paths.folder) == 0o700
    assert {mode_of(path) for path in paths.folder.iterdir()} == {0o600}


def as_json_lines(path: Path) -> Path:
    return write_lines(path / "in.jsonl", [request()])


def as_compressed_json_lines(path: Path) -> Path:
    source = path / "in.jsonl.gz"
    source.write_bytes(gzip.compress(b"{}\n"))
    return source


def as_csv(path: Path) -> Path:
    return write_lines(path / "in.csv", ["reference,amount", "a,1"])


def as_parquet(path: Path) -> Path:
    source = path / "in.parquet"
    with source.open("wb") as file, closing(ParquetWriter(file, {"reference": str})) as writer:
        writer.write([{"reference": "a"}])
    return source


@pytest.mark.parametrize("make", [as_json_lines, as_compressed_json_lines, as_csv, as_parquet])
def test_an_input_may_have_any_format(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    source = make(tmp_path)
    parts = plan_partitions(paths_in(tmp_path, source), 2)
    assert {(part.input, part.size) for part in parts} == {(str(source), source.stat().st_size)}


def test_an_input_without_records_can_be_planned(tmp_path: Path) -> None:
    assert len(plan_partitions(paths_in(tmp_path, write_lines(tmp_path / "in.jsonl", [])), 4)) == 4


def test_a_stream_cannot_be_an_input(tmp_path: Path) -> None:
    with pytest.raises(BatchFileError, match="not a regular file; put the input into a file"):
        plan_partitions(RunPaths.of("/dev/null", tmp_path / "out.jsonl", input_format=Format.JSONL), 2)
    assert [*tmp_path.iterdir()] == []


def test_an_input_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(BatchFileError, match=r"cannot read the input file .*in\.jsonl: No such file"):
        plan_partitions(paths_in(tmp_path, tmp_path / "in.jsonl"), 2)
    assert [*tmp_path.iterdir()] == []


def test_columns_that_are_no_fields_are_refused_and_nothing_is_left(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.csv", ["reference,no_such_field", "a,1"])
    with pytest.raises(BatchFileError, match="no_such_field"):
        plan_partitions(paths_in(tmp_path, source), 2)
    assert [*tmp_path.iterdir()] == [source]


def test_no_file_of_a_run_replaces_the_input(paths: RunPaths, tmp_path: Path) -> None:
    linked = tmp_path / "linked.jsonl"
    linked.hardlink_to(paths.input)
    before = paths.input.read_bytes()
    for target in (paths.input, linked):
        with pytest.raises(BatchFileError, match="the output is the input file; name another one"):
            plan_partitions(RunPaths.of(paths.input, target), 2, force=True)
        with pytest.raises(BatchFileError, match="the journal is the input file; name another one"):
            plan_partitions(RunPaths.of(paths.input, tmp_path / "out.jsonl", journal=target), 2, force=True)
    assert paths.input.read_bytes() == before


@pytest.mark.parametrize(
    ("target", "journal", "message"),
    [
        ("out.csv.gz", None, "results are not compressed"),
        ("out.jsonl", "out.jsonl", "the journal is the output file"),
        ("missing/out.jsonl", None, r"cannot write the output file .*: there is no folder .*missing"),
        ("out.jsonl", "missing/journal", r"cannot write the journal .*: there is no folder .*missing"),
        (".", None, r"cannot write the output file .*: it is not a regular file"),
        ("out.docx", None, "format of .* is unknown"),
    ],
)
@pytest.mark.parametrize("begun", [False, True])
def test_a_file_that_could_not_be_written_at_the_end_is_refused_before_anything_is_sent(
    tmp_path: Path, target: str, journal: str | None, message: str, begun: bool
) -> None:
    folder = tmp_path / "parts"
    source = write_lines(tmp_path / "in.jsonl", [request()])
    if begun:
        plan_partitions(RunPaths.of(source, tmp_path / "out.jsonl", folder=folder), 2)
    format_ = Format.JSONL if target == "." else None
    own = None if journal is None else tmp_path / journal
    paths = RunPaths.of(source, tmp_path / target, journal=own, folder=folder, output_format=format_)
    with pytest.raises(BatchFileError, match=message):
        plan_partitions(paths, 2, force=not begun, resume=begun)
    assert folder.exists() == begun


def test_parquet_output_needs_pyarrow_where_the_run_is_planned(
    paths: RunPaths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(MissingExtra, match=r"pip install 'checkout-async\[parquet\]'"):
        plan_partitions(RunPaths.of(paths.input, tmp_path / "out.parquet"), 2)


class TestResuming:
    def test_a_run_has_the_same_partitions_as_before(self, paths: RunPaths) -> None:
        parts = plan_partitions(paths, 5)
        assert plan_partitions(paths, default=1, resume=True) == parts
        assert plan_partitions(paths, 5, resume=True) == parts

    @pytest.mark.parametrize("count", [4, 6])
    def test_another_number_is_refused(self, paths: RunPaths, count: int) -> None:
        plan_partitions(paths, 5)
        with pytest.raises(BatchFileError, match="has 5 partitions, and a resumed run must have as many"):
            plan_partitions(paths, count, resume=True)

    def test_a_run_that_was_never_planned_is_planned(self, paths: RunPaths) -> None:
        assert len(plan_partitions(paths, 3, resume=True)) == 3

    def test_a_run_is_not_continued_by_mistake(self, paths: RunPaths) -> None:
        plan_partitions(paths, 2)
        with pytest.raises(BatchFileError, match=r"a run has begun in .*\.parts; continue it with --resume"):
            plan_partitions(paths, 2)

    def test_force_does_not_replace_a_run_that_has_begun(self, paths: RunPaths) -> None:
        plan_partitions(paths, 2)
        with pytest.raises(BatchFileError, match="a run has begun in"):
            plan_partitions(paths, 2, force=True)

    def test_another_input_is_refused(self, paths: RunPaths) -> None:
        plan_partitions(paths, 2)
        write_lines(paths.input, [request(reference="c")])
        with pytest.raises(BatchFileError, match="the input is another file now, or has changed since"):
            plan_partitions(paths, 2, resume=True)

    def test_an_input_that_was_written_again_is_refused_even_with_the_same_size(self, paths: RunPaths) -> None:
        plan_partitions(paths, 2)
        status = paths.input.stat()
        os.utime(paths.input, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
        with pytest.raises(BatchFileError, match="the input is another file now, or has changed since"):
            plan_partitions(paths, 2, resume=True)

    def test_another_output_that_exists_is_not_replaced(self, paths: RunPaths) -> None:
        plan_partitions(paths, 2)
        other = write_lines(paths.output.with_name("other.jsonl"), ["precious"])
        elsewhere = RunPaths.of(paths.input, other, folder=paths.folder)
        with pytest.raises(BatchFileError, match=r"other\.jsonl exists; name another output file"):
            plan_partitions(elsewhere, 2, resume=True)

    async def test_with_another_output_it_is_the_output_of_the_run_from_then_on(
        self, paths: RunPaths, tmp_path: Path
    ) -> None:
        plan_partitions(paths, 2)
        other = RunPaths.of(paths.input, tmp_path / "other.jsonl", folder=paths.folder)
        plan_partitions(other, resume=True)
        key = load_key(paths.folder / "fingerprints")
        async with Journal(other.journal, key=key):
            make_key(other.journal, key)  # as a gathering that was interrupted leaves it
        assert len(plan_partitions(other, resume=True)) == 2
        other.output.write_text("results")
        assert len(plan_partitions(other, resume=True)) == 2

    @pytest.mark.parametrize("is_other", [True, False])
    async def test_force_does_not_put_the_results_into_a_journal_of_another_run(
        self, paths: RunPaths, tmp_path: Path, is_other: bool
    ) -> None:
        plan_partitions(paths, 2)
        other = RunPaths.of(paths.input, tmp_path / "other.jsonl", folder=paths.folder) if is_other else paths
        async with Journal(other.journal) as journal:
            await journal.claim(record())
        with pytest.raises(ConfigurationError, match="resume continues an earlier run, force replaces it: choose one"):
            plan_partitions(other, resume=True, force=True)
        async with Journal(other.journal, create=False) as journal:
            assert await journal.counts() == {None: 1}

    def test_a_damaged_plan_is_named(self, paths: RunPaths) -> None:
        plan_partitions(paths, 2)
        paths.plan.write_text("{}")
        with pytest.raises(BatchFileError, match=r"plan\.json is not a plan file"):
            plan_partitions(paths, 2, resume=True)

    def test_a_plan_of_another_format_is_refused(self, paths: RunPaths) -> None:
        plan_partitions(paths, 2)
        paths.plan.write_text(paths.plan.read_text().replace('"version":3', '"version":1'))
        with pytest.raises(BatchFileError, match="was made by another version of this package"):
            plan_partitions(paths, 2, resume=True)

    def test_planning_that_was_interrupted_can_be_repeated(self, paths: RunPaths) -> None:
        before = plan_partitions(paths, 2)
        paths.plan.unlink()
        cluster_file(paths.output).unlink()
        assert plan_partitions(paths, 2) == before


class TestEarlierFiles:
    def test_an_output_is_replaced_only_by_force(self, paths: RunPaths) -> None:
        paths.output.touch()
        with pytest.raises(BatchFileError, match="exists; name another output file, or replace it with --force"):
            plan_partitions(paths, 2)
        assert plan_partitions(paths, 2, force=True)

    def test_a_journal_is_replaced_only_by_force(self, paths: RunPaths) -> None:
        paths.journal.touch()
        with pytest.raises(BatchFileError, match=r"out\.jsonl\.journal of an earlier run exists; resume that run"):
            plan_partitions(paths, 2)
        assert plan_partitions(paths, 2, force=True)
        assert not paths.journal.exists()

    def test_a_journal_is_not_replaced_by_resuming(self, paths: RunPaths) -> None:
        paths.journal.touch()
        with pytest.raises(BatchFileError, match=r"resume that run on one machine"):
            plan_partitions(paths, 2, resume=True)

    @pytest.mark.slow
    def test_a_journal_that_is_in_use_is_not_replaced(self, paths: RunPaths) -> None:
        with closing(open_database(paths.journal)), pytest.raises(JournalInUse):
            plan_partitions(paths, 2, force=True)
        assert paths.journal.exists()
        assert not paths.folder.exists()

    async def test_a_forced_run_has_a_new_journal_and_a_new_key(self, paths: RunPaths) -> None:
        async with Journal(paths.journal):
            pass
        earlier = load_key(paths.journal)
        await asyncio.to_thread(plan_partitions, paths, 2, force=True)
        assert load_key(paths.folder / "fingerprints") not in {None, earlier}
        assert mode_of(key_file_of(paths.folder / "fingerprints")) == 0o600
        assert not paths.journal.exists()
        assert not key_file_of(paths.journal).exists()

    async def test_a_journal_that_was_lost_is_not_begun_anew(self, paths: RunPaths) -> None:
        async with Journal(paths.journal):
            pass
        paths.journal.unlink()
        with pytest.raises(BatchFileError, match="shows that an earlier run had one"):
            plan_partitions(paths, 2)
        assert not paths.folder.exists()
        assert len(plan_partitions(paths, 2, force=True)) == 2

    def test_a_folder_of_something_else_is_not_used(self, paths: RunPaths) -> None:
        paths.folder.mkdir()
        (paths.folder / "thesis.tex").touch()
        with pytest.raises(BatchFileError, match="is not empty and has no plan"):
            plan_partitions(paths, 2)


@pytest.mark.parametrize(("source", "target"), [(b"in\xff.jsonl", b"out.jsonl"), (b"in.jsonl", b"out\xff.jsonl")])
def test_names_that_are_not_utf8_are_refused_before_anything_is_made(
    source: bytes, target: bytes, tmp_path: Path
) -> None:
    lines = write_lines(tmp_path / os.fsdecode(source), [request()])
    with pytest.raises(BatchFileError, match=r"udcff.* is not UTF-8"):
        plan_partitions(RunPaths.of(lines, tmp_path / os.fsdecode(target)), 2)
    assert [*tmp_path.iterdir()] == [lines]
