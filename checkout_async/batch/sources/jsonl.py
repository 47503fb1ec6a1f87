"""JSON Lines: one session request a line.

A line that is not a JSON object becomes an `InvalidRecord` with its number and the reason; the reading continues.
"""

from __future__ import annotations

import codecs
from collections.abc import AsyncGenerator, Iterable, Iterator
from typing import Final

import msgspec

from checkout_async.batch.formats import NOTE
from checkout_async.batch.records import InvalidRecord, Record
from checkout_async.batch.sources.base import InputLines, RawRow, Source
from checkout_async.batch.sources.lines import LONGEST_LINE, LineSplitter, TextSource, aiter_chunks

__all__ = ["JsonLines", "parse_line", "read_records"]

_NOTE: Final = f'"{NOTE}'.encode()


def parse_line(number: int, line: bytes | None) -> Record | InvalidRecord | None:
    """Return the record of a line, or what is wrong with it; None for a blank line.

    Members whose names begin with # are notes. A line of notes alone counts as blank. A `line` of None was too long.
    """
    if line is None:
        return InvalidRecord(line=number, reason=f"the line is longer than {LONGEST_LINE} bytes")
    if not line.strip():
        return None
    try:
        request = msgspec.json.decode(line, type=dict[str, object])
    except UnicodeDecodeError:
        return InvalidRecord(line=number, reason="the line is not valid UTF-8")
    except RecursionError:
        return InvalidRecord(line=number, reason="the line is nested too deeply")
    except msgspec.ValidationError:
        return InvalidRecord(line=number, reason="the line is not a JSON object")
    except msgspec.DecodeError as error:
        return InvalidRecord(line=number, reason=f"the line is not valid JSON: {error}")
    if _NOTE in line:
        request = {name: value for name, value in request.items() if not name.startswith(NOTE)}
        if not request:
            return None
    return Record.of(number, request)


async def read_records(
    chunks: Iterator[bytes], counts: InputLines | None = None, source: Source | None = None
) -> AsyncGenerator[Record | InvalidRecord]:
    """Read JSON Lines (UTF-8, with or without a byte order mark) to the end. Blank lines are skipped.

    Each line is counted in `counts`. The `rows` of `source`, if it has some, are filled.

    Raises OSError if the file cannot be read.
    """
    number, counts = 0, counts or InputLines()
    async for line in _lines(chunks):
        number += 1
        content = line.removeprefix(codecs.BOM_UTF8) if line and number == 1 else line
        parsed = parse_line(number, content)
        if parsed is None:
            counts.blank += 1
        else:
            counts.records += 1
            if source is not None and source.rows is not None:
                source.rows[number] = RawRow(number, (content or b"").removesuffix(b"\r"))
            yield parsed


async def _lines(chunks: Iterator[bytes]) -> AsyncGenerator[bytes | None]:
    splitter = LineSplitter()
    async for chunk in aiter_chunks(chunks):
        for line in splitter.feed(chunk):
            yield line
    if (rest := splitter.finish()) != b"":
        yield rest


class JsonLines(TextSource):
    """A source of JSON Lines."""

    def _read(self, chunks: Iterator[bytes], counts: InputLines) -> AsyncGenerator[Record | InvalidRecord]:
        return read_records(chunks, counts, self)

    def _count(self, chunks: Iterable[bytes]) -> int:
        splitter = LineSplitter()
        count = sum(1 for chunk in chunks for line in splitter.feed(chunk) if line is None or line.strip())
        rest = splitter.finish()
        return count + (rest is None or bool(rest.strip()))
