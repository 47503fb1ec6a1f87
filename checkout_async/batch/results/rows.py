"""Outcomes as rows of the output: encode and decode JSON Lines, and the columns of CSV and Parquet.

The columns are the members of `Outcome`, those of its `error` with `error.` before their names.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, NoReturn, cast

import msgspec
from msgspec import inspect

from checkout_async.batch.formats import Format
from checkout_async.batch.outcome import ErrorInfo, Outcome
from checkout_async.batch.sources.lines import LineSplitter
from checkout_async.batch.sources.rows import CsvRow, RowSplitter
from checkout_async.errors import BatchFileError

__all__ = ["COLUMNS", "as_row", "encode", "header", "outcomes_in", "read_row", "refuse"]

_to_json = msgspec.json.Encoder()
_from_json = msgspec.json.Decoder(Outcome)

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

_OF_FAILURE: Final = {name: name.partition(".")[2] for name in COLUMNS if "." in name}
_OF_OUTCOME: Final = tuple(name for name in COLUMNS if "." not in name)


def as_row(outcome: Outcome) -> dict[str, object]:
    """Return an outcome by columns; those of the error only if there is one."""
    row = {name: getattr(outcome, name) for name in _OF_OUTCOME}
    if outcome.error is not None:
        row |= {name: getattr(outcome.error, member) for name, member in _OF_FAILURE.items()}
    return row


def read_row(row: Mapping[str, object]) -> Outcome | None:
    """Return the outcome with these columns, given as values or texts; None if they are not those of an outcome."""
    given = {name: value for name, value in row.items() if value is not None and value != ""}
    failure = {_OF_FAILURE[name]: given.pop(name) for name in _OF_FAILURE.keys() & given.keys()}
    try:
        return msgspec.convert(given | ({"error": failure} if failure else {}), Outcome, strict=False)
    except msgspec.ValidationError:
        return None


def header(format_: Format) -> bytes:
    """Return the bytes before the first result."""
    return _csv_line(COLUMNS) if format_ is Format.CSV else b""


def encode(outcome: Outcome, format_: Format) -> bytes:
    """Return the line of a result, in JSON or CSV."""
    if format_ is not Format.CSV:
        return _to_json.encode(outcome) + b"\n"
    row = as_row(outcome)
    return _csv_line(_cell(row.get(name)) for name in COLUMNS)


def _cell(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value


def _csv_line(cells: Iterable[object]) -> bytes:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue().encode()


def outcomes_in(path: Path, chunks: Iterable[bytes], format_: Format) -> Iterator[Outcome]:
    """Yield the outcomes in an output; an incomplete last line, without its line feed, is left out.

    Raises BatchFileError that names the file and the line that is not a result.
    """
    return _in_csv(path, chunks) if format_ is Format.CSV else _in_json(path, chunks)


def _in_json(path: Path, chunks: Iterable[bytes]) -> Iterator[Outcome]:
    splitter = LineSplitter()
    lines = (line for chunk in chunks for line in splitter.feed(chunk))
    for number, line in enumerate(lines, 1):
        yield _decoded(line or b"") or refuse(path, number)


def _decoded(line: bytes) -> Outcome | None:
    try:
        return _from_json.decode(line)
    except (ValueError, RecursionError):
        return None


def _in_csv(path: Path, chunks: Iterable[bytes]) -> Iterator[Outcome]:
    splitter = RowSplitter()
    rows = ((row.line, _cells(splitter, row)) for chunk in chunks for row in splitter.feed(chunk))
    line, names = next(rows, (0, [*COLUMNS]))
    if names != [*COLUMNS]:
        refuse(path, line)
    for line, cells in rows:
        is_row = len(cells) == len(COLUMNS)
        yield (is_row and read_row(dict(zip(COLUMNS, cells, strict=True)))) or refuse(path, line)


def _cells(splitter: RowSplitter, row: CsvRow) -> list[str]:
    """Return the cells of a row; none if it cannot be parsed."""
    try:
        return splitter.cells(row)
    except ValueError:
        return []


def refuse(path: Path, line: int) -> NoReturn:
    """Raise the BatchFileError for a file that is not the output of a run."""
    what = "not a result of a run; name the output file of the run to resume"
    raise BatchFileError(f"{path}, line {line}: {what}")
