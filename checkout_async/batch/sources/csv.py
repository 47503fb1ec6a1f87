"""CSV: a header of field paths such as `source.number`, then one session request a row.

A cell's text is read as the type that the specification has at that path; an empty cell leaves the member out. A row
that is not a request becomes an `InvalidRecord`. A header that cannot be read raises BatchFileError.
"""

from __future__ import annotations

import io
import stat
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from os import fstat
from pathlib import Path
from typing import Final

from checkout_async.batch.fields import Field, field_paths, find_field, reject_duplicates, unflatten
from checkout_async.batch.records import InvalidRecord, Record
from checkout_async.batch.sources.base import InputLines, Readable
from checkout_async.batch.sources.csv_rows import CsvRow, RowSplitter
from checkout_async.batch.sources.inflate import Inflated
from checkout_async.batch.sources.lines import TextSource, aiter_chunks, iter_chunks
from checkout_async.errors import BatchFileError

__all__ = ["CsvTable", "read_table"]

_NO_HEADER: Final = 'the first row of a CSV file names the fields, such as "source.number"'


async def read_table(source: Readable, counts: InputLines | None = None) -> AsyncGenerator[Record | InvalidRecord]:
    """Read CSV (UTF-8, with or without a byte order mark) to its end. Each line is counted in `counts`.

    Raises OSError if the file cannot be read, and BatchFileError for its header.
    """
    reader = _CsvReader(counts)
    async for chunk in aiter_chunks(source):
        for item in reader.feed(chunk):
            yield item
    for item in reader.finish():
        yield item


class _CsvReader:
    """Turns the rows after the header into records."""

    def __init__(self, counts: InputLines | None = None) -> None:
        self._counts = counts or InputLines()
        self._rows = RowSplitter(self._counts)
        self.fields: Sequence[Field] | None = None

    def feed(self, chunk: bytes) -> Iterator[Record | InvalidRecord]:
        """Yield the records that this chunk completes."""
        yield from self._records(self._rows.feed(chunk))

    def finish(self) -> Iterator[Record | InvalidRecord]:
        """Yield the last record, if the file does not end with a line feed."""
        yield from self._records(self._rows.finish())
        if self.fields is None:
            raise BatchFileError(f"the input is empty; {_NO_HEADER}")

    def _records(self, rows: Iterable[CsvRow]) -> Iterator[Record | InvalidRecord]:
        for row in rows:
            if self.fields is None:
                self.fields = self._header(row)
                self._counts.header += 1
            else:
                self._counts.records += 1
                yield self._record(row, self.fields)

    def _header(self, row: CsvRow) -> Sequence[Field]:
        try:
            names = [name.strip() for name in self._rows.cells(row)]
        except ValueError as error:
            raise BatchFileError(f"{error}; {_NO_HEADER}") from None
        if not set(names) & set(field_paths()):
            raise BatchFileError(f"{_NO_HEADER}; this one names no known field")
        return _fields_of(names)

    def _record(self, row: CsvRow, fields: Sequence[Field]) -> Record | InvalidRecord:
        try:
            cells = self._rows.cells(row)
        except ValueError as error:
            return InvalidRecord(line=row.line, reason=str(error))
        if len(cells) != len(fields):
            return InvalidRecord(line=row.line, reason=f"the row has {len(cells)} cells and the header {len(fields)}")
        given = ((each.place, each.read(cell)) for each, cell in zip(fields, cells, strict=True) if cell)
        return Record.of(row.line, unflatten(given))


def _fields_of(names: Sequence[str]) -> Sequence[Field]:
    """Return the fields that the columns of a table of values name. Raises BatchFileError."""
    for number, name in enumerate(names, 1):
        if not name:
            raise BatchFileError(f"column {number} has no name")
    fields = [find_field(name, number) for number, name in enumerate(names, 1)]
    for each in fields:
        if not each.node.is_value:
            inner = next(each.node.paths(each.path))
            raise BatchFileError(f'column "{each.path}" is not a single value; name a member of it, such as "{inner}"')
    reject_duplicates(fields)
    return fields


class CsvTable(TextSource):
    """A source of CSV. Opening a file checks its header and raises BatchFileError if it is wrong."""

    def __init__(self, path: Path | None) -> None:
        super().__init__(path)
        if path is not None and stat.S_ISREG(fstat(self.fileno()).st_mode):
            try:
                with io.FileIO(path) as file:
                    _check_header(Inflated(file))
            except BaseException:
                self.close()
                raise

    def _read(self, content: Readable, counts: InputLines) -> AsyncGenerator[Record | InvalidRecord]:
        return read_table(content, counts)

    def _count(self, chunks: Iterable[bytes]) -> int:
        rows = RowSplitter()
        count = sum(1 for chunk in chunks for _ in rows.feed(chunk)) + sum(1 for _ in rows.finish())
        return max(0, count - 1)


def _check_header(content: Readable) -> None:
    reader = _CsvReader()
    for chunk in iter_chunks(content):
        for _ in reader.feed(chunk):
            return
        if reader.fields is not None:
            return
    for _ in reader.finish():
        return
