"""An input is cut without being copied: every record in one part, none twice, and nothing of them in what travels."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import pickle
import sqlite3
import sys
from collections.abc import AsyncIterable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from checkout_async.batch.cluster.cuts import Marks, starts_of_lines
from checkout_async.batch.cluster.slices import records_of
from checkout_async.batch.results.spool import spool_of
from hypothesis import given
from hypothesis import strategies as st

from checkout_async.batch.arrow import ParquetWriter
from checkout_async.batch.cluster.partition import Partition
from checkout_async.batch.cluster.plan import RunPaths, plan_partitions
from checkout_async.batch.cluster.worker import PartitionSettings
from checkout_async.batch.formats import Format
from checkout_async.batch.journal.database import open_database
from checkout_async.batch.records import InvalidRecord, Record
from checkout_async.batch.sources import open_source
from checkout_async.errors import BatchFileError, JournalInUse, MissingExtra
from tests.batch.support import CARD, request
from tests.commands import mode_of, write_lines

pytestmark = pytest.mark.slow


def places_in(folder: Path, source: Path) -> RunPaths:
    return RunPaths.of(source, folder / "out.jsonl")


def read_whole(path: Path) -> list[Record | InvalidRecord]:
    with open_source(path) as source:
        return collect(source.records())


def read_in_parts(partitions: tuple[Partition, ...]) -> list[Record | InvalidRecord]:
    return [item for partition in partitions for item in collect(records_of(partition))]


def collect(records: AsyncIterable[Record | InvalidRecord]) -> list[Record | InvalidRecord]:
    async def collected() -> list[Record | InvalidRecord]:
        return [item async for item in records]

    return asyncio.run(collected())


def small_database(name: str, **options: Any) -> sqlite3.Connection:
    database = sqlite3.Connection(name, **options)
    database.execute("PRAGMA max_page_count = 4")
    return database


json_lines = st.lists(
    st.one_of(
        st.integers(0, 999).map(lambda number: json.dumps(request(reference=str(number)))),
        st.sampled_from(["", "   ", "{", "[1]", '{"reference": "ü"}', '{"x": "' + "y" * 300 + '"}']),
    ),
    max_size=30,
)
rows = st.lists(
    st.lists(st.sampled_from(["", "a", "two\nlines", 'a "quote"', "1,5", "\n\n", "ü"]), min_size=2, max_size=3),
    max_size=30,
)


@given(lines=json_lines, ending=st.sampled_from(["\n", ""]), mark=st.booleans(), parts=st.integers(1, 7))
def test_the_parts_of_json_lines_have_the_records_of_the_whole_under_their_line_numbers(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], ending: str, mark: bool, parts: int
) -> None:
    folder = tmp_path_factory.mktemp("lines")
    source = folder / "in.jsonl"
    source.write_text("\n".join(lines) + ending, encoding="utf-8-sig" if mark else "utf-8")
    assert read_in_parts(plan_partitions(places_in(folder, source), parts)) == read_whole(source)


@given(rows=rows, parts=st.integers(1, 7))
def test_the_parts_of_csv_have_the_records_of_the_whole_and_each_knows_the_header(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], parts: int
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    source = folder / "in.csv"
    quoted = [
        ",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in [["reference", "currency"], *rows]
    ]
    source.write_text("\n".join(quoted) + "\n", encoding="utf-8")
    assert read_in_parts(plan_partitions(places_in(folder, source), parts)) == read_whole(source)


@given(text=st.text(st.sampled_from('ab",\n'), max_size=60), parts=st.integers(1, 7))
def test_the_parts_of_csv_with_stray_quotes_have_the_records_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory, text: str, parts: int
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    source = folder / "in.csv"
    source.write_text(f"reference,currency\n{text}", encoding="utf-8")
    assert read_in_parts(plan_partitions(places_in(folder, source), parts)) == read_whole(source)


@pytest.mark.parametrize("parts", [1, 3, 7, 100])
def test_the_parts_of_parquet_have_the_records_of_the_whole(tmp_path: Path, parts: int) -> None:
    source = tmp_path / "in.parquet"
    with source.open("wb") as file, closing(ParquetWriter(file, {"reference": str, "amount": int})) as writer:
        for begin in (0, 20, 40):
            writer.write([{"reference": str(row), "amount": row} for row in range(begin, begin + 20)])
    assert read_in_parts(plan_partitions(places_in(tmp_path, source), parts)) == read_whole(source)


@given(lines=st.lists(st.integers(1, 5), min_size=1), parts=st.integers(1, 12), most=st.integers(2, 40))
def test_the_parts_follow_each_other_and_none_is_empty_however_few_marks_are_kept(
    lines: list[int], parts: int, most: int
) -> None:
    marks, line = Marks(most), 0
    begins = [line := line + step for step in lines]
    for begin in begins:
        marks.add(begin)
    cuts = marks.cut(parts)
    assert cuts[0][0] == begins[0]
    assert cuts[-1][1] == begins[-1] + 1
    assert [end for _, end, _ in cuts[:-1]] == [first for first, _, _ in cuts[1:]]
    assert [records for _, _, records in cuts] == [
        sum(first <= each < end for each in begins) for first, end, _ in cuts
    ]
    assert 1 <= len(cuts) <= parts


@given(content=st.lists(st.sampled_from([b"", b"a", b"bb" * 40]), max_size=20), data=st.data())
def test_the_first_byte_of_a_line_is_found(
    tmp_path_factory: pytest.TempPathFactory, content: list[bytes], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("bytes") / "file"
    path.write_bytes(b"\n".join([*content, b"end"]))
    numbers = sorted(data.draw(st.sets(st.integers(1, len(content) + 1))))
    starts = [len(b"\n".join(content[: number - 1])) + (number > 1) for number in numbers]
    assert starts_of_lines(path, numbers) == starts


def test_parts_have_about_as_many_records_each(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.jsonl", [request(reference=str(number)) for number in range(100)])
    assert [part.records for part in plan_partitions(places_in(tmp_path, source), 8)] == [
        12,
        13,
        12,
        13,
        12,
        13,
        12,
        13,
    ]


def test_an_input_without_records_has_no_parts(tmp_path: Path) -> None:
    assert plan_partitions(places_in(tmp_path, write_lines(tmp_path / "in.jsonl", [])), 4) == ()


def test_neither_what_travels_nor_the_folder_holds_anything_of_a_record(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.jsonl", [request(reference="ORD-1"), request(reference="ORD-1")])
    places = places_in(tmp_path, source)
    travels = pickle.dumps((plan_partitions(places, 2), PartitionSettings()))
    for content in [travels, *(path.read_bytes() for path in places.folder.iterdir())]:
        assert CARD.encode() not in content
        assert b"ORD-1" not in content
    assert mode_of(places.folder) == 0o700
    assert {mode_of(path) for path in places.folder.iterdir()} == {0o600}


def test_a_partition_and_its_settings_can_be_pickled(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.jsonl", [request(), request()])
    given = (plan_partitions(places_in(tmp_path, source), 2), PartitionSettings())
    assert pickle.loads(pickle.dumps(given)) == given


def test_what_repeats_an_earlier_record_of_another_part_is_known_to_its_own(tmp_path: Path) -> None:
    lines = [request(reference="a"), request(), request(reference="b"), request(reference="a"), request()]
    parts = plan_partitions(places_in(tmp_path, write_lines(tmp_path / "in.jsonl", lines)), 5)
    assert [[(duplicate.line, duplicate.reason) for duplicate in part.duplicates] for part in parts] == [
        [],
        [],
        [],
        [(4, "the same reference as line 1; give each record its own")],
        [(5, "the same request as line 2, without a reference; give each record its own reference")],
    ]


def test_the_same_reference_all_over_the_input_is_no_input(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.jsonl", [request(reference="a")] * 10_002)
    with pytest.raises(BatchFileError, match=r"more than 10000 records repeat .* line 2: the same reference as line 1"):
        plan_partitions(places_in(tmp_path, source), 2)


def test_gzip_is_to_be_decompressed_first(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl.gz"
    source.write_bytes(gzip.compress(b"{}\n"))
    with pytest.raises(BatchFileError, match=r"gzip, .* decompress it first"):
        plan_partitions(places_in(tmp_path, source), 2)


def test_a_stream_cannot_be_cut(tmp_path: Path) -> None:
    with pytest.raises(BatchFileError, match="not a regular file"):
        plan_partitions(RunPaths.of("/dev/null", tmp_path / "out.jsonl"), 2)


def test_an_input_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BatchFileError, match=r"cannot read the input file .*in\.jsonl: No such file"):
        plan_partitions(places_in(tmp_path, tmp_path / "in.jsonl"), 2)


def test_what_is_written_never_takes_the_place_of_the_input(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.jsonl", [request()])
    linked = tmp_path / "linked.jsonl"
    linked.hardlink_to(source)
    for target in (source, linked):
        with pytest.raises(BatchFileError, match="the output is the input file; name another one"):
            plan_partitions(RunPaths.of(source, target), 2, force=True)
        with pytest.raises(BatchFileError, match="the journal is the input file; name another one"):
            plan_partitions(RunPaths.of(source, tmp_path / "out.jsonl", journal=target), 2, force=True)
    assert read_whole(source)


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
def test_what_could_not_be_written_at_the_end_is_refused_before_anything_is_sent(
    tmp_path: Path, target: str, journal: str | None, message: str, begun: bool
) -> None:
    folder = tmp_path / "parts"
    source = write_lines(tmp_path / "in.jsonl", [request()])
    if begun:
        plan_partitions(RunPaths.of(source, tmp_path / "out.jsonl", folder=folder), 2)
    format_ = Format.JSONL if target == "." else None
    own = None if journal is None else tmp_path / journal
    places = RunPaths.of(source, tmp_path / target, journal=own, folder=folder, output_format=format_)
    with pytest.raises(BatchFileError, match=message):
        plan_partitions(places, 2, force=True, resume=begun)
    assert folder.exists() == begun


def test_parquet_results_need_pyarrow_where_they_are_gathered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    source = write_lines(tmp_path / "in.jsonl", [request()])
    with pytest.raises(MissingExtra, match=r"pip install 'checkout-async\[parquet\]'"):
        plan_partitions(RunPaths.of(source, tmp_path / "out.parquet"), 2)


def test_a_damaged_input_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    source = tmp_path / "in.parquet"
    with source.open("wb") as file, closing(ParquetWriter(file, {"reference": str})) as writer:
        writer.write([{"reference": f"reference {row}"} for row in range(100)])
    content = bytearray(source.read_bytes())
    content[4:200] = bytes(196)
    source.write_bytes(content)
    with pytest.raises(BatchFileError, match=r"cannot read the input file .*in\.parquet: Parquet: "):
        plan_partitions(places_in(tmp_path, source), 2)
    assert [path.name for path in tmp_path.iterdir()] == ["in.parquet"]


def test_a_full_temporary_disk_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # SQLite answers that the disk is full also where a database must not grow.
    monkeypatch.setattr("checkout_async.batch.cluster.repeats.sqlite3.connect", small_database)
    source = write_lines(tmp_path / "in.jsonl", [request(reference=str(number)) for number in range(1000)])
    with pytest.raises(BatchFileError, match=r"temporary file \(its folder is set by TMPDIR\): the disk is full"):
        plan_partitions(places_in(tmp_path, source), 2)


class TestGoingOn:
    @pytest.fixture
    def places(self, tmp_path: Path) -> RunPaths:
        return places_in(tmp_path, write_lines(tmp_path / "in.jsonl", [request(reference="a"), request(reference="b")]))

    def test_a_run_that_has_begun_goes_on_with_the_same_parts(self, places: RunPaths) -> None:
        assert plan_partitions(places, 5, resume=True) == plan_partitions(places, 1, resume=True)

    def test_it_does_not_go_on_by_mistake(self, places: RunPaths) -> None:
        plan_partitions(places, 2)
        with pytest.raises(BatchFileError, match=r"a run has begun in .*\.parts; continue it with --resume"):
            plan_partitions(places, 2)

    def test_it_does_not_go_on_with_another_input(self, places: RunPaths) -> None:
        plan_partitions(places, 2)
        write_lines(places.input, [request(reference="c")])
        with pytest.raises(BatchFileError, match="the input is another file now, or has changed since"):
            plan_partitions(places, 2, resume=True)

    def test_it_does_not_replace_what_it_was_not_planned_for(self, places: RunPaths) -> None:
        plan_partitions(places, 2)
        other = write_lines(places.output.with_name("other.jsonl"), ["precious"])
        elsewhere = RunPaths.of(places.input, other, folder=places.folder)
        with pytest.raises(BatchFileError, match=r"other\.jsonl exists; name another output file"):
            plan_partitions(elsewhere, 2, resume=True)

    def test_a_damaged_plan_is_named(self, places: RunPaths) -> None:
        plan_partitions(places, 2)
        places.plan.write_text("{}")
        with pytest.raises(BatchFileError, match=r"plan\.json is not a plan file"):
            plan_partitions(places, 2, resume=True)

    def test_what_an_earlier_run_left_is_not_replaced_unasked(self, places: RunPaths) -> None:
        places.output.touch()
        with pytest.raises(BatchFileError, match="exists; name another output file, or replace it with --force"):
            plan_partitions(places, 2)
        assert plan_partitions(places, 2, force=True)

    def test_rows_that_were_to_become_parquet_are_not_replaced_unasked_either(self, places: RunPaths) -> None:
        parquet = RunPaths.of(places.input, places.output.with_suffix(".parquet"))
        spool_of(parquet.output).touch()
        with pytest.raises(BatchFileError, match=r"out\.parquet\.rows\.jsonl exists; name another output file"):
            plan_partitions(parquet, 2)
        assert plan_partitions(parquet, 2, force=True)

    def test_an_earlier_journal_is_not_replaced_unasked_either(self, places: RunPaths) -> None:
        places.journal.touch()
        with pytest.raises(BatchFileError, match=r"out\.jsonl\.journal of an earlier run exists; resume that run"):
            plan_partitions(places, 2)
        assert plan_partitions(places, 2, force=True)
        assert not places.journal.exists()

    def test_a_journal_that_is_in_use_is_not_replaced_at_all(self, places: RunPaths) -> None:
        with closing(open_database(places.journal)), pytest.raises(JournalInUse):
            plan_partitions(places, 2, force=True)
        assert places.journal.exists()

    def test_a_folder_of_something_else_is_left_alone(self, places: RunPaths) -> None:
        places.folder.mkdir()
        (places.folder / "thesis.tex").touch()
        with pytest.raises(BatchFileError, match="is not empty and has no plan"):
            plan_partitions(places, 2)

    def test_planning_that_was_broken_off_can_be_done_again(self, places: RunPaths) -> None:
        before = plan_partitions(places, 2)
        places.plan.unlink()
        assert plan_partitions(places, 2) == before


@pytest.mark.parametrize(("source", "target"), [(b"in\xff.jsonl", b"out.jsonl"), (b"in.jsonl", b"out\xff.jsonl")])
def test_names_that_are_not_utf8_are_refused_before_anything_is_made(
    source: bytes, target: bytes, tmp_path: Path
) -> None:
    lines = write_lines(tmp_path / os.fsdecode(source), [request()])
    with pytest.raises(BatchFileError, match=r"udcff.* is not UTF-8"):
        plan_partitions(RunPaths.of(lines, tmp_path / os.fsdecode(target)), 2)
    assert [*tmp_path.iterdir()] == [lines]
