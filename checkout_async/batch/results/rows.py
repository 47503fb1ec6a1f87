"""Outcomes as rows of an output: written as JSON Lines, CSV or Parquet, and read for the entries they have.

The columns are the members of `Outcome`, those of its `error` with `error.` before their names. The last one, `entry`,
is the journal's id and the number of the entry, as in `3f9a07c2-118`.
"""

from __future__ import annotations

import codecs
import csv
import io
import math
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO, Final, NoReturn, cast

import msgspec
from msgspec import inspect

from checkout_async.batch.arrow import ParquetWriter, arrow_errors, open_parquet, read_batches
from checkout_async.batch.formats import CsvDialect, Format
from checkout_async.batch.journal.rows import parse_entry
from checkout_async.batch.outcome import BatchResult, ErrorInfo, Outcome
from checkout_async.batch.sources.lines import LineSplitter, read_chunks
from checkout_async.errors import BatchFileError

__all__ = ["COLUMNS", "DEFAULT_DIALECT", "encode", "entries_in", "header", "row_writer"]

_ROWS_AT_ONCE: Final = 8192
"""Rows of a row group in Parquet."""

_KINDS: Final[Mapping[type, type]] = {inspect.BoolType: bool, inspect.IntType: int, inspect.FloatType: float}


def _columns(struct: type[msgspec.Struct], prefix: str = "") -> Iterator[tuple[str, type]]:
    for field in cast("inspect.StructType", inspect.type_info(struct)).fields:
        options = field.type.types if isinstance(field.type, inspect.UnionType) else (field.type,)
        kinds = {type(each) for each in options}
        if inspect.StructType in kinds:
            yield from _columns(ErrorInfo, f"{field.name}.")
        else:
            yield prefix + field.name, next((kind for each, kind in _KINDS.items() if each in kinds), str)


COLUMNS: Final[Mapping[str, type]] = dict(_columns(Outcome))
"""The columns of an output in CSV or Parquet, and their types: int, float, bool or str."""

_OF_ERROR: Final = {name: name.partition(".")[2] for name in COLUMNS if "." in name}
_OF_OUTCOME: Final = tuple(name for name in COLUMNS if "." not in name)

_to_json = msgspec.json.Encoder()

DEFAULT_DIALECT: Final = CsvDialect()
"""That of RFC 4180, unless the input is CSV and has another one."""

_DELIMITERS: Final = ",;\t"

_LONGEST_CELL: Final = 2**31 - 1
"""The largest limit of the module csv on every platform."""

_csv_limit: Final = threading.Lock()


def _as_row(outcome: Outcome) -> dict[str, object]:
    """Return an outcome by columns; those of the error only if there is one."""
    row = {name: getattr(outcome, name) for name in _OF_OUTCOME}
    if outcome.error is not None:
        row |= {name: getattr(outcome.error, member) for name, member in _OF_ERROR.items()}
    return row


def header(format_: Format, dialect: CsvDialect = DEFAULT_DIALECT) -> bytes:
    """Return the bytes before the first result."""
    if format_ is not Format.CSV:
        return b""
    return (codecs.BOM_UTF8 if dialect.has_bom else b"") + _csv_line(COLUMNS, dialect)


def encode(outcome: Outcome, format_: Format, dialect: CsvDialect = DEFAULT_DIALECT) -> bytes:
    """Return the line of a result, in JSON or CSV."""
    if format_ is not Format.CSV:
        return _to_json.encode(outcome) + b"\n"
    row = _as_row(outcome)
    return _csv_line((_cell(row.get(name), dialect) for name in COLUMNS), dialect)


def _cell(value: object, dialect: CsvDialect) -> object:
    if isinstance(value, float):
        return str(value).replace(".", dialect.decimal)
    return str(value).lower() if isinstance(value, bool) else value


def _csv_line(cells: Iterable[object], dialect: CsvDialect) -> bytes:
    line = io.StringIO(newline="")
    # With another line end, the writer of Python 3.11 would leave a cell with a carriage return without quotes.
    csv.writer(line, delimiter=dialect.delimiter).writerow(cells)
    return (line.getvalue().removesuffix("\r\n") + dialect.newline).encode()


@contextmanager
def row_writer(
    file: BinaryIO, format_: Format, dialect: CsvDialect = DEFAULT_DIALECT
) -> Generator[Callable[[Outcome], None]]:
    """Yield a function that writes one row of a new file of any format. Raises OSError."""
    if format_ is Format.PARQUET:
        with arrow_errors(), closing(ParquetWriter(file, COLUMNS)) as writer:
            rows: list[dict[str, object]] = []

            def write(outcome: Outcome) -> None:
                rows.append(_as_row(outcome))
                if len(rows) >= _ROWS_AT_ONCE:
                    writer.write(rows)
                    rows.clear()

            yield write
            if rows:
                writer.write(rows)
        return
    file.write(header(format_, dialect))

    def write_line(outcome: Outcome) -> None:
        file.write(encode(outcome, format_, dialect))

    yield write_line


class _Written(msgspec.Struct):
    """What is read of a row."""

    line: int
    result: BatchResult
    entry: str = ""


_from_json = msgspec.json.Decoder(_Written)


def entries_in(path: Path, format_: Format) -> dict[str, int]:
    """Return the number of the last entry in an output, by the id of its journal; "" stands for no journal.

    An incomplete last row is left out. Raises OSError, and BatchFileError that names the line that is not a result.
    """
    found: dict[str, int] = {}
    for entry in _READERS[format_](path):
        journal_id, number = parse_entry(entry)
        found[journal_id] = max(found.get(journal_id, 0), number)
    return found


def _entries_in_json(path: Path) -> Iterator[str]:
    # The program that wrote the file has set no limit.
    splitter, number = LineSplitter(longest=math.inf), 0
    with io.FileIO(path) as file:
        for chunk in read_chunks(file):
            for line in splitter.feed(chunk):
                number += 1
                if line is not None and not line.strip():
                    continue
                try:
                    entry = _from_json.decode(line or b"").entry
                except (ValueError, RecursionError):
                    _refuse(path, number)
                yield entry


def _entries_in_csv(path: Path) -> Iterator[str]:
    is_whole = _ends_with_line_feed(path)
    # The last row may end within a character. Entries are ASCII.
    with _cells_of_any_length(), path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        first = file.readline()
        file.seek(0)
        rows = csv.reader(file, delimiter=max(_DELIMITERS, key=first.count))
        filled = filter(None, rows)
        try:
            if next(rows, [*COLUMNS]) != [*COLUMNS]:
                _refuse(path, 1)
            row = next(filled, None)
            while row is not None:
                line, following = rows.line_num, next(filled, None)
                if following is None and (not is_whole or len(row) != len(COLUMNS)):
                    return  # the last row, which a killed process has not written to its end
                if len(row) != len(COLUMNS):
                    _refuse(path, line)
                yield row[-1]
                row = following
        except csv.Error:
            _refuse(path, rows.line_num)


@contextmanager
def _cells_of_any_length() -> Generator[None]:
    """Lift the limit of the module csv, which is one for the process, to read what was written without one."""
    with _csv_limit:
        before = csv.field_size_limit(_LONGEST_CELL)
        try:
            yield
        finally:
            csv.field_size_limit(before)


def _ends_with_line_feed(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, io.SEEK_END) - 1))
        return file.read(1) == b"\n"


def _entries_in_parquet(path: Path) -> Iterator[str]:
    with closing(open_parquet(path)) as table:
        if table.schema_arrow.names != [*COLUMNS]:
            _refuse(path, 1)
        for batch in read_batches(table, _ROWS_AT_ONCE):
            entries = cast("list[str | None]", batch.column(len(COLUMNS) - 1).to_pylist())
            yield from (entry or "" for entry in entries)


_READERS: Final = {
    Format.JSONL: _entries_in_json,
    Format.CSV: _entries_in_csv,
    Format.PARQUET: _entries_in_parquet,
}


def _refuse(path: Path, line: int) -> NoReturn:
    """Raise the BatchFileError for a file that is not the output of a run."""
    what = "not a result of a run; name the output file of the run to resume"
    raise BatchFileError(f"{path}, line {line}: {what}")
