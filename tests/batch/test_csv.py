"""A CSV file is a request a row: its header names the members, empty cells leave them out."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout_async._core.body import encode_body
from checkout_async.batch import InvalidRecord, Record
from checkout_async.batch.sources import open_source, read_table
from checkout_async.batch.sources.lines import LONGEST_LINE
from checkout_async.batch.sources.rows import RowSplitter
from checkout_async.errors import BatchFileError
from checkout_async.models import sessions
from tests.batch.files import EXAMPLES, as_csv, example_requests, flat, read, requests_in
from tests.batch.support import CARD


async def table(content: bytes) -> list[Record | InvalidRecord]:
    return [item async for item in read_table(io.BytesIO(content))]


async def requests(content: bytes) -> list[object]:
    return [item.request for item in await table(content) if isinstance(item, Record)]


async def bad(content: bytes) -> InvalidRecord:
    """What is wrong with the first row of a table with two columns."""
    item, *_ = await table(b"reference,source.number\n" + content)
    assert isinstance(item, InvalidRecord)
    return item


@pytest.mark.parametrize("example", example_requests())
async def test_every_documented_request_can_be_written_as_a_row(example: str, tmp_path: Path) -> None:
    request = example_requests()[example]
    path = tmp_path / "in.csv"
    path.write_bytes(as_csv(*zip(*flat(request), strict=True)))
    assert await requests_in(path) == [request]


async def test_the_table_in_the_documentation_can_be_sent() -> None:
    page = (EXAMPLES.parents[2] / "docs" / "batch.md").read_text()
    content = page.partition("```csv\n")[2].partition("```")[0]
    found = await requests(content.encode())
    assert len(found) == content.count("\n") - 1
    for request in found:
        assert encode_body("request_session", request, sessions.SessionRequest)


async def test_one_table_may_hold_requests_of_several_kinds(tmp_path: Path) -> None:
    examples = [*example_requests().values()]
    rows = [dict(flat(each)) for each in examples]
    names = sorted({name for row in rows for name in row})
    path = tmp_path / "in.csv"
    path.write_bytes(as_csv(names, *([row.get(name, "") for name in names] for row in rows)))
    assert await requests_in(path) == examples


async def test_a_record_has_its_reference_and_the_number_of_the_line_it_begins_in() -> None:
    first, second = await table(b'reference,source.name\na,"two\nlines"\n,x\n')
    assert first == Record(line=2, request={"reference": "a", "source": {"name": "two\nlines"}}, reference="a")
    assert second == Record(line=4, request={"source": {"name": "x"}})


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
async def test_cells_are_separated_by_what_the_header_uses(delimiter: str) -> None:
    content = as_csv(["currency", "source.name"], ["GBP", 'a "b", c;\td'], delimiter=delimiter)
    assert await requests(content) == [{"currency": "GBP", "source": {"name": 'a "b", c;\td'}}]


async def test_a_byte_order_mark_windows_lines_and_quoted_names_do_no_harm() -> None:
    content = b'\xef\xbb\xbf"currency","amount"\r\nGBP,1\r\n'
    assert await requests(content) == [{"currency": "GBP", "amount": 1}]


async def test_blank_rows_are_passed_over_and_counted() -> None:
    items = await table(b"\n\ncurrency,amount\n\n,\nGBP,1")
    assert [item.line for item in items] == [6]


async def test_what_is_no_number_is_left_for_the_check_of_the_request() -> None:
    assert await requests(b"amount\n65.00\n") == [{"amount": "65.00"}]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (f"{CARD}\n", "the row has 1 cells and the header 2"),
        (f"a,b,{CARD}\n", "the row has 3 cells and the header 2"),
        (f'"{CARD}"x,\n', "not valid CSV"),
        (f'a,"{CARD}\n', "a quote that is not closed before the end of the file"),
        (f"a,{CARD * 10000}\n", "field larger than field limit"),
    ],
)
async def test_a_row_that_is_no_request_says_why_and_shows_nothing_of_itself(row: str, reason: str) -> None:
    item = await bad(row.encode())
    assert item.line == 2
    assert reason in item.reason
    assert CARD not in repr(item)


async def test_a_row_in_another_encoding_is_reported() -> None:
    assert "not valid UTF-8" in (await bad("a,Zoë\n".encode("latin-1"))).reason


async def test_a_row_too_long_is_reported_and_the_next_one_read() -> None:
    content = b"amount\n" + b"1" * (LONGEST_LINE + 1) + b"\n2\n"
    first, second = await table(content)
    assert isinstance(first, InvalidRecord)
    assert "longer than" in first.reason
    assert second == Record(line=3, request={"amount": 2})


async def test_a_quote_left_open_is_given_up_after_a_while_and_says_where() -> None:
    line = b"x" * 1000 + b"\n"
    content = b'source.name\n"' + line * (LONGEST_LINE // 1000 + 2) + b"y\n"
    first, *_, last = await table(content)
    assert isinstance(first, InvalidRecord)
    assert "not closed before line" in first.reason
    assert isinstance(last, Record)
    assert last.request == {"source": {"name": "y"}}


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (b"", "the input is empty"),
        (b"\n\n", "the input is empty"),
        (b"Card Number,Amount\n", "names no known field"),
        (f"{CARD},2035,100\n".encode(), "names no known field"),
        (b"amount,source.nmber\n", 'unknown column "source.nmber" (did you mean "source.number"?)'),
        (f"amount,{CARD}\n".encode(), 'unknown column "***"'),
        (b"amount,currency,amount\n", '2 columns are named "amount"; keep one of them'),
        (b"preferred_experiences.0,preferred_experiences.00,amount\n", '2 columns are named "preferred_experiences.0'),
        (b"amount,,currency\n", "column 2 has no name"),
        (b"amount,source\n", 'column "source" is not a single value; name a member of it, such as "source.type"'),
        (b'amount,"currency\n1,2\n', "a quote that is not closed"),
        (b"amount,\xff\n", "not valid UTF-8"),
    ],
)
async def test_a_header_that_cannot_be_used_ends_the_run_before_anything_is_sent(
    header: bytes, said: str, tmp_path: Path
) -> None:
    with pytest.raises(BatchFileError) as caught:
        await table(header)
    assert said in str(caught.value)
    assert CARD not in str(caught.value)
    path = tmp_path / "in.csv"
    path.write_bytes(header)
    with pytest.raises(BatchFileError) as at_opening:
        open_source(path)
    assert str(at_opening.value) == str(caught.value)


_cells = st.text(st.sampled_from('a",;\t\n\r \u00e9'), max_size=6)
_rows = st.lists(st.lists(_cells, min_size=2, max_size=2), min_size=1, max_size=6)


@given(_rows, st.sampled_from(",;\t"), st.integers(1, 7))
def test_what_a_spreadsheet_writes_is_read_wherever_chunks_end(
    rows: list[list[str]], delimiter: str, size: int
) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows([["first", "second"], *rows])
    content = text.getvalue().encode()
    splitter = RowSplitter()
    chunks = [content[start : start + size] for start in range(0, len(content), size)]
    found = [splitter.cells(row) for chunk in chunks for row in splitter.feed(chunk)]
    assert [*splitter.finish()] == []
    assert found == [["first", "second"], *(row for row in rows if "".join(row).strip(' ",;\t'))]


@given(st.lists(st.text(st.sampled_from('a",\n'), max_size=12).map(lambda part: f"{part}a"), max_size=4))
def test_stray_quotes_end_a_row_where_they_end_it_for_the_csv_module(parts: list[str]) -> None:
    content = "\n".join(parts)
    splitter = RowSplitter()
    rows = [*splitter.feed(b"first,second\n" + content.encode()), *splitter.finish()][1:]
    by_module = csv.reader(io.StringIO(content, newline=""))
    assert len(rows) == len([row for row in by_module if "".join(row).strip(' ",')])


async def test_records_are_counted_as_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(b'source.name,amount\na,1\n\n"b\nc",2\n,\n"d,3')
    with open_source(path) as source:
        assert source.total() == len(await read(path)) == 3
