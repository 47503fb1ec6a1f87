"""The format of an input follows from its name; gzip is found by its first bytes, and read as far as it is sound."""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout_async.batch import Record
from checkout_async.batch.formats import Format, format_of
from checkout_async.batch.sources import open_source
from checkout_async.batch.sources.base import InputLines
from checkout_async.batch.sources.jsonl import JsonReader
from checkout_async.batch.sources.lines import read_chunks
from checkout_async.errors import BatchFileError
from tests.batch.files import read, until_it_fails

LINES = b'{"amount": 1}\n{"amount": 2}\n'
AMOUNTS = [{"amount": 1}, {"amount": 2}]


class Portions(io.BytesIO):
    """A file that gives a few bytes at a time, as a pipe does."""

    def __init__(self, content: bytes, size: int) -> None:
        super().__init__(content)
        self.size = size

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(self.size if size is None or size < 0 else min(size, self.size))


def inflated(content: bytes, size: int = 1 << 16) -> bytes:
    return b"".join(read_chunks(Portions(content, size)))


async def lines_and_reason(content: bytes) -> tuple[list[int], str]:
    return await until_it_fails(JsonReader().aread(read_chunks(io.BytesIO(content))))


@pytest.mark.parametrize(
    ("name", "format_"),
    [
        ("a.jsonl", Format.JSONL),
        ("a.ndjson.gz", Format.JSONL),
        ("a.b.CSV", Format.CSV),
        ("a.csv.GZ", Format.CSV),
        ("a.parquet", Format.PARQUET),
        (None, Format.JSONL),
    ],
)
def test_the_name_of_a_file_tells_its_format(name: str | None, format_: Format) -> None:
    assert format_of(Path(name) if name else None) is format_


def test_a_format_that_is_given_counts_more_than_the_name() -> None:
    assert format_of(Path("a.txt"), Format.CSV) is Format.CSV
    assert format_of(None, Format.CSV) is Format.CSV


@pytest.mark.parametrize("name", ["requests.txt", "requests", "requests.gz", ".csv"])
def test_an_unknown_suffix_is_refused_with_the_known_formats(name: str) -> None:
    with pytest.raises(BatchFileError, match=rf"{name}.*--input-format or --output-format: jsonl, csv, parquet"):
        format_of(Path(name))


@pytest.mark.parametrize("path", [None, Path("a.parquet.gz")])
def test_parquet_is_read_from_plain_files_only(path: Path | None) -> None:
    with pytest.raises(BatchFileError, match="; name a plain file"):
        format_of(path, Format.PARQUET)


async def test_gzip_is_found_by_its_first_bytes_whatever_the_name(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(gzip.compress(LINES))
    assert [item.request for item in await read(path) if isinstance(item, Record)] == AMOUNTS


async def test_a_name_that_says_gzip_may_be_wrong(tmp_path: Path) -> None:
    path = tmp_path / "in.csv.gz"
    path.write_bytes(b"amount\n1\n")
    assert await read(path) == [Record(line=2, request={"amount": 1})]


@given(st.lists(st.binary(max_size=100), min_size=1, max_size=4), st.integers(1, 50), st.integers(0, 9))
def test_all_members_are_read_in_any_portion(parts: list[bytes], size: int, zeros: int) -> None:
    content = b"".join(gzip.compress(part) + b"\0" * zeros for part in parts)
    assert inflated(content, size) == b"".join(parts)


def test_a_file_much_larger_than_its_gzip_is_read_in_portions() -> None:
    portions = [len(portion) for portion in read_chunks(io.BytesIO(gzip.compress(bytes(10_000_000))))]
    assert max(portions) <= 1 << 16
    assert sum(portions) == 10_000_000


@given(st.binary(max_size=20).filter(lambda content: not content.startswith(b"\x1f\x8b")))
def test_what_is_no_gzip_is_read_as_it_is(content: bytes) -> None:
    assert inflated(content) == content


@pytest.mark.parametrize("missing", [1, 8, 20])
async def test_what_was_read_of_a_gzip_that_ends_too_early_is_carried_out_first(missing: int) -> None:
    lines, reason = await lines_and_reason(gzip.compress(LINES) + gzip.compress(LINES)[:-missing])
    assert lines[:2] == [1, 2]
    assert "end too early" in reason


async def test_a_last_line_that_is_not_complete_is_not_read_as_one() -> None:
    lines, _ = await lines_and_reason(gzip.compress(LINES + b'{"amount": 31}')[:-8])
    assert lines == [1, 2]


@pytest.mark.parametrize("tail", [b"garbage", b"\x1f\x8b\x08\x00garbage garbage"])
async def test_what_was_read_of_a_damaged_gzip_is_carried_out_first(tail: bytes) -> None:
    lines, reason = await lines_and_reason(gzip.compress(LINES) + tail)
    assert lines == [1, 2]
    assert "damaged" in reason or "too early" in reason


async def test_a_wrong_check_sum_is_noticed() -> None:
    content = bytearray(gzip.compress(LINES))
    content[-8] ^= 1
    lines, reason = await lines_and_reason(bytes(content))
    assert "damaged" in reason
    assert len(lines) <= 2


@pytest.mark.slow
@pytest.mark.parametrize("content", [LINES, gzip.compress(LINES, mtime=0)])
def test_standard_input_is_read(content: bytes) -> None:
    code = (
        "import asyncio\n"
        "from checkout_async.batch.sources import open_source\n"
        "async def main():\n"
        "    with open_source(None) as source:\n"
        "        print(source.total(), [item.request async for item in source.records()])\n"
        "asyncio.run(main())\n"
    )
    shown = subprocess.run([sys.executable, "-c", code], input=content, capture_output=True, check=True).stdout
    assert shown.decode().strip() == f"None {AMOUNTS}"


@pytest.mark.parametrize("end", [b"", b"\n"])
async def test_every_line_is_accounted_for(end: bytes, tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(b"{}\n\n{}\n  \nnonsense" + end)
    with open_source(path) as source:
        assert len([item async for item in source.records()]) == 3
        assert source.lines == InputLines(records=3, blank=2)


def test_records_are_counted_without_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(b"{}\n\n{}\n  \nnonsense")
    with open_source(path) as source:
        assert source.total() == 3


def test_what_would_have_to_be_read_twice_is_not_counted(tmp_path: Path) -> None:
    packed, pipe = tmp_path / "in.jsonl.gz", tmp_path / "pipe.jsonl"
    packed.write_bytes(gzip.compress(LINES))
    with open_source(packed) as source:
        assert source.total() is None
    os.mkfifo(pipe)
    writing = os.open(pipe, os.O_RDWR)
    with open_source(pipe) as source:
        assert source.total() is None
    os.close(writing)


def test_a_source_can_be_reported_from_another_file(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_bytes(LINES)
    with open_source(path) as source:
        assert os.path.samestat(os.fstat(source.fileno()), path.stat())


@pytest.mark.parametrize("name", ["none.jsonl", "none.csv", "none.parquet"])
def test_a_file_that_cannot_be_read_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(BatchFileError, match=rf"{name}: No such file"):
        open_source(tmp_path / name)


def test_a_packed_table_that_is_damaged_in_its_header_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "in.csv.gz"
    path.write_bytes(gzip.compress(b"amount\n1\n")[:12])
    with pytest.raises(BatchFileError, match="end too early"):
        open_source(path)
