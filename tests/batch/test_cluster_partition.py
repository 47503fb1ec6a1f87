"""Each record is in exactly one partition, whatever their number; equal references, and equal contents, meet in one."""

from __future__ import annotations

import asyncio
import gzip
import json
import pickle
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout_async.batch.arrow import ParquetWriter
from checkout_async.batch.cluster.partition import Partition, records_of
from checkout_async.batch.formats import Format, format_of
from checkout_async.batch.records import InvalidRecord, Record
from checkout_async.batch.sources import open_source
from checkout_async.errors import BatchFileError
from tests.batch.files import read
from tests.batch.support import bad_line, request
from tests.commands import write_lines

Items = list[Record | InvalidRecord]

_references = st.none() | st.text(max_size=4) | st.sampled_from(["a", "b", "\ud800"])
_requests = st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=3) | st.just(object()), max_size=3)


def some_partitions(count: int, path: Path = Path("in.jsonl")) -> Sequence[Partition]:
    size = path.stat().st_size if path.exists() else 0
    format_ = format_of(path, None)
    return [
        Partition(number=number, count=count, folder="parts", input=str(path), format=format_, size=size)
        for number in range(count)
    ]


async def split(path: Path, count: int) -> list[Items]:
    """The records of each partition."""
    parts: list[Items] = []
    for partition in some_partitions(count, path):
        with open_source(path) as source:
            parts.append([item async for item in records_of(partition, source)])
    return parts


@given(line=st.integers(1, 2**40), request=_requests, reference=_references, count=st.integers(1, 40))
def test_a_record_is_in_exactly_one_partition(
    line: int, request: dict[str, object], reference: str | None, count: int
) -> None:
    record = Record(line=line, request=request, reference=reference)
    assert sum(each.has(record) for each in some_partitions(count)) == 1


@given(line=st.integers(1, 2**40), count=st.integers(1, 40))
def test_a_line_that_cannot_be_read_is_in_exactly_one_partition(line: int, count: int) -> None:
    assert sum(each.has(bad_line(line)) for each in some_partitions(count)) == 1


@given(
    reference=st.text(st.characters(exclude_categories=["C"]), min_size=1),
    lines=st.tuples(*[st.integers(1, 99)] * 2),
    count=st.integers(1, 40),
)
def test_equal_references_meet_in_one_partition(reference: str, lines: tuple[int, int], count: int) -> None:
    first, second = (Record(line=line, request=request(amount=line), reference=reference) for line in lines)
    assert [each.has(first) for each in some_partitions(count)] == [each.has(second) for each in some_partitions(count)]


@given(members=st.permutations([*request()]), count=st.integers(1, 40), reference=st.sampled_from(["", None]))
def test_equal_requests_without_a_reference_meet_in_one_partition(
    members: list[str], count: int, reference: str | None
) -> None:
    first = Record(line=1, request=request(), reference=None)
    second = Record(line=2, request={name: request()[name] for name in members}, reference=reference)
    assert [each.has(first) for each in some_partitions(count)] == [each.has(second) for each in some_partitions(count)]


def test_the_partition_of_a_reference_is_the_same_in_every_version() -> None:
    """A run that one version has planned may be resumed with the next one."""
    record = Record(line=1, request={}, reference="ref-1")
    # The first half of the first digest that `printf ref-1 | sha256sum` prints.
    assert [each.number for each in some_partitions(1000) if each.has(record)] == [0x9EBCEFDF73B3C490 % 1000]


_lines = st.lists(
    st.one_of(
        st.integers(0, 99).map(lambda number: json.dumps(request(reference=str(number)))),
        st.sampled_from(["", "   ", "{", "[1]", '{"reference": "ü"}', '{"x": "' + "y" * 300 + '"}']),
    ),
    max_size=30,
)


@pytest.mark.costly
@given(lines=_lines, count=st.integers(1, 7), compressed=st.booleans())
def test_the_partitions_of_json_lines_have_the_records_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], count: int, compressed: bool
) -> None:
    path = tmp_path_factory.mktemp("lines") / f"in.jsonl{'.gz' * compressed}"
    content = "\n".join(lines).encode()
    path.write_bytes(gzip.compress(content) if compressed else content)
    asyncio.run(_together_they_are_the_whole(path, count))


_table = st.lists(
    st.lists(st.sampled_from(["", "a", "two\nlines", 'a "quote"', "1,5", "\n\n", "ü"]), min_size=2, max_size=3),
    max_size=30,
)


@pytest.mark.costly
@given(rows=_table, count=st.integers(1, 7), compressed=st.booleans())
def test_the_partitions_of_csv_have_the_records_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], count: int, compressed: bool
) -> None:
    path = tmp_path_factory.mktemp("rows") / f"in.csv{'.gz' * compressed}"
    quoted = [
        ",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in [["reference", "currency"], *rows]
    ]
    content = ("\n".join(quoted) + "\n").encode()
    path.write_bytes(gzip.compress(content) if compressed else content)
    asyncio.run(_together_they_are_the_whole(path, count))


@pytest.mark.costly
@pytest.mark.parametrize("count", [1, 3, 7, 100])
async def test_the_partitions_of_parquet_have_the_records_of_the_whole(tmp_path: Path, count: int) -> None:
    path = tmp_path / "in.parquet"
    with path.open("wb") as file, closing(ParquetWriter(file, {"reference": str, "amount": int})) as writer:
        for begin in (0, 20, 40):
            writer.write([{"reference": str(row % 50), "amount": row} for row in range(begin, begin + 20)])
    await _together_they_are_the_whole(path, count)


async def _together_they_are_the_whole(path: Path, count: int) -> None:
    parts = await split(path, count)
    together = sorted((item for part in parts for item in part), key=lambda item: item.line)
    assert together == await read(path)
    where = [(item.reference, number) for number, part in enumerate(parts) for item in part if isinstance(item, Record)]
    places = Counter(reference for reference, _ in {*where} if reference)
    assert not [reference for reference, number in places.items() if number > 1]


@pytest.mark.costly
async def test_partitions_have_about_as_many_records_each(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "in.jsonl", [request(reference=f"order {number}") for number in range(4000)])
    # The standard deviation of each is 21: these bounds are those of six.
    assert all(375 < len(part) < 625 for part in await split(path, 8))


async def test_an_input_that_is_not_the_planned_one_is_refused(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "in.jsonl", [request(reference="a")])
    [partition] = some_partitions(1, path)
    write_lines(path, [request(reference="other")])
    with (
        open_source(path) as source,
        pytest.raises(BatchFileError, match=r"is not the file .*, or has changed"),
    ):
        await anext(records_of(partition, source))


def test_a_partition_can_be_pickled() -> None:
    [partition] = some_partitions(1)
    assert pickle.loads(pickle.dumps(partition)) == partition
    assert partition.format is Format.JSONL
