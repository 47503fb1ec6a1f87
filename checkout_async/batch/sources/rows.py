"""Split CSV (RFC 4180) as it is read: chunks of bytes into rows, and a row into its cells.

A quoted cell may contain line feeds. Cells are separated by commas, semicolons or tabs, whichever the header has most
of. A row of separators alone is skipped like a blank line.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache

from checkout_async.batch.sources.lines import LONGEST_LINE, LineSplitter

__all__ = ["CsvRow", "RowSplitter"]

_DELIMITERS = ",;\t"


@dataclass(frozen=True, slots=True)
class CsvRow:
    """A row and the number of the line it begins in; a row with a `defect` has no cells."""

    line: int
    content: bytes = field(default=b"", repr=False)
    defect: str = ""


class RowSplitter:
    """Splits chunks of bytes into rows that may span chunks."""

    def __init__(self) -> None:
        self.delimiter: str | None = None
        self._lines = LineSplitter()
        self._number = 0
        self._start = 0
        self._part = bytearray()
        self._in_quotes = False

    def feed(self, chunk: bytes) -> Iterator[CsvRow]:
        """Yield the rows that this chunk completes; take all of them before the next chunk."""
        for line in self._lines.feed(chunk):
            yield from self._take(line)

    def finish(self) -> Iterator[CsvRow]:
        """Yield the last row, if the file does not end with a line feed."""
        yield from self._take(self._lines.finish())
        if self._in_quotes:
            yield self._failed("the row has a quote that is not closed before the end of the file")

    def cells(self, row: CsvRow) -> list[str]:
        """Return the cells of a row. Raises ValueError that says what is wrong with it."""
        if row.defect:
            raise ValueError(row.defect)
        try:
            text = row.content.decode("utf-8")
        except UnicodeDecodeError:
            raise ValueError("the row is not valid UTF-8") from None
        try:
            return next(csv.reader([text], delimiter=self.delimiter or ",", strict=True))
        except csv.Error as error:
            raise ValueError(f"the row is not valid CSV: {error}") from None

    def _take(self, line: bytes | None) -> Iterator[CsvRow]:
        self._number += 1
        if not self._in_quotes:
            self._start = self._number
        if line is None or len(self._part) + len(line) > LONGEST_LINE:
            quote = f", or has a quote that is not closed before line {self._number}" if self._in_quotes else ""
            yield self._failed(f"the row is longer than {LONGEST_LINE} bytes{quote}")
            return
        if self._number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        self._part += line
        self._in_quotes = self._ends_in_quotes(line)
        if self._in_quotes:
            self._part += b"\n"
            return
        content = bytes(self._part)
        self._part.clear()
        yield from self._completed(content)

    def _ends_in_quotes(self, line: bytes) -> bool:
        if b'"' not in line:
            return self._in_quotes
        begun = b'"' + line if self._in_quotes else line
        return _closed(self.delimiter or _DELIMITERS).match(begun) is None

    def _completed(self, content: bytes) -> Iterator[CsvRow]:
        content = content.removesuffix(b"\r")
        if content.strip(b' ",;\t'):
            if self.delimiter is None:
                header = content.decode("utf-8", "replace")
                self.delimiter = max(_DELIMITERS, key=header.count)
            yield CsvRow(self._start, content)

    def _failed(self, defect: str) -> CsvRow:
        self._part.clear()
        self._in_quotes = False
        return CsvRow(self._start, defect=defect)


@cache
def _closed(delimiters: str) -> re.Pattern[bytes]:
    """Return the pattern of a line that ends outside quotes. Possessive, so that no line takes long."""
    quoted = rf'"(?:[^"]++|"")*+"[^{delimiters}]*+'
    bare = rf'[^"{delimiters}][^{delimiters}]*+'
    return re.compile(rf"(?:(?:{quoted}|{bare}|)[{delimiters}])*+(?:{quoted}|{bare}|)\Z".encode())
