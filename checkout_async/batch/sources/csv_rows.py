"""Split CSV (RFC 4180) as it is read: chunks of bytes into rows, and a row into its cells.

A quoted cell may contain line feeds if the row is then well-formed and has as many cells as the header. Otherwise the
quote is a mistake in its own line: that line is a defective row, and the next line begins a row again. So a stray quote
does not swallow the rows after it, as it would with a `csv.reader` over the whole file. That module judges each line
and splits the cells; this one decides which lines are a row.

Cells are separated by commas, semicolons or tabs, whichever the header has most of. A row of separators alone is
skipped like a blank line.
"""

from __future__ import annotations

import codecs
import csv
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import ClassVar

from checkout_async.batch.formats import CsvDialect
from checkout_async.batch.sources.base import InputLines
from checkout_async.batch.sources.lines import LONGEST_LINE, LineSplitter
from checkout_async.redaction import SecretStruct

__all__ = ["CsvRow", "RowSplitter"]

_DELIMITERS = ",;\t"
# The same wherever the input ends, so that a part of a file gives the same records as the whole.
_NOT_CLOSED = "the row has a quote that is not closed, and the lines after it do not complete a row like the header"


class CsvRow(SecretStruct, frozen=True):
    """A row and the number of the line it begins in; a row with a `defect` has no cells.

    `number` counts rows as a spreadsheet does: blank lines are rows, and a row of several lines is one.
    """

    __hidden__: ClassVar[tuple[str, ...]] = ("content",)

    line: int
    number: int
    content: bytes = b""
    defect: str = ""


class RowSplitter:
    """Splits chunks of bytes into rows that may span chunks.

    It counts blank lines and further lines of rows in `counts`; the rows are counted by their reader.
    """

    def __init__(self, counts: InputLines | None = None) -> None:
        self._delimiter = _DELIMITERS[0]
        self._has_bom = False
        self.dialect: CsvDialect | None = None  # of the header, once that is complete
        self._counts = counts or InputLines()
        self._width = 0  # of the header, once that is complete
        self._lines = LineSplitter()
        self._number = 0
        # The lines of the row that is not complete yet: the first has a quote that is not closed.
        self._row: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> Iterator[CsvRow]:
        """Yield the rows that this chunk completes; take all of them before the next chunk."""
        for line in self._lines.feed(chunk):
            yield from self._take(deque([line]))

    def finish(self) -> Iterator[CsvRow]:
        """Yield the rows that are left: the last line if it has no line feed, and those after a quote left open."""
        if (line := self._lines.finish()) != b"":
            yield from self._take(deque([line]))
        while self._row:
            lines = deque[bytes | None]()
            yield self._give_up(lines)
            yield from self._take(lines)

    def cells(self, row: CsvRow) -> list[str]:
        """Return the cells of a row. Raises ValueError that says what is wrong with it."""
        if row.defect:
            raise ValueError(row.defect)
        try:
            row.content.decode("utf-8")
            return self._parsed(row.content) or []
        except UnicodeDecodeError:
            raise ValueError("the row is not valid UTF-8") from None
        except csv.Error as error:
            raise ValueError(f"the row is not valid CSV: {error}") from None

    def _parsed(self, content: bytes) -> list[str] | None:
        """Return the cells of a text; None if it ends inside quotes. Raises csv.Error."""
        text = content.decode("utf-8", "replace")
        if not self._width:
            self._delimiter = max(_DELIMITERS, key=text.count)
        lines = iter([text, ""])
        try:
            return next(csv.reader(lines, delimiter=self._delimiter, strict=True))
        except csv.Error:
            # Inside quotes, and only there, the reader has asked for a further line.
            if next(lines, None) is None:
                return None
            raise

    def _take(self, lines: deque[bytes | None]) -> Iterator[CsvRow]:
        """Take lines in; those after a quote that proves stray are put back and taken again, each once."""
        while lines:
            line = lines.popleft()
            if line is None and self._row:
                lines.appendleft(line)
                yield self._give_up(lines)
                continue
            self._number += 1
            if line is None:
                yield self._found(defect=f"the row is longer than {LONGEST_LINE} bytes")
            elif self._is_open_after(line):
                if self._size > LONGEST_LINE:
                    yield self._give_up(lines)
            elif self._is_row():
                yield from self._completed()
            else:
                yield self._give_up(lines)

    def _is_open_after(self, line: bytes) -> bool:
        """Add a line to the row, and return whether the row may go on in the next line."""
        quoted = bool(self._row)
        if self._number == 1:
            self._has_bom = line.startswith(codecs.BOM_UTF8)
            line = line.removeprefix(codecs.BOM_UTF8)
        self._row.append(line)
        self._size += len(line) + 1
        if b'"' not in line:
            return quoted
        try:
            return self._parsed(b'"' + line if quoted else line) is None
        except csv.Error:
            return False

    def _is_row(self) -> bool:
        """Whether the lines are a row: any line that is not open after it, or a well-formed row of several lines."""
        if len(self._row) == 1:
            return True
        content = self._content()
        if content.count(b'"') % 2:
            return False  # one of them is stray, also if the reader takes it for a part of a cell without quotes
        try:
            cells = self._parsed(content)
        except csv.Error:
            return False
        return cells is not None and self._width in {0, len(cells)}

    def _content(self) -> bytes:
        return b"\n".join(self._row).removesuffix(b"\r")

    def _completed(self) -> Iterator[CsvRow]:
        content, lines, newline = self._content(), len(self._row), "\r\n" if self._row[-1].endswith(b"\r") else "\n"
        self._clear()
        if not content.strip(b' ",;\t'):
            self._counts.blank += 1
            return
        self._counts.continued += lines - 1
        if not self._width:
            with suppress(csv.Error):  # `cells` raises the reason
                self._width = len(self._parsed(content) or ())
            self.dialect = CsvDialect(self._delimiter, newline, self._has_bom)
        yield self._found(content, lines)

    def _give_up(self, lines: deque[bytes | None]) -> CsvRow:
        """Return the first line of the row as a defective one, and put the others back."""
        first, *others = self._row
        lines.extendleft(reversed(others))
        self._number -= len(others)
        self._clear()
        return self._found(first.removesuffix(b"\r"), defect=_NOT_CLOSED)

    def _found(self, content: bytes = b"", lines: int = 1, defect: str = "") -> CsvRow:
        """Return a row that ends in this line."""
        number = self._number - self._counts.continued
        return CsvRow(self._number - lines + 1, number, content, defect)

    def _clear(self) -> None:
        self._row.clear()
        self._size = 0
