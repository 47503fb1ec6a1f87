"""The file of rejected records: copies of them with the reasons beside them, to correct and to read again.

CSV and Parquet get the reason as the first column, JSON Lines as the first member, `#rejected`, which no reader takes
for a part of the request. Everything else is as it was in the input: Parquet keeps the types of its columns. The file
may contain card numbers, as the input does: only its owner may read it.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Final, Self

import msgspec

from checkout_async.batch.arrow import ParquetCopy
from checkout_async.batch.faults import RecordFault, describe
from checkout_async.batch.formats import NOTE, CsvDialect, Format, suffix_format
from checkout_async.batch.records import InvalidRecord, Record
from checkout_async.batch.sources import RawRow, Source
from checkout_async.errors import BatchFileError, RunIncomplete
from checkout_async.files import atomic_write, file_error

__all__ = ["Rejects", "check_rejects"]

_COLUMN: Final = f"{NOTE}rejected"

_Members: Final = dict[str, msgspec.Raw]


def check_rejects(path: Path, format_: Format, *, replace: bool) -> None:
    """Raise BatchFileError if rejected records cannot be written to a file, or it exists and is not to be replaced."""
    if suffix_format(path) not in {None, format_}:
        # Read again under this name, not a row of it could be read.
        raise BatchFileError(
            f"rejected records are copied in the format of the input ({format_}), not in that of {path}"
        )
    if path.exists() and not path.is_file():
        raise BatchFileError(f"the rejects file {path} is not a regular file")
    if path.exists() and not replace:
        raise BatchFileError(
            f"{path} exists, and may have been corrected since; name another rejects file, or remove it"
        )


class Rejects:
    """Writes the rejected records of a source."""

    def __init__(self, write: Callable[[Any, str], None], source: Source, format_: Format) -> None:
        self._write = write
        self._source = source
        self._format = format_

    @classmethod
    @contextmanager
    def open(cls, path: Path, source: Source, format_: Format) -> Generator[Self]:
        """Write a file, which replaces an old one at the end. Raises BatchFileError, and RunIncomplete at the end."""
        with ExitStack() as opened:
            try:
                file = opened.enter_context(atomic_write(path))
                copy = _TextCopy(file, source) if source.schema is None else ParquetCopy(file, source.schema, _COLUMN)
            except OSError as error:
                raise file_error(f"cannot create the rejects file {path}", error) from None
            source.rows = {}
            try:
                yield cls(copy.write, source, format_)
            except BaseException:
                with suppress(OSError):
                    copy.close()  # the file is discarded
                raise
            with _writing():
                copy.close()
                opened.close()

    def take(self, item: Record | InvalidRecord) -> RawRow:
        """Return the row of a record, and forget it."""
        rows = self._source.rows
        assert rows is not None
        return rows.pop(item.line)

    def add(self, row: RawRow, faults: Sequence[RecordFault]) -> None:
        """Copy a row that was read. Raises RunIncomplete."""
        with _writing():
            self._write(row.content, describe(row.number, faults, self._format))


class _TextCopy:
    """Copies rows of CSV or lines of JSON with a note each. CSV has the dialect of the source."""

    def __init__(self, file: BinaryIO, source: Source) -> None:
        self._file = file
        self._source = source
        self._has_begun = False

    def write(self, row: bytes, note: str) -> None:
        """Copy a row. Raises OSError."""
        self._begin()
        self._file.write(self._noted_row(row, note) if self._source.header else _noted_line(row, note))

    def close(self) -> None:
        """Write at least the header. Raises OSError."""
        self._begin()

    @property
    def _dialect(self) -> CsvDialect:
        return self._source.dialect or CsvDialect()

    def _begin(self) -> None:
        """Write the header, which is known when the first row was read."""
        if not self._has_begun and self._source.header:
            self._file.write(codecs.BOM_UTF8 if self._dialect.has_bom else b"")
            self._file.write(self._noted_row(self._source.header, _COLUMN))
        self._has_begun = True

    def _noted_row(self, content: bytes, note: str) -> bytes:
        dialect = self._dialect
        if self._source.header.lstrip(b'"').startswith(_COLUMN.encode()):
            content = _without_first_cell(content, dialect)
        cell = io.StringIO(newline="")
        csv.writer(cell, delimiter=dialect.delimiter, lineterminator="").writerow([note])
        return dialect.delimiter.encode().join((cell.getvalue().encode(), content)) + dialect.newline.encode()


@contextmanager
def _writing() -> Generator[None]:
    """Raise an OSError of the block as RunIncomplete."""
    try:
        yield
    except OSError as error:
        raise RunIncomplete(f"cannot write rejected records: {error.strerror}") from None


def _without_first_cell(row: bytes, dialect: CsvDialect) -> bytes:
    """Return a row without the reason of an earlier time, which a spreadsheet may have written in another way."""
    first = re.match(rb'(?:"(?:[^"]|"")*"|[^"%(end)s]*)(?:%(end)s|\Z)' % {b"end": dialect.delimiter.encode()}, row)
    return row[first.end() :] if first is not None else row


def _noted_line(line: bytes, note: str) -> bytes:
    """Return a line of JSON with a note as its first member. What is no object stays as it is, below its note."""
    try:
        members = msgspec.json.decode(line, type=_Members)
    except (ValueError, RecursionError):
        return msgspec.json.encode({_COLUMN: note}) + b"\n" + line + b"\n"
    members.pop(_COLUMN, None)
    return msgspec.json.encode({_COLUMN: note, **members}) + b"\n"
