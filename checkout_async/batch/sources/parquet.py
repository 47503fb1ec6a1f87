"""Parquet: one session request a row, in nested columns (structs), or in columns named by field paths, or in both.

A null leaves the member out. A date is the beginning of its day in UTC. The schema is checked when the file is opened.
A column whose name begins with # is a note, and is not read. Rows are read a few hundred at a time; a row with a value
that cannot be read becomes an `InvalidRecord`.
"""

from __future__ import annotations

import io
import re
import threading
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence, Set
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from checkout_async.batch.arrow import open_parquet, read_batches
from checkout_async.batch.fields import (
    Field,
    FieldNode,
    FieldPath,
    find_field,
    reject_duplicates,
    typed_request,
    unflatten,
)
from checkout_async.batch.formats import NOTE
from checkout_async.batch.records import InvalidRecord, Record
from checkout_async.batch.sources.base import RawRow, Source, in_thread
from checkout_async.errors import BatchFileError

if TYPE_CHECKING:
    from pyarrow import RecordBatch, Schema

__all__ = ["ParquetTable"]

_ROWS_AT_ONCE: Final = 256
_UNREADABLE_TIME: Final = "has a time outside the years 1 to 9999, finer than microseconds, or of an unknown zone"

_TEXT: Final = re.compile(r"(large_)?string(_view)?|null")
_BY_KIND: Final = {
    int: re.compile(r"u?int\d+"),
    bool: re.compile("bool"),
    datetime: re.compile(r"timestamp\b.*|date\d+\b.*"),
}
_LIST: Final = re.compile(r"(large_|fixed_size_)?list(_view)?<.*")

_Rows = Sequence[Mapping[str, object] | str]
"""Rows without their notes; a row that cannot be read is the text of the reason."""


class ParquetTable(Source):
    """A source of Parquet. Raises OSError, and BatchFileError for columns that are no fields of a session request."""

    def __init__(self, path: Path) -> None:
        self._reading = threading.Lock()  # a run that is cancelled closes the table while a thread may still read
        if path.exists() and not path.is_file():
            raise BatchFileError(f"Parquet needs a regular file, and {path} is not one")
        self._file = io.FileIO(path)
        try:
            self._table = open_parquet(path)
            self.schema: Schema | None = self._table.schema_arrow
            self._fields = _fields_of(path, self._table.schema_arrow)
        except BaseException:
            self._file.close()
            raise

    async def records(self) -> AsyncGenerator[Record | InvalidRecord]:
        """Read to the end; the line of a record is the number of its row, from 1."""
        batches = ((batch, self._rows_of(batch)) for batch in read_batches(self._table, _ROWS_AT_ONCE))
        line = 0
        while (read := await in_thread(lambda: self._next_of(batches))) is not None:
            batch, rows = read
            for number, row in enumerate(rows):
                line += 1
                if self.rows is not None:
                    self.rows[line] = RawRow(line, batch.slice(number, 1))
                yield InvalidRecord(line=line, reason=row) if isinstance(row, str) else self._record(line, row)

    def total(self) -> int | None:
        """Return the number of rows."""
        return self._table.metadata.num_rows

    def fileno(self) -> int:
        """Return the file descriptor."""
        return self._file.fileno()

    def close(self) -> None:
        """Close the file."""
        with self._reading:
            self._table.close()
        self._file.close()

    def _next_of(self, batches: Iterator[tuple[RecordBatch, _Rows]]) -> tuple[RecordBatch, _Rows] | None:
        with self._reading:
            return next(batches, None)

    def _rows_of(self, batch: RecordBatch) -> _Rows:
        batch = batch.select([*self._fields])  # pyright: ignore[reportUnknownMemberType]  # the stubs have a bare list
        try:
            return batch.to_pylist()
        except (ValueError, OverflowError):
            return [self._row(batch.slice(number, 1)) for number in range(batch.num_rows)]

    def _row(self, row: RecordBatch) -> Mapping[str, object] | str:
        values: dict[str, object] = {}
        for index, name in enumerate(self._fields):
            try:
                [values[name]] = row.column(index).to_pylist()
            except UnicodeDecodeError:
                return f'column "{name}" is not valid UTF-8'
            except (ValueError, OverflowError):
                return f'column "{name}" {_UNREADABLE_TIME}'
        return values

    def _record(self, line: int, row: Mapping[str, object]) -> Record | InvalidRecord:
        cells = (cell for name, value in row.items() for cell in _cells(self._fields[name].place, value))
        return Record.of(line, typed_request(unflatten(cells)))


def _fields_of(path: Path, columns: Schema) -> Mapping[str, Field]:
    """Return the fields that the columns of a file name. Raises BatchFileError."""
    fields = {name: find_field(name, number) for number, name in enumerate(columns.names, 1) if name[:1] != NOTE}
    if not fields:
        raise BatchFileError(f'{path} has no columns; name them as the fields, such as "source.number"')
    typed = [each for each in zip(columns.names, columns.types, strict=True) if each[0] in fields]
    reject_duplicates([each for name, type_ in typed for each in _values_at(name, type_)])
    return fields


def _cells(place: FieldPath, value: object) -> Iterator[tuple[FieldPath, object]]:
    """Yield the values in a column's value that are not null, as in JSON, each with its place."""
    path, step = place
    if isinstance(value, dict):
        for name, each in cast("dict[str, object]", value).items():
            yield from _cells(((*path, step), name), each)
    elif isinstance(value, list):
        for number, each in enumerate(cast("list[object]", value)):
            yield from _cells(((*path, step), number), each)
    elif isinstance(value, datetime):
        yield place, value.isoformat()
    elif isinstance(value, date):
        yield place, f"{value.isoformat()}T00:00:00Z"
    elif value is not None:
        yield place, value


def _values_at(path: str, type_: Any) -> Iterator[Field]:
    """Yield the fields of the values in a column of a type of Arrow. Raises BatchFileError if it has another shape."""
    field, kind = find_field(path), str(type_)
    if kind.startswith("dictionary<"):
        yield from _values_at(path, type_.value_type)
    elif kind == "null" and not field.node.is_value:
        return
    elif field.node.members and kind.startswith("struct<"):
        for index in range(type_.num_fields):
            inner = type_.field(index)
            yield from _values_at(f"{path}.{inner.name}", inner.type)
    elif field.node.item is not None and _LIST.fullmatch(kind):
        yield from _values_at(f"{path}.0", type_.value_type)
    elif field.node.is_value and _fits(kind, field.node.kinds):
        yield field
    else:
        raise BatchFileError(f'column "{path}" is of type {kind.partition("<")[0]}; it must be {_wanted(field.node)}')


def _fits(type_: str, kinds: Set[type]) -> bool:
    return any(pattern.fullmatch(type_) for pattern in (_TEXT, *(_BY_KIND[each] for each in kinds)))


def _wanted(node: FieldNode) -> str:
    if node.members:
        return "a struct"
    if node.item is not None:
        return "a list"
    return " or ".join(["string", *sorted(each.__name__ for each in node.kinds)])
