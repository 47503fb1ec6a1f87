"""A Parquet file is a request a row, in structs, in columns named by field paths, or in both."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from importlib import import_module
from pathlib import Path

import pytest

from checkout_async.batch import InvalidRecord, Record
from checkout_async.batch.sources import open_source
from checkout_async.errors import BatchFileError, MissingExtra
from tests.batch.files import example_requests, flat, read, requests_in, until_it_fails
from tests.batch.support import CARD

arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "in.parquet"


def not_utf8() -> object:
    offsets = arrow.py_buffer(b"".join(each.to_bytes(4, "little") for each in (0, 1, 3)))
    return arrow.Array.from_buffers(arrow.string(), 2, [None, offsets, arrow.py_buffer(b"a\xff\xfe")])


def write(path: Path, columns: Mapping[str, Sequence[object]]) -> None:
    parquet.write_table(arrow.table(columns), path, row_group_size=3)


@pytest.mark.parametrize("example", example_requests())
async def test_every_documented_request_can_be_written_in_structs(example: str, path: Path) -> None:
    request = example_requests()[example]
    parquet.write_table(arrow.Table.from_pylist([request]), path)
    assert await requests_in(path) == [request]


@pytest.mark.parametrize("example", example_requests())
async def test_every_documented_request_can_be_written_in_columns_named_by_paths(example: str, path: Path) -> None:
    request = example_requests()[example]
    write(path, {name: [value] for name, value in flat(request)})
    assert await requests_in(path) == [request]


async def test_requests_of_several_kinds_leave_nulls_which_are_no_members(path: Path) -> None:
    examples = [*example_requests().values()]
    parquet.write_table(arrow.Table.from_pylist(examples, schema=_common_schema(examples)), path)
    assert await requests_in(path) == examples


def _common_schema(rows: Sequence[object]) -> object:
    tables = [arrow.Table.from_pylist([row]) for row in rows]
    return arrow.unify_schemas([each.schema for each in tables], promote_options="permissive")


@pytest.mark.parametrize("names", [("source", "source.name"), ("source.name", "source")])
async def test_an_object_may_be_partly_struct_and_partly_columns(names: tuple[str, str], path: Path) -> None:
    values: dict[str, list[object]] = {"source": [{"type": "id", "id": None}, None], "source.name": ["a", "b"]}
    write(path, {name: values[name] for name in names})
    assert await requests_in(path) == [{"source": {"type": "id", "name": "a"}}, {"source": {"name": "b"}}]


async def test_texts_times_and_categories_are_read_as_what_belongs_there(path: Path) -> None:
    when = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    columns = {
        "amount": ["0100"],
        "account_info.account_date": arrow.array([when], arrow.timestamp("ns", "UTC")),
        "currency": arrow.array(["GBP"]).dictionary_encode(),
    }
    write(path, columns)
    date = "2026-01-02T03:04:05+00:00"
    assert await requests_in(path) == [{"amount": 100, "account_info": {"account_date": date}, "currency": "GBP"}]


async def test_a_date_is_the_beginning_of_its_day(path: Path) -> None:
    write(path, {"account_info.account_date": [date(2026, 1, 2)]})
    assert await requests_in(path) == [{"account_info": {"account_date": "2026-01-02T00:00:00Z"}}]


async def test_a_column_without_any_value_may_stand_for_an_object_or_a_list(path: Path) -> None:
    empty = arrow.nulls(1)
    write(
        path, {"source": empty, "preferred_experiences": empty, "billing_descriptor": [{"name": None}], "amount": empty}
    )
    assert await requests_in(path) == [{}]
    write(path, {"source": empty})
    assert await requests_in(path) == [{}]


@pytest.mark.parametrize(
    ("name", "column", "said"),
    [
        ("reference", not_utf8(), 'column "reference" is not valid UTF-8'),
        ("source", arrow.StructArray.from_arrays([not_utf8()], ["name"]), 'column "source" is not valid UTF-8'),
        ("account_info.account_date", arrow.array([0, 1], arrow.timestamp("ns")), "finer than microseconds"),
        ("account_info.account_date", arrow.array([0, 10**12], arrow.timestamp("s")), "outside the years 1 to 9999"),
        ("account_info.account_date", arrow.array([0, 2**31 - 1], arrow.date32()), "outside the years 1 to 9999"),
    ],
)
async def test_a_value_that_cannot_be_read_spoils_its_row_only(
    name: str, column: Sequence[object], said: str, path: Path
) -> None:
    write(path, {"amount": [1, 2], name: column})
    [good, bad] = await read(path)
    assert isinstance(good, Record)
    assert good.line == 1
    assert isinstance(bad, InvalidRecord)
    assert (bad.line, name in bad.reason, said in bad.reason) == (2, True, True)


async def test_the_line_of_a_record_is_its_row_and_rows_are_counted(path: Path) -> None:
    write(path, {"reference": [f"r-{number}" for number in range(1000)]})
    items = await read(path)
    assert items[999] == Record(line=1000, request={"reference": "r-999"}, reference="r-999")
    with open_source(path) as source:
        assert source.total() == len(items) == 1000


async def test_an_empty_file_has_no_records(path: Path) -> None:
    write(path, {"reference": arrow.array([], arrow.string())})
    assert await read(path) == []


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"source.nmber": ["1"]}, '"source.nmber" (did you mean "source.number"?)'),
        ({"source": [{"nmber": "1"}]}, '"source.nmber" (did you mean'),
        ({"source": ["x"]}, 'column "source" is of type string; it must be a struct'),
        ({"preferred_experiences": ["3ds"]}, "it must be a list"),
        ({"source.number": [4242]}, 'column "source.number" is of type int64; it must be string'),
        ({"source.number": [b"4242"]}, "is of type binary"),
        ({"amount": [1.5]}, 'column "amount" is of type double; it must be string or int'),
        ({"amount": [date(2026, 1, 2)]}, 'column "amount" is of type date32[day]; it must be string or int'),
        ({"reference": [date(2026, 1, 2)]}, "is of type date32[day]; it must be string"),
        ({"account_info.account_date": [1]}, "is of type int64; it must be string or datetime"),
        ({"source": [{"name": "a"}], "source.name": ["b"]}, '2 columns are named "source.name"; keep one of them'),
        ({}, 'in.parquet has no columns; name them as the fields, such as "source.number"'),
    ],
)
def test_columns_that_do_not_fit_are_refused_at_once(
    columns: Mapping[str, Sequence[object]], said: str, path: Path
) -> None:
    write(path, columns)
    with pytest.raises(BatchFileError) as caught:
        open_source(path)
    assert said in str(caught.value)


def test_a_file_that_is_no_parquet_is_refused(path: Path) -> None:
    path.write_bytes(CARD.encode() * 10)
    with pytest.raises(BatchFileError, match=r"in.parquet: Parquet: .*magic bytes") as caught:
        open_source(path)
    assert CARD not in str(caught.value)


@pytest.mark.costly
async def test_what_was_read_before_a_damaged_place_is_carried_out_first(path: Path) -> None:
    rows = 200_000
    names = arrow.array([f"{number:08}" for number in range(rows)])
    parquet.write_table(arrow.table({"reference": names}), path, row_group_size=rows // 2, use_dictionary=False)
    content = bytearray(path.read_bytes())
    second = parquet.ParquetFile(path).metadata.row_group(1).column(0).data_page_offset
    content[second : second + 40] = b"\xff" * 40
    path.write_bytes(content)
    with open_source(path) as source:
        lines, reason = await until_it_fails(source.records())
    assert "Parquet: " in reason
    assert lines == [*range(1, len(lines) + 1)]
    assert len(lines) >= rows // 4


async def test_a_reader_that_is_cancelled_leaves_a_file_that_can_be_closed(path: Path) -> None:
    write(path, {"reference": ["a"] * 1000})
    with open_source(path) as source:
        waiting = asyncio.ensure_future(anext(source.records()))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting


def test_without_pyarrow_the_extra_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(path, {"reference": ["a"]})
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(MissingExtra, match=r"checkout-async\[parquet\]"):
        open_source(path)
