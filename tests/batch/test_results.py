"""The output is an export of the journal in any format: rows appended at once and whole, and written anew at the end.

Only its owner may read it.
"""

from __future__ import annotations

import asyncio
import csv
import os
import resource
import stat
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checkout_async.batch import Journal, Outcome
from checkout_async.batch.formats import CsvDialect, Format
from checkout_async.batch.outcome import BatchResult
from checkout_async.batch.results import OutputFile
from checkout_async.batch.results import file as output_file
from checkout_async.batch.results.rows import COLUMNS, row_writer
from checkout_async.errors import BatchFileError
from tests.batch.files import EXAMPLES, flat, outcomes
from tests.batch.support import bad_line, record, session

parquet = import_module("pyarrow.parquet")

FILES = ["out.jsonl", "out.csv", "out.parquet"]


def outcome(line: int) -> Outcome:
    return Outcome.of(record(line), session())


async def settled(journal: Journal, *given: Outcome) -> list[Outcome]:
    """Outcomes in a journal, with their entries: what a run would write to its output."""
    written: list[Outcome] = []
    for each in given:
        claim = await journal.claim(record(each.line))
        written += [await journal.settle(claim, msgspec.structs.replace(each, reference=f"ref-{each.line}"))]
    return written


@pytest.fixture
async def journal(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Journal]:
    async with Journal(tmp_path_factory.mktemp("journal") / "run.journal", durable=False) as opened:
        yield opened


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def rows_in(path: Path) -> list[dict[str, object]]:
    """The rows of an output, read with the usual libraries."""
    if path.suffix == ".parquet":
        rows: list[dict[str, object]] = parquet.read_table(path).to_pylist()
        return rows
    if path.suffix == ".csv":
        with path.open(newline="") as file:
            return [{**row} for row in csv.DictReader(file)]
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]


@contextmanager
def largest_file(size: int) -> Generator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture(params=FILES[:2])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / str(request.param)


def lines_in(path: Path) -> list[int]:
    return [int(str(row["line"])) for row in rows_in(path)]


def test_a_row_is_in_the_file_as_soon_as_it_is_written(path: Path) -> None:
    with OutputFile.create(path) as output:
        for line in (2, 1):
            output.write(outcome(line))
            assert lines_in(path)[-1] == line


@pytest.mark.parametrize("name", FILES)
async def test_at_the_end_the_rows_are_in_the_order_of_the_lines(name: str, tmp_path: Path, journal: Journal) -> None:
    path = tmp_path / name
    with OutputFile.create(path) as output:
        for each in await settled(journal, outcome(3), outcome(1), outcome(2)):
            output.write(each)
        await output.finish(journal)
        assert lines_in(path) == [1, 2, 3]
    assert [each.name for each in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", FILES)
async def test_a_record_without_an_outcome_is_unknown_at_the_end(name: str, tmp_path: Path, journal: Journal) -> None:
    path = tmp_path / name
    await journal.claim(record(2))
    with OutputFile.create(path) as output:
        await settled(journal, outcome(1))
        await output.finish(journal)
    assert [(int(str(row["line"])), row["result"]) for row in rows_in(path)] == [(1, "authenticated"), (2, "unknown")]


async def test_a_row_may_be_appended_after_the_file_was_written_anew(path: Path, journal: Journal) -> None:
    [first] = await settled(journal, outcome(1))
    async with Journal(path.with_name("other.journal"), durable=False) as other:
        [second] = await settled(other, outcome(2))
    with await OutputFile.resume(path, journal) as output:
        output.write(second)
    assert lines_in(path) == [first.line, second.line]


@pytest.mark.parametrize("name", FILES)
async def test_each_row_names_the_journal_and_its_entry(name: str, tmp_path: Path, journal: Journal) -> None:
    path = tmp_path / name
    with OutputFile.create(path) as output:
        await settled(journal, outcome(2), outcome(1))
        await output.finish(journal)
    (one, first), (other, second) = (str(row["entry"]).split("-") for row in rows_in(path))
    assert one == other
    assert (first, second) == ("2", "1")


@pytest.mark.parametrize("name", FILES[1:])
async def test_a_table_has_a_column_for_each_member_and_the_errors_under_its_name(
    name: str, tmp_path: Path, journal: Journal
) -> None:
    columns = "line result reference session_id status eci cryptogram xid response_code seconds"
    columns += " error.kind error.message error.path error.status error.request_id replayed entry"
    with OutputFile.create(tmp_path / name) as output:
        await journal.settle(None, Outcome.invalid_record(bad_line(9)))
        await output.finish(journal)
    (row,) = rows_in(tmp_path / name)
    assert " ".join(row) == columns
    given = {name: str(value).lower() for name, value in row.items() if value not in {None, ""}}
    assert given.pop("entry").endswith("-1")
    assert given == {
        "line": "9",
        "result": "invalid",
        "error.kind": "invalidrecord",
        "error.message": "the line is not a json object",
        "error.path": "$",
        "replayed": "false",
    }


def test_the_documentation_lists_the_columns() -> None:
    page = (EXAMPLES.parents[2] / "docs" / "batch.md").read_text()
    table = page.partition("| Column |")[2].partition("\n\n")[0]
    listed = [name for row in table.splitlines()[2:] for name in row.split("|")[1].replace("`", "").split(",")]
    assert [name.strip() for name in listed] == [*COLUMNS]


async def test_parquet_columns_are_typed(tmp_path: Path, journal: Journal) -> None:
    with OutputFile.create(tmp_path / "out.parquet") as output:
        await output.finish(journal)
    table = parquet.read_table(tmp_path / "out.parquet")
    types = {name: str(table.schema.field(name).type) for name in table.column_names}
    others = {name: type_ for name, type_ in types.items() if type_ != "string"}
    assert others == {"line": "int64", "seconds": "double", "error.status": "int64", "replayed": "bool"}
    assert table.num_rows == 0


@pytest.mark.costly
@settings(max_examples=30)
@given(made=st.lists(outcomes, min_size=1, max_size=9, unique_by=lambda each: each.line))
def test_what_is_in_the_journal_is_in_the_file(made: Sequence[Outcome]) -> None:
    with TemporaryDirectory() as folder:
        paths, appended = [Path(folder, name) for name in FILES], Path(folder, "appended.jsonl")

        async def write() -> None:
            async with Journal(Path(folder, "run.journal"), durable=False) as journal:
                written = await settled(journal, *made)
                with OutputFile.create(appended) as rows:
                    for each in sorted(written, key=lambda each: each.line):
                        rows.write(msgspec.structs.replace(each, replayed=False))
                for path in paths:
                    with OutputFile.create(path) as output:
                        await output.finish(journal)

        asyncio.run(write())
        expected = [_given(row) for row in rows_in(appended)]
        assert [[_given(row) for row in rows_in(path)] for path in paths] == [expected] * 3


def _given(row: dict[str, object]) -> dict[str, str]:
    """A row in any format as the members it gives, as texts."""
    members = dict(flat(row))
    texts = {name: str(value) for name, value in members.items() if value is not None}
    texts["replayed"] = texts.get("replayed", "false").lower()
    return {name: text for name, text in texts.items() if text}


@pytest.mark.parametrize("name", FILES)
async def test_only_the_owner_may_read_the_file(name: str, tmp_path: Path, journal: Journal) -> None:
    with OutputFile.create(tmp_path / name) as output:
        for each in await settled(journal, outcome(1)):
            output.write(each)
        assert {mode_of(each) for each in tmp_path.iterdir()} <= {0o600}
        await output.finish(journal)
    assert [(each.name, mode_of(each)) for each in tmp_path.iterdir()] == [(name, 0o600)]


@pytest.mark.parametrize("name", FILES)
def test_an_existing_file_is_refused_and_left_alone(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text("precious")
    with pytest.raises(BatchFileError, match=rf"{name} exists.*--force"):
        OutputFile.create(path)
    assert [each.read_text() for each in tmp_path.iterdir()] == ["precious"]


@pytest.mark.parametrize("name", FILES)
async def test_force_begins_anew_with_a_private_file(name: str, tmp_path: Path, journal: Journal) -> None:
    path = tmp_path / name
    path.write_text("old")
    path.chmod(0o644)
    with OutputFile.create(path, force=True) as output:
        for each in await settled(journal, outcome(2)):
            output.write(each)
        await output.finish(journal)
    assert lines_in(path) == [2]
    assert mode_of(path) == 0o600


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("is_there", [True, False])
async def test_a_link_stays_a_link_to_the_file_that_is_replaced(
    name: str, is_there: bool, tmp_path: Path, journal: Journal
) -> None:
    path, behind = tmp_path / name, tmp_path / "elsewhere" / f"behind-{name}"
    behind.parent.mkdir()
    path.symlink_to(behind)
    if is_there:
        behind.write_text("old")
    with OutputFile.create(path, force=is_there) as output:
        for each in await settled(journal, outcome(2)):
            output.write(each)
        await output.finish(journal)
    assert path.is_symlink()
    assert lines_in(behind) == [2]
    assert mode_of(behind) == 0o600


async def test_the_name_of_a_link_selects_the_format(tmp_path: Path, journal: Journal) -> None:
    path, behind = tmp_path / "out.csv", tmp_path / "results"
    path.symlink_to(behind)
    for output in (OutputFile.create(path), await OutputFile.resume(path, journal)):
        with output:
            await output.finish(journal)
        assert behind.read_text().startswith("line,result,")


async def test_a_device_is_written_to_and_keeps_its_mode(journal: Journal) -> None:
    before = mode_of(Path(os.devnull))
    with OutputFile.create(Path(os.devnull), Format.CSV, force=True) as output:
        output.write(outcome(1))
        await output.finish(journal)
    assert mode_of(Path(os.devnull)) == before


@pytest.mark.parametrize("name", FILES)
def test_a_folder_that_does_not_exist_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(BatchFileError, match=r"nowhere.*No such file"):
        OutputFile.create(tmp_path / "nowhere" / name)


@pytest.mark.parametrize(
    ("name", "format_", "said"),
    [
        ("out.jsonl.gz", None, "not compressed"),
        ("out.gz", Format.CSV, "not compressed"),
        ("out.txt", None, "jsonl, csv, parquet"),
        (os.devnull, Format.PARQUET, "Parquet needs a regular file"),
    ],
)
def test_what_cannot_be_written_is_refused(name: str, format_: Format | None, said: str, tmp_path: Path) -> None:
    with pytest.raises(BatchFileError, match=said):
        OutputFile.create(tmp_path / name, format_)
    assert [*tmp_path.iterdir()] == []


def test_a_row_that_does_not_fit_leaves_the_file_with_whole_rows(path: Path) -> None:
    with OutputFile.create(path) as output:
        output.write(outcome(1))
        whole = path.read_bytes()
        with largest_file(len(whole) + 10), pytest.raises(OSError, match="File too large"):
            output.write(outcome(2))
        assert path.read_bytes() == whole
        output.write(outcome(3))
    assert lines_in(path) == [1, 3]


def test_a_table_whose_header_does_not_fit_is_refused(tmp_path: Path) -> None:
    with largest_file(10), pytest.raises(BatchFileError, match="File too large"):
        OutputFile.create(tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes() == b""


@pytest.mark.parametrize("name", FILES)
async def test_a_file_that_cannot_be_written_anew_leaves_the_rows_appended_before(
    name: str, tmp_path: Path, journal: Journal
) -> None:
    path = tmp_path / name
    with OutputFile.create(path) as output:
        for each in await settled(journal, outcome(2), outcome(1)):
            output.write(each)
        with largest_file(200), pytest.raises(OSError, match="File too large"):
            await output.finish(journal)
        appended = [] if name == "out.parquet" else [(name, [2, 1])]
        assert [(each.name, lines_in(each)) for each in tmp_path.iterdir()] == appended
        await output.finish(journal)
    assert lines_in(path) == [1, 2]


@pytest.mark.parametrize("name", FILES)
async def test_a_cancellation_does_not_close_the_file_while_it_is_being_written(
    name: str, tmp_path: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal's thread writes it: a file that is closed meanwhile would be an error there, or worse."""
    writing, may_go_on, ended = threading.Event(), threading.Event(), list[str]()

    @contextmanager
    def slow_writer(file: BinaryIO, format_: Format, dialect: CsvDialect) -> Generator[Callable[[Outcome], None]]:
        with row_writer(file, format_, dialect) as write:

            def slow(each: Outcome) -> None:
                writing.set()
                may_go_on.wait(60)
                write(each)
                ended.append("written")

            yield slow
        ended.append("closed")

    monkeypatch.setattr(output_file, "row_writer", slow_writer)
    await settled(journal, outcome(1))
    with OutputFile.create(tmp_path / name) as output:
        finishing = asyncio.create_task(output.finish(journal))
        await asyncio.to_thread(writing.wait)
        finishing.cancel()
        await asyncio.sleep(0)
        may_go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await finishing
    assert ended == ["written"]
    assert not [*tmp_path.glob(f"{name}.*.new")]


@pytest.mark.slow
@pytest.mark.parametrize("format_", [Format.JSONL, Format.CSV])
def test_rows_go_to_standard_output(format_: Format, tmp_path: Path) -> None:
    code = (
        "import asyncio, sys\n"
        "from checkout_async.batch import Outcome\n"
        "from checkout_async.batch.formats import Format\n"
        "from checkout_async.batch.outcome import BatchResult\n"
        "from checkout_async.batch.results import OutputFile\n"
        "with OutputFile.standard_output(Format(sys.argv[1])) as output:\n"
        "    output.write(Outcome(line=7, result=BatchResult.EXPIRED))\n"
        "    asyncio.run(output.finish(None))\n"
        "print('open')\n"
    )
    shown = subprocess.run([sys.executable, "-c", code, format_], capture_output=True, check=True).stdout
    with OutputFile.create(tmp_path / f"out.{format_}") as output:
        output.write(Outcome(line=7, result=BatchResult.EXPIRED))
    assert shown == (tmp_path / f"out.{format_}").read_bytes() + b"open\n"
