"""Split bytes into lines; the base class of text inputs: JSON Lines and CSV, each also within gzip."""

from __future__ import annotations

import io
import stat
from abc import abstractmethod
from collections.abc import AsyncGenerator, Iterable, Iterator
from os import fstat
from pathlib import Path
from typing import Final

from checkout_async.batch.records import InvalidRecord, Record
from checkout_async.batch.sources.base import InputLines, Readable, Source, in_thread
from checkout_async.batch.sources.inflate import GZIP_MAGIC, Inflated

__all__ = ["LONGEST_LINE", "LineSplitter", "TextSource", "aiter_chunks", "iter_chunks"]

LONGEST_LINE: Final = 1 << 20
"""The most bytes of a line; many times the largest request that the API's limits allow."""

_CHUNK: Final = 1 << 16


class LineSplitter:
    """Splits chunks of bytes into lines that may span chunks. A line that is too long comes out as None."""

    def __init__(self) -> None:
        self._part = bytearray()
        self._too_long = False

    def feed(self, chunk: bytes) -> list[bytes | None]:
        """Return the lines that this chunk completes."""
        *ends, rest = chunk.split(b"\n")
        lines = [self._completed(end) for end in ends]
        self._keep(rest)
        return lines

    def finish(self) -> bytes | None:
        """Return the last line: the bytes after the last line feed, often none."""
        return self._completed(b"")

    def _completed(self, end: bytes) -> bytes | None:
        self._keep(end)
        line = None if self._too_long else bytes(self._part)
        self._part.clear()
        self._too_long = False
        return line

    def _keep(self, part: bytes) -> None:
        self._part += part
        if len(self._part) > LONGEST_LINE:
            self._too_long = True
            self._part.clear()


async def aiter_chunks(source: Readable) -> AsyncGenerator[bytes]:
    """Yield the content of a file as it comes, without blocking the event loop. Raises OSError."""
    while chunk := await in_thread(lambda: source.read(_CHUNK)):
        yield chunk


def iter_chunks(source: Readable) -> Iterator[bytes]:
    """Yield the content of a file, blocking. Raises OSError."""
    while chunk := source.read(_CHUNK):
        yield chunk


class TextSource(Source):
    """A source of text, from a file (`path`) or from standard input (None)."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._counts = InputLines()
        self._file = io.FileIO(0, closefd=False) if path is None else io.FileIO(path)

    def records(self) -> AsyncGenerator[Record | InvalidRecord]:
        """Read to the end; the line of a record is the number of the line it begins in, from 1."""
        return self._read(Inflated(self._file), self._counts)

    @property
    def lines(self) -> InputLines:
        """What the lines read so far were."""
        return self._counts

    def total(self) -> int | None:
        """Count the records of a regular file that is not compressed."""
        if self._path is None or not stat.S_ISREG(fstat(self._file.fileno()).st_mode):
            return None
        with io.FileIO(self._path) as file:
            if file.read(len(GZIP_MAGIC)) == GZIP_MAGIC:
                return None
            file.seek(0)
            return self._count(iter_chunks(file))

    def fileno(self) -> int:
        """Return the file descriptor."""
        return self._file.fileno()

    def close(self) -> None:
        """Close the file; standard input stays open."""
        self._file.close()

    @abstractmethod
    def _read(self, content: Readable, counts: InputLines) -> AsyncGenerator[Record | InvalidRecord]:
        """Read text, and count its lines."""

    @abstractmethod
    def _count(self, chunks: Iterable[bytes]) -> int:
        """Count the records in text."""
