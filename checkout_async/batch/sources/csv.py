"""CSV: a header of field paths such as `source.number`, then one session request a row.

A cell's text is read as the type that the specification has at that path; an empty cell leaves the member out. A
column whose name begins with # is a note, and is not read. A row that is not a request becomes an `InvalidRecord`. A
header that cannot be read raises BatchFileError.
"""

from __future__ import annotations

import io
import stat
from collections.abc import Iterable, Iterator, Sequence
from os import fstat
from pathlib import Path
from typing import Final

from checkout_async.batch.fields import Field, field_paths, find_field, reject_duplicates, unflatten
from checkout_async.batch.formats import NOTE
from checkout_async.batch.records import InvalidRecord, Record
from checkout_async.batch.sources.base import InputLines, RawRow, Source
from checkout_async.batch.sources.csv_rows import CsvRow, RowSplitter
from checkout_async.batch.sources.lines import TextReader, TextSource, read_chunks
from checkout_async.errors import BatchFileError

__all__ = ["CsvReader", "CsvTable"]

_NO_HEADER: Final = 'the first row of a CSV file names the fields, such as "source.number"'


class CsvReader(TextReader):
    """Reads CSV: turns the rows after the header into records. A byte order mark is skipped.

    Each line is counted in `counts`. Header, dialect and, if it has some, `rows` of `source` are filled. Raises
    BatchFileError for the header.
    """

    def __init__(self, counts: InputLines | None = None, source: Source | None = None) -> None:
        self._counts = counts or InputLines()
        self._source = source
        self._rows = RowSplitter(self._counts)
        self.fields: Sequence[Field | None] | None = None

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
                if self._source is not None and self._source.rows is not None:
                    self._source.rows[row.line] = RawRow(row.number, row.content)
                yield self._record(row, self.fields)

    def _header(self, row: CsvRow) -> Sequence[Field | None]:
        try:
            names = [name.strip() for name in self._rows.cells(row)]
        except ValueError as error:
            raise BatchFileError(f"{error}; {_NO_HEADER}") from None
        if not set(names) & set(field_paths()):
            raise BatchFileError(f"{_NO_HEADER}; this one names no known field")
        if self._source is not None:
            self._source.header, self._source.dialect = row.content, self._rows.dialect
        return _fields_of(names)

    def _record(self, row: CsvRow, fields: Sequence[Field | None]) -> Record | InvalidRecord:
        try:
            cells = self._rows.cells(row)
        except ValueError as error:
            return InvalidRecord(line=row.line, reason=str(error))
        if len(cells) != len(fields):
            return InvalidRecord(line=row.line, reason=f"the row has {len(cells)} cells and the header {len(fields)}")
        given = ((each.place, each.read(cell)) for each, cell in zip(fields, cells, strict=True) if cell and each)
        return Record.of(row.line, unflatten(given))


def _fields_of(names: Sequence[str]) -> Sequence[Field | None]:
    """Return the fields that the columns of a table of values name; None for a note. Raises BatchFileError."""
    for number, name in enumerate(names, 1):
        if not name:
            raise BatchFileError(f"column {number} has no name")
    fields = [None if name.startswith(NOTE) else find_field(name, number) for number, name in enumerate(names, 1)]
    named = [each for each in fields if each is not None]
    for each in named:
        if not each.node.is_value:
            inner = next(each.node.paths(each.path))
            raise BatchFileError(f'column "{each.path}" is not a single value; name a member of it, such as "{inner}"')
    reject_duplicates(named)
    return fields


class CsvTable(TextSource):
    """A source of CSV. Opening a file checks its header and raises BatchFileError if it is wrong."""

    def __init__(self, path: Path | None) -> None:
        super().__init__(path)
        if path is not None and stat.S_ISREG(fstat(self.fileno()).st_mode):
            try:
                with io.FileIO(path) as file:
                    # As far as the first record, if there is one.
                    next(self._reader(InputLines()).read(read_chunks(file)), None)
            except BaseException:
                self.close()
                raise

    def _reader(self, counts: InputLines) -> TextReader:
        return CsvReader(counts, self)
