"""A CSV file is a request a row: its header names the members, empty cells leave them out."""

from __future__ import annotations

import csv
import io
from collections import Counter
from itertools import chain
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout_async._core.body import encode_body
from checkout_async.batch import InvalidRecord, Record
from checkout_async.batch.sources import open_source
from checkout_async.batch.sources.base import InputLines
from checkout_async.batch.sources.csv import CsvReader
from checkout_async.batch.sources.csv_rows import RowSplitter
from checkout_async.batch.sources.lines import LONGEST_LINE, read_chunks
from checkout_async.errors import BatchFileError
from checkout_async.models import sessions
from tests.batch.files import EXAMPLES, as_csv, example_requests, flat, read, requests_in
from tests.batch.support import CARD


async def table(content: bytes) -> list[Record | InvalidRecord]:
    return [item async for item in CsvReader().aread(read_chunks(io.BytesIO(content)))]


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
        (f'a,"{CARD}\n', "a quote that is not closed"),
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


async def test_a_quote_left_open_is_given_up_after_a_while() -> None:
    line = b"x" * 1000 + b"\n"
    content = b'source.name\n"' + line * (LONGEST_LINE // 1000 + 2) + b"y\n"
    first, *_, last = await table(content)
    assert isinstance(first, InvalidRecord)
    assert first.line == 2
    assert "a quote that is not closed" in first.reason
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
        (f"amount,{CARD}\n".encode(), "unknown column 2: it is not shown, since it may be a value"),
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


def rows_in(content: bytes, size: int = 1 << 16, counts: InputLines | None = None) -> list[tuple[int, list[str]]]:
    """The rows of a text in chunks, each with the line it begins in; a row that cannot be read has no cells."""
    splitter, found = RowSplitter(counts), list[tuple[int, list[str]]]()
    chunks = [content[start : start + size] for start in range(0, len(content), size)]
    for row in chain.from_iterable([*map(splitter.feed, chunks), splitter.finish()]):
        try:
            found.append((row.line, splitter.cells(row)))
        except ValueError:
            found.append((row.line, []))
    return found


def lines_of(content: bytes) -> int:
    """The number of lines of a text, as any editor counts them."""
    return content.count(b"\n") + (not content.endswith(b"\n") and content != b"")


@given(
    st.integers(1, 4).flatmap(
        lambda width: st.lists(st.lists(_cells, min_size=width, max_size=width), min_size=1, max_size=5)
    ),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    st.sampled_from(["\n", "\r\n"]),
    st.integers(1, 9),
)
def test_every_well_formed_file_is_read_as_the_csv_module_reads_it(
    rows: list[list[str]], quoting: Literal[0, 1], end: str, size: int
) -> None:
    if end == "\n":  # the writer leaves a single carriage return bare, which is not well-formed
        rows = [[cell.replace("\r", "") for cell in row] for row in rows]
    text = io.StringIO(newline="")
    header = [f"name {number}" for number in range(len(rows[0]))]
    csv.writer(text, quoting=quoting, lineterminator=end).writerows([header, *rows])
    text.seek(0)
    expected = [row for row in csv.reader(text, strict=True) if "".join(row).strip(' ",;\t')]
    counts = InputLines()
    assert [cells for _, cells in rows_in(text.getvalue().encode(), size, counts)] == expected
    assert counts.continued + counts.blank + len(expected) == lines_of(text.getvalue().encode())


_flat_cells = st.text(st.sampled_from('a",;\t \u00e9'), max_size=5)


@given(
    st.lists(st.lists(_flat_cells, min_size=3, max_size=3), min_size=2, max_size=8),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    st.data(),
)
def test_one_stray_quote_costs_its_own_row_at_most(
    rows: list[list[str]], quoting: Literal[0, 1], data: st.DataObject
) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=quoting, lineterminator="\n").writerows([["first", "second", "third"], *rows])
    lines = text.getvalue().split("\n")
    before = rows_in("\n".join(lines).encode())
    spoilt = data.draw(st.integers(1, len(rows)))
    place = data.draw(st.integers(0, len(lines[spoilt])))
    lines[spoilt] = f'{lines[spoilt][:place]}"{lines[spoilt][place:]}'
    after = rows_in("\n".join(lines).encode())
    assert [row for row in after if row[0] != spoilt + 1] == [row for row in before if row[0] != spoilt + 1]


MINIMAL = b"ORD-%d,Acme,100\n"
QUOTED = b'"ORD-%d","Acme, Inc","100"\n'


@pytest.mark.parametrize(
    ("row", "spoilt"),
    [
        (MINIMAL, b'ORD-5,"Acme,100\n'),
        (MINIMAL, b'ORD-5,Acme,"100\n'),
        (MINIMAL, b'"ORD-5,Acme,100\n'),
        (QUOTED, b'"ORD-5","Acme, Inc,"100"\n'),
        (QUOTED, b'"ORD-5","Acme, Inc","100\n'),
        (QUOTED, b'"ORD-5",""Acme, Inc","100"\n'),
        (QUOTED, b'"ORD-5","Acme "Inc"","100"\n'),
    ],
)
def test_of_two_thousand_rows_one_is_lost(row: bytes, spoilt: bytes) -> None:
    rows = [row % number for number in range(2000)]
    rows[5] = spoilt
    found = rows_in(b"".join([b"reference,source.name,amount\n", *rows]))
    assert [line for line, _ in found] == [*range(1, 2002)]
    assert [line for line, cells in found if not cells] == [7]


def test_a_cell_of_several_lines_stays_one_also_beside_a_stray_quote() -> None:
    content = b'reference,source.name,amount\na,"two\nlines",1\nb,"stray,2\nc,"two ""more""\r\nlines",3\r\nd,x,4\n'
    assert rows_in(content)[1:] == [
        (2, ["a", "two\nlines", "1"]),
        (4, []),
        (5, ["c", 'two "more"\r\nlines', "3"]),
        (7, ["d", "x", "4"]),
    ]


def test_lines_that_together_have_more_or_fewer_cells_than_the_header_are_rows_of_their_own() -> None:
    assert rows_in(b'first,second\n"a\nb,c\nd",e,f\ng,h\n')[1:] == [
        (2, []),
        (3, ["b", "c"]),
        (4, ['d"', "e", "f"]),
        (5, ["g", "h"]),
    ]


def test_many_stray_quotes_take_no_longer_than_few() -> None:
    """Each line is looked at twice at most: as a continuation, and as a row of its own."""
    seen = Counter[int]()

    class Counting(RowSplitter):
        def _is_open_after(self, line: bytes) -> bool:
            seen[id(line)] += 1
            return super()._is_open_after(line)

    splitter, lines = Counting(), [b"first,second"] + [f'"{number},x'.encode() for number in range(300)]
    rows = [*splitter.feed(b"\n".join(lines) + b"\n"), *splitter.finish()]
    assert len(rows) == 301
    assert seen.total() <= 2 * 301


_any_text = st.lists(st.text(st.sampled_from('a",\r '), max_size=8), max_size=12).map("\n".join)


@given(_any_text, st.integers(1, 9))
def test_every_line_is_accounted_for_whatever_is_in_it(text: str, size: int) -> None:
    content, counts = f"first,second\n{text}".encode(), InputLines()
    rows = rows_in(content, size, counts)
    assert len(rows) + counts.continued + counts.blank == lines_of(content)
    lines = [line for line, _ in rows]
    assert lines == sorted(set(lines))
    assert lines[-1] <= lines_of(content)


async def test_a_reader_counts_the_header_and_the_records(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(b'\nsource.name,amount\na,1\n\n"b\nc",2\n,\n"d,3')
    with open_source(path) as source:
        records = [item async for item in source.records()]
        lines = InputLines(header=1, records=3, continued=1, blank=3)
        assert (source.lines, lines.total) == (lines, lines_of(path.read_bytes()))
        assert len(records) == 3


async def test_what_was_not_read_is_not_counted(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(b"amount\n1\n2\n\n3\n")
    with open_source(path) as source:
        await anext(source.records())
        assert source.lines == InputLines(header=1, records=1)


async def test_records_are_counted_as_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(b'source.name,amount\na,1\n\n"b\nc",2\n,\n"d,3')
    with open_source(path) as source:
        assert source.total() == len(await read(path)) == 3
