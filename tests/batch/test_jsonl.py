"""Lines become records; what is no record is reported by number, never by content, and never stops the reading."""

from __future__ import annotations

import asyncio
import io
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout_async.batch import InvalidRecord, Record
from checkout_async.batch.sources.jsonl import JsonReader, parse_line
from checkout_async.batch.sources.lines import LONGEST_LINE, LineSplitter, read_chunks
from tests.batch.support import CARD


async def read(content: bytes) -> list[Record | InvalidRecord]:
    return [item async for item in JsonReader().aread(read_chunks(io.BytesIO(content)))]


async def test_each_line_is_a_record_with_its_number_and_reference() -> None:
    first, second = await read(b'{"reference": "a", "amount": 1}\n{"amount": 2}\n')
    assert first == Record(line=1, request={"reference": "a", "amount": 1}, reference="a")
    assert second == Record(line=2, request={"amount": 2}, reference=None)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"amount": 1002, "amount": 999999}', "the member amount is in one object 2 times"),
        ('{"amount": 1, "source": {"number": "42", "number": "43"}}', "the member number is in one object 2 times"),
        ('{"amount": 19.00}', "19.00 is a whole number with decimals or an exponent: amounts are in the minor unit"),
        ('{"amount": 1e3}', "1e3 is a whole number with decimals or an exponent: amounts are in the minor unit"),
        (
            '{"a": [4242424242424242.0]}',
            "a number is a whole number with decimals or an exponent: amounts are in the minor unit",
        ),
    ],
)
async def test_a_line_that_does_not_say_for_certain_what_to_pay_is_no_record(line: str, reason: str) -> None:
    assert parse_line(3, line.encode()) == InvalidRecord(line=3, reason=reason)


async def test_blank_lines_are_passed_over_and_counted() -> None:
    items = await read(b'\n{"amount": 1}\n  \r\n{"amount": 2}')
    assert [item.line for item in items] == [2, 4]


async def test_line_ends_of_windows_and_a_byte_order_mark_do_no_harm() -> None:
    items = await read(b'\xef\xbb\xbf{"amount": 1}\r\n{"amount": 2}\r\n')
    assert [item.request for item in items if isinstance(item, Record)] == [{"amount": 1}, {"amount": 2}]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (f'{{"number": {CARD}, x}}'.encode(), "not valid JSON"),
        (f'["{CARD}"]'.encode(), "not a JSON object"),
        (CARD.encode(), "not a JSON object"),
        (b'{"name": "\xff' + CARD.encode() + b'"}', "not valid UTF-8"),
        (b'{"a":' * 1_000_000, "nested too deeply"),
        (b'{"reference": "\\ud800"}', "not valid JSON"),
    ],
)
def test_a_malformed_line_says_what_is_wrong_and_shows_nothing_of_itself(line: bytes, reason: str) -> None:
    bad = parse_line(7, line)
    assert isinstance(bad, InvalidRecord)
    assert bad.line == 7
    assert reason in bad.reason
    assert CARD not in bad.reason


@pytest.mark.parametrize(("opening", "end"), [("[", "]"), ('{"a":', "}")], ids=["lists", "objects"])
def test_a_line_is_a_record_down_to_a_hundred_levels(opening: str, end: str) -> None:
    """What is nested deeper would end the whole run with a RecursionError, somewhere later."""

    def line(levels: int) -> bytes:
        return f'{{"a":{opening * (levels - 1)}1{end * (levels - 1)}}}'.encode()

    assert isinstance(parse_line(1, line(100)), Record)
    for levels in (101, *range(950, 1000)):
        assert parse_line(1, line(levels)) == InvalidRecord(line=1, reason="the line is nested too deeply")
    assert isinstance(parse_line(1, b'{"a": [' + b"[]," * 500 + b"[]]}"), Record)


async def test_a_line_too_long_is_reported_and_the_next_one_read() -> None:
    first, second = await read(b'{"a": "' + b"x" * LONGEST_LINE + b'"}\n{"amount": 2}\n')
    assert isinstance(first, InvalidRecord)
    assert "longer than" in first.reason
    assert second == Record(line=2, request={"amount": 2})


def test_a_record_shows_no_request_in_its_repr() -> None:
    assert CARD not in repr(parse_line(1, f'{{"source": {{"number": "{CARD}"}}}}'.encode()))


@given(st.lists(st.binary(max_size=8).map(lambda part: part.replace(b"\xff", b"\n"))))
def test_lines_do_not_depend_on_where_chunks_end(chunks: list[bytes]) -> None:
    splitter = LineSplitter()
    lines = [line for chunk in chunks for line in splitter.feed(chunk)]
    assert [*lines, splitter.finish()] == b"".join(chunks).split(b"\n")


async def test_a_pipe_gives_its_lines_as_they_are_written() -> None:
    reading, writing = os.pipe()
    with io.FileIO(reading) as source, io.FileIO(writing, "w") as pipe:
        records = JsonReader().aread(read_chunks(source))
        pipe.write(b'{"amount": 1}\n')
        assert (await anext(records)).line == 1
        pipe.write(b'{"amount": 2}\n')
        assert (await anext(records)).line == 2
        await records.aclose()


async def test_waiting_for_a_silent_pipe_can_be_cancelled() -> None:
    reading, writing = os.pipe()
    with io.FileIO(reading) as source:
        waiting = asyncio.ensure_future(anext(JsonReader().aread(read_chunks(source))))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        os.close(writing)


async def test_a_source_that_cannot_be_read_raises_its_error() -> None:
    class Broken(io.BytesIO):
        def read(self, _size: int | None = -1, /) -> bytes:
            raise OSError(5, "Input/output error")

    with pytest.raises(OSError, match="Input/output error"):
        await anext(JsonReader().aread(read_chunks(Broken())))
