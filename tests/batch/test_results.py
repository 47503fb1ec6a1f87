"""Results are written at once, whole, and into a file that only its owner may read; any format gives them back."""

from __future__ import annotations

import csv
import os
import resource
import stat
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout_async.batch import Outcome
from checkout_async.batch.formats import Format
from checkout_async.batch.outcome import BatchResult
from checkout_async.batch.results import OutputFile
from checkout_async.batch.results.rows import COLUMNS
from checkout_async.errors import BatchFileError
from tests.batch.files import EXAMPLES, flat, outcomes
from tests.batch.support import bad_line, record, session

parquet = import_module("pyarrow.parquet")

FILES = ["out.jsonl", "out.csv", "out.parquet"]


def outcome(line: int) -> Outcome:
    return Outcome.of(record(line), session())


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


def test_a_result_is_in_the_file_as_soon_as_it_is_written(path: Path) -> None:
    with OutputFile.create(path) as results:
        for line in (2, 1):
            results.write(outcome(line))
            assert str(rows_in(path)[-1]["line"]) == str(line)


def test_a_table_has_a_column_for_each_member_and_the_errors_under_its_name(tmp_path: Path) -> None:
    columns = "line result reference session_id status eci cryptogram xid response_code seconds"
    columns += " error.kind error.message error.path error.status error.request_id replayed"
    for name in FILES[1:]:
        with OutputFile.create(tmp_path / name) as results:
            results.write(Outcome.invalid_record(bad_line(9)))
            results.finish()
        (row,) = rows_in(tmp_path / name)
        assert " ".join(row) == columns
        given = {name: str(value).lower() for name, value in row.items() if value not in {None, ""}}
        message = "the line is not a json object"
        assert given == {
            "line": "9",
            "result": "invalid",
            "error.kind": "invalidrecord",
            "error.message": message,
            "error.path": "$",
            "replayed": "false",
        }


def test_the_documentation_lists_the_columns() -> None:
    page = (EXAMPLES.parents[2] / "docs" / "batch.md").read_text()
    table = page.partition("| Column |")[2].partition("\n\n")[0]
    listed = [name for row in table.splitlines()[2:] for name in row.split("|")[1].replace("`", "").split(",")]
    assert [name.strip() for name in listed] == [*COLUMNS]


def test_parquet_columns_are_typed(tmp_path: Path) -> None:
    with OutputFile.create(tmp_path / "out.parquet") as results:
        results.finish()
    table = parquet.read_table(tmp_path / "out.parquet")
    types = {name: str(table.schema.field(name).type) for name in table.column_names}
    others = {name: type_ for name, type_ in types.items() if type_ != "string"}
    assert others == {"line": "int64", "seconds": "double", "error.status": "int64", "replayed": "bool"}
    assert table.num_rows == 0


@pytest.mark.parametrize("name", FILES)
@given(written=st.lists(outcomes, max_size=5, unique_by=lambda each: each.line))
def test_what_is_written_is_read_again(name: str, written: Sequence[Outcome]) -> None:
    final = [each for each in written if each.result.is_final]
    with TemporaryDirectory() as folder:
        path, copy = Path(folder, name), Path(folder, "copy.jsonl")
        with OutputFile.create(path) as results:
            for each in written:
                results.write(each)
            results.finish()
        results, kept = OutputFile.resume(path)
        with results:
            results.finish()
        assert sorted(each.line for each in written if each.line in kept) == sorted(each.line for each in final)
        with OutputFile.create(copy) as expected:
            for each in final:
                expected.write(each)
        assert [_given(row) for row in rows_in(path)] == [_given(row) for row in rows_in(copy)]


def _given(row: dict[str, object]) -> dict[str, str]:
    """A row in any format as the members it gives, as texts."""
    members = dict(flat(row))
    texts = {name: str(value) for name, value in members.items() if value is not None}
    texts["replayed"] = texts.get("replayed", "false").lower()
    return {name: text for name, text in texts.items() if text}


@pytest.mark.parametrize("name", FILES)
def test_only_the_owner_may_read_the_files(name: str, tmp_path: Path) -> None:
    with OutputFile.create(tmp_path / name) as results:
        results.write(outcome(1))
        assert [mode_of(each) for each in tmp_path.iterdir()] == [0o600]
        results.finish()
    assert [(each.name, mode_of(each)) for each in tmp_path.iterdir()] == [(name, 0o600)]


@pytest.mark.parametrize("name", FILES)
def test_an_existing_file_is_refused_and_left_alone(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text("precious")
    with pytest.raises(BatchFileError, match=rf"{name} exists.*--force"):
        OutputFile.create(path)
    assert [each.read_text() for each in tmp_path.iterdir()] == ["precious"]


def test_the_results_that_an_interrupted_run_left_for_parquet_are_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "out.parquet"
    with OutputFile.create(path) as results:
        results.write(outcome(1))
    with pytest.raises(BatchFileError, match=r"out.parquet.rows.jsonl exists.*--force"):
        OutputFile.create(path)
    assert [row["line"] for row in rows_in(tmp_path / "out.parquet.rows.jsonl")] == [1]


@pytest.mark.parametrize("name", FILES)
def test_force_begins_anew_with_private_files(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    for _ in range(2):
        with OutputFile.create(path, force=True) as results:
            results.write(outcome(1))
    path.write_text("old")
    path.chmod(0o644)
    with OutputFile.create(path, force=True) as results:
        results.write(outcome(2))
        results.finish()
    assert [int(str(row["line"])) for row in rows_in(path)] == [2]
    assert mode_of(path) == 0o600


def test_a_device_is_written_to_and_keeps_its_mode() -> None:
    before = mode_of(Path(os.devnull))
    with OutputFile.create(Path(os.devnull), Format.CSV, force=True) as results:
        results.write(outcome(1))
        results.finish()
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


def test_a_result_that_does_not_fit_leaves_the_file_with_whole_rows(path: Path) -> None:
    with OutputFile.create(path) as results:
        results.write(outcome(1))
        whole = path.read_bytes()
        with largest_file(len(whole) + 10), pytest.raises(OSError, match="File too large"):
            results.write(outcome(2))
        assert path.read_bytes() == whole
        results.write(outcome(3))
    assert [int(str(row["line"])) for row in rows_in(path)] == [1, 3]


def test_a_table_whose_header_does_not_fit_is_refused(tmp_path: Path) -> None:
    with largest_file(10), pytest.raises(BatchFileError, match="File too large"):
        OutputFile.create(tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes() == b""


def test_a_parquet_file_that_cannot_be_written_leaves_the_results_to_resume_from(tmp_path: Path) -> None:
    path = tmp_path / "out.parquet"
    path_of_new = tmp_path / "out.parquet.new"
    path_of_new.mkdir()
    with OutputFile.create(path) as results:
        results.write(outcome(1))
        with pytest.raises(OSError, match=r"out\.parquet\.new"):
            results.finish()
    path_of_new.rmdir()
    results, kept = OutputFile.resume(path)
    with results:
        results.finish()
    assert 1 in kept
    assert [row["line"] for row in rows_in(path)] == [1]


@pytest.mark.parametrize("format_", [Format.JSONL, Format.CSV])
def test_results_go_to_standard_output(format_: Format, tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from checkout_async.batch import Outcome\n"
        "from checkout_async.batch.formats import Format\n"
        "from checkout_async.batch.outcome import BatchResult\n"
        "from checkout_async.batch.results import OutputFile\n"
        "with OutputFile.standard_output(Format(sys.argv[1])) as results:\n"
        "    results.write(Outcome(line=7, result=BatchResult.EXPIRED))\n"
        "    results.finish()\n"
        "print('open')\n"
    )
    shown = subprocess.run([sys.executable, "-c", code, format_], capture_output=True, check=True).stdout
    with OutputFile.create(tmp_path / f"out.{format_}") as results:
        results.write(Outcome(line=7, result=BatchResult.EXPIRED))
    assert shown == (tmp_path / f"out.{format_}").read_bytes() + b"open\n"
