"""JSON Lines: one session request a line.

A line that is not a JSON object becomes an `InvalidRecord` with its number and the reason; the reading continues.
"""

from __future__ import annotations

import codecs
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, cast

import msgspec

from checkout_async.batch.formats import NOTE
from checkout_async.batch.records import InvalidRecord, Record
from checkout_async.batch.sources.base import InputLines, RawRow, Source
from checkout_async.batch.sources.lines import LONGEST_LINE, NOT_TEXT, LineSplitter, TextReader, TextSource
from checkout_async.redaction import sanitize

__all__ = ["JsonLines", "JsonReader", "parse_line"]

_NOTE: Final = f'"{NOTE}'.encode()

_DEEPEST: Final = 100
"""Levels of a line: ten times those of a request. Code that takes a level in each call reaches a thousand at most."""

_TOO_DEEP: Final = "the line is nested too deeply"

_LONGEST_SHOWN: Final = 11
"""A number that is not longer is not a card number."""


class _Ambiguous(Exception):
    """A line is valid JSON, and does not say for certain what is to be paid."""


def _unique(members: list[tuple[str, object]]) -> None:
    if len({name for name, _ in members}) != len(members):
        [(name, count)] = Counter(name for name, _ in members).most_common(1)
        raise _Ambiguous(f"the member {sanitize(name)} is in one object {count} times")


def _written(text: str) -> None:
    # 4.2e15 may be a card number that a spreadsheet has written.
    if float(text).is_integer():
        shown = text if len(text) <= _LONGEST_SHOWN else "a number"
        raise _Ambiguous(f"{shown} is a whole number with decimals or an exponent: amounts are in the minor unit")


_ambiguities: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_written)
"""Finds what the decoder of msgspec, like most, passes over: a member that occurs twice, of which the last one counts,
and an amount such as 19.00, which is read as 19."""


def parse_line(number: int, line: bytes | None) -> Record | InvalidRecord | None:
    """Return the record of a line, or what is wrong with it; None for a blank line.

    Members whose names begin with # are notes. A line of notes alone counts as blank. A `line` of None was too long.
    """
    if line is None:
        return InvalidRecord(line=number, reason=f"the line is longer than {LONGEST_LINE} bytes")
    if not line.strip():
        return None
    request = _decoded(line)
    if isinstance(request, str):
        return InvalidRecord(line=number, reason=request)
    if _NOTE in line:
        request = {name: value for name, value in request.items() if not name.startswith(NOTE)}
        if not request:
            return None
    return Record.of(number, request)


def _decoded(line: bytes) -> dict[str, object] | str:
    """Return the object of a line, or what is wrong with it."""
    try:
        request = msgspec.json.decode(line, type=dict[str, object])
    except UnicodeDecodeError:
        return f"the line is {NOT_TEXT}"
    except RecursionError:
        return _TOO_DEEP
    except msgspec.ValidationError:
        return "the line is not a JSON object"
    except msgspec.DecodeError as error:
        return f"the line is not valid JSON: {error}"
    if _is_too_deep(line, request):
        return _TOO_DEEP
    try:
        _ambiguities.decode(line.decode())
    except _Ambiguous as error:
        return str(error)
    return request


def _is_too_deep(line: bytes, request: Mapping[str, object]) -> bool:
    if line.count(b"{") + line.count(b"[") <= _DEEPEST:  # quick, and all that is needed for nearly every line
        return False
    level: list[object] = [request]
    for _ in range(_DEEPEST):
        level = [inner for value in level for inner in _inside(value)]
    return bool(level)


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return cast("dict[str, object]", value).values()
    return cast("list[object]", value) if isinstance(value, list) else ()


class JsonReader(TextReader):
    """Reads JSON Lines. A byte order mark and blank lines are skipped.

    Each line is counted in `counts`. The `rows` of `source`, if it has some, are filled.
    """

    def __init__(self, counts: InputLines | None = None, source: Source | None = None) -> None:
        self._counts = counts or InputLines()
        self._source = source
        self._lines = LineSplitter()
        self._number = 0

    def feed(self, chunk: bytes) -> Iterator[Record | InvalidRecord]:
        """Yield the records of the lines that this chunk completes."""
        return self._records(self._lines.feed(chunk))

    def finish(self) -> Iterator[Record | InvalidRecord]:
        """Yield the record of the last line, if it has no line feed."""
        rest = self._lines.finish()
        return self._records([] if rest == b"" else [rest])

    def _records(self, lines: Sequence[bytes | None]) -> Iterator[Record | InvalidRecord]:
        for line in lines:
            self._number += 1
            content = line.removeprefix(codecs.BOM_UTF8) if line and self._number == 1 else line
            parsed = parse_line(self._number, content)
            if parsed is None:
                self._counts.blank += 1
                continue
            self._counts.records += 1
            if self._source is not None and self._source.rows is not None:
                self._source.rows[self._number] = RawRow(self._number, (content or b"").removesuffix(b"\r"))
            yield parsed


class JsonLines(TextSource):
    """A source of JSON Lines."""

    def _reader(self, counts: InputLines) -> TextReader:
        return JsonReader(counts, self)
