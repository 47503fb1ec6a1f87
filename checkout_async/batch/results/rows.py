"""Outcomes as rows of a results file: one JSON object a line, or the columns of CSV and Parquet, and back again.

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
from checkout_async.batch.outcome import Failure, Outcome
from checkout_async.batch.sources.lines import LineSplitter
from checkout_async.batch.sources.rows import Row, RowSplitter
from checkout_async.errors import ConfigurationError

__all__ = ["COLUMNS", "as_row", "encode", "header", "outcomes_in", "read_row", "refuse"]

_to_json = msgspec.json.Encoder()
_from_json = msgspec.json.Decoder(Outcome)


_KINDS: Final[dict[type, type]] = {inspect.BoolType: bool, inspect.IntType: int, inspect.FloatType: float}


def _columns(struct: type[msgspec.Struct], prefix: str = "") -> Iterator[tuple[str, type]]:
    for field in cast("inspect.StructType", inspect.type_info(struct)).fields:
        options = field.type.types if isinstance(field.type, inspect.UnionType) else (field.type,)
        kinds = {type(each) for each in options}
        if inspect.StructType in kinds:
            yield from _columns(Failure, f"{field.encode_name}.")
        else:
            yield prefix + field.encode_name, next((_KINDS[each] for each in _KINDS if each in kinds), str)


COLUMNS: Final[Mapping[str, type]] = dict(_columns(Outcome))
"""The columns of a results file in CSV or Parquet, and what is in them: int, float, bool or str."""


def as_row(outcome: Outcome) -> dict[str, object]:
    """Return an outcome as its columns, without those that have no value."""
    members = cast("dict[str, object]", msgspec.to_builtins(outcome))
    failure = cast("dict[str, object]", members.pop("error", {}))
    return members | {f"error.{name}": value for name, value in failure.items()}


def read_row(row: Mapping[str, object]) -> Outcome | None:
    """Return the outcome whose columns these are, as values or as texts; None if they are not those of an outcome."""
    given = {name: value for name, value in row.items() if value is not None and value != ""}
    failure = {name.partition(".")[2]: given.pop(name) for name in [*given] if "." in name}
    try:
        return msgspec.convert(given | ({"error": failure} if failure else {}), Outcome, strict=False)
    except msgspec.ValidationError:
        return None


def header(format_: Format) -> bytes:
    """Return what stands before the first result."""
    return _csv_line(COLUMNS) if format_ is Format.CSV else b""


def encode(outcome: Outcome, format_: Format) -> bytes:
    """Return the line of a result, in JSON or CSV."""
    if format_ is not Format.CSV:
        return _to_json.encode(outcome) + b"\n"
    row = as_row(outcome)
    return _csv_line(_cell(row.get(name, "")) for name in COLUMNS)


def _cell(value: object) -> str:
    return _to_json.encode(value).decode() if isinstance(value, bool) else str(value)


def _csv_line(cells: Iterable[str]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue().encode()


def outcomes_in(path: Path, chunks: Iterable[bytes], format_: Format) -> Iterator[Outcome]:
    """Yield the outcomes that a results file holds; a torn last line, without its line feed, is left out.

    Raises ConfigurationError that names the file and the line that is no result.
    """
    return _in_csv(path, chunks) if format_ is Format.CSV else _in_json(path, chunks)


def _in_json(path: Path, chunks: Iterable[bytes]) -> Iterator[Outcome]:
    splitter = LineSplitter()
    number = 0
    for chunk in chunks:
        for line in splitter.feed(chunk):
            number += 1
            yield _decoded(line or b"") or refuse(path, number)


def _decoded(line: bytes) -> Outcome | None:
    try:
        return _from_json.decode(line)
    except (ValueError, RecursionError):
        return None


def _in_csv(path: Path, chunks: Iterable[bytes]) -> Iterator[Outcome]:
    splitter = RowSplitter()
    rows = ((row.line, _cells(splitter, row)) for chunk in chunks for row in splitter.feed(chunk))
    for line, names in rows:
        if names != [*COLUMNS]:
            refuse(path, line)
        break
    for line, cells in rows:
        row = dict(zip(COLUMNS, cells, strict=False))
        yield (len(cells) == len(COLUMNS) and read_row(row)) or refuse(path, line)


def _cells(splitter: RowSplitter, row: Row) -> list[str]:
    """Return the cells of a row, none if it cannot be understood."""
    try:
        return splitter.cells(row)
    except ValueError:
        return []


def refuse(path: Path, line: int) -> NoReturn:
    """Raise the ConfigurationError of a file that is no results file."""
    raise ConfigurationError(
        f"{path}, line {line}: this is no result of a run; name the results file of the run to resume"
    )
