"""Text inputs: their chunks, which may be gzip or UTF-16, their lines, and the base class of JSON Lines and CSV.

Gzip is decompressed by zlib: `gzip.GzipFile` waits until a pipe has filled a buffer, and takes a first read of a single
byte for damage. UTF-16 becomes UTF-8 at once, so that nothing after that has to know of it.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import select
import stat
import zlib
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Iterator
from itertools import chain
from os import fstat
from pathlib import Path
from typing import BinaryIO, Final

from checkout_async.batch.records import InvalidRecord, Record
from checkout_async.batch.sources.base import InputLines, Source, in_thread
from checkout_async.batch.streams import is_fifo
from checkout_async.errors import BatchFileError

__all__ = ["LONGEST_LINE", "NOT_TEXT", "LineSplitter", "TextReader", "TextSource", "as_utf8", "read_chunks"]

LONGEST_LINE: Final = 1 << 20
"""The most bytes of a line; many times the largest request that the API's limits allow."""

NOT_TEXT: Final = "not valid UTF-8 or UTF-16; save the file as UTF-8"
"""What is wrong with a line of another encoding. Spreadsheets write one unless they are asked for `CSV UTF-8`."""

_CHUNK: Final = 1 << 16

_GZIP_MAGIC: Final = b"\x1f\x8b"

_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS
"""zlib's code for data with the header and the checksums of gzip."""

_UTF_16: Final = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


class LineSplitter:
    """Splits chunks of bytes into lines that may span chunks. A line of more than `longest` bytes comes out as None."""

    def __init__(self, longest: float = LONGEST_LINE) -> None:
        self._longest = longest
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
        if len(self._part) > self._longest:
            self._too_long = True
            self._part.clear()


def read_chunks(file: BinaryIO) -> Iterator[bytes]:
    """Yield the content of an unbuffered file as it comes, decompressed if it is gzip (RFC 1952). Blocks.

    Raises OSError, for gzip that is damaged or ends too early after the content before that.
    """
    chunk = b""
    # One byte at a time, as a pipe may have no second one yet.
    while chunk != _GZIP_MAGIC and _GZIP_MAGIC.startswith(chunk) and (more := file.read(1)):
        chunk += more
    if chunk == _GZIP_MAGIC:
        yield from _decompressed(file, chunk)
        return
    while chunk:
        yield chunk
        chunk = file.read(_CHUNK)


def _decompressed(file: BinaryIO, packed: bytes) -> Iterator[bytes]:
    while True:
        member = zlib.decompressobj(_GZIP_WINDOW)
        while True:
            try:
                content = member.decompress(packed, _CHUNK)
            except zlib.error:
                raise OSError(errno.EBADMSG, "the gzip data are damaged from here on") from None
            if content:
                yield content
            if member.eof:
                break
            packed = member.unconsumed_tail
            # A full chunk may not be all that was decompressed.
            if not packed and len(content) < _CHUNK and not (packed := file.read(_CHUNK)):
                raise OSError(errno.EBADMSG, "the gzip data end too early; the file is not complete")
        packed = member.unused_data.lstrip(b"\0")  # zeros may fill up a tape's last block
        while not packed:
            if not (more := file.read(_CHUNK)):
                return
            packed = more.lstrip(b"\0")


def as_utf8(chunks: Iterator[bytes], name: str = "the input") -> Iterator[bytes]:
    """Yield a text in UTF-8: one that begins with the byte order mark of UTF-16 is converted, the mark included.

    Half a surrogate pair becomes bytes that are not valid UTF-8, so that its line alone is refused. Raises
    BatchFileError for UTF-32, and for UTF-16 without a mark; OSError after a text that ends within a character.
    """
    head = b""
    # A line has two bytes, and four after a mark. So none waits for the next one, which a pipe may not have yet.
    while len(head) < (4 if head[:2] in _UTF_16 else 2) and (more := next(chunks, b"")):
        head += more
    if head.startswith(codecs.BOM_UTF32_LE) or b"\0" in head[:2]:
        # No text of a request begins with the character NUL, nor has it after its first one.
        raise BatchFileError(f"{name} is UTF-32, or UTF-16 without a byte order mark; save it as UTF-8")
    if head[:2] not in _UTF_16:
        yield from filter(None, chain([head], chunks))
        return
    decoder = codecs.getincrementaldecoder(_UTF_16[head[:2]])("surrogatepass")
    yield from filter(None, (decoder.decode(each).encode("utf-8", "surrogatepass") for each in chain([head], chunks)))
    if decoder.getstate()[0]:
        raise OSError(errno.EBADMSG, "the UTF-16 text ends within a character; the file is not complete")


def _opened(path: Path) -> io.FileIO:
    """Open a file to read it. A FIFO is opened without waiting for a writer: a signal would not interrupt that."""

    def opener(name: str, flags: int) -> int:
        descriptor = os.open(name, flags | os.O_NONBLOCK)
        os.set_blocking(descriptor, True)
        return descriptor

    return io.FileIO(path, opener=opener) if is_fifo(path) else io.FileIO(path)


class TextReader(ABC):
    """Turns the chunks of a text into records, once."""

    @abstractmethod
    def feed(self, chunk: bytes) -> Iterator[Record | InvalidRecord]:
        """Yield the records that this chunk completes; take all of them before the next chunk."""

    @abstractmethod
    def finish(self) -> Iterator[Record | InvalidRecord]:
        """Yield the records that are left at the end."""

    def read(self, chunks: Iterator[bytes]) -> Iterator[Record | InvalidRecord]:
        """Yield all records. Blocks; raises OSError, and BatchFileError for the header of a table and for UTF-32."""
        for chunk in as_utf8(chunks):
            yield from self.feed(chunk)
        yield from self.finish()

    async def aread(self, chunks: Iterator[bytes]) -> AsyncGenerator[Record | InvalidRecord]:
        """Yield all records without blocking the event loop. Raises as `read` does."""
        texts = as_utf8(chunks)
        while chunk := await in_thread(lambda: next(texts, b"")):
            for item in self.feed(chunk):
                yield item
        for item in self.finish():
            yield item


class TextSource(Source):
    """A source of text, from a file (`path`) or from standard input (None)."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._counts = InputLines()
        self._file = io.FileIO(0, closefd=False) if path is None else _opened(path)
        status = fstat(self._file.fileno())
        self._size = status.st_size if path is not None and stat.S_ISREG(status.st_mode) else 0

    def records(self) -> AsyncGenerator[Record | InvalidRecord]:
        """Read to the end; the line of a record is the number of the line it begins in, from 1."""
        return self._reader(self._counts).aread(self._chunks())

    @property
    def lines(self) -> InputLines:
        """What the lines read so far were."""
        return self._counts

    def total(self) -> int | None:
        """Count the records of a regular file that is not compressed."""
        if self._path is None or not stat.S_ISREG(fstat(self._file.fileno()).st_mode):
            return None
        with io.FileIO(self._path) as file:
            if file.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC:
                return None
            file.seek(0)
            return sum(1 for _ in self._reader(InputLines()).read(read_chunks(file)))

    def fileno(self) -> int:
        """Return the file descriptor."""
        return self._file.fileno()

    def close(self) -> None:
        """Close the file; standard input stays open."""
        self._file.close()

    def _chunks(self) -> Iterator[bytes]:
        if self._path is not None and is_fifo(self._path):
            # Until there is a writer, a read would find the end.
            select.select([self._file], [], [])
        yield from read_chunks(self._file)
        if self._size and self._file.tell() < self._size:
            raise OSError(errno.EIO, "the file has become shorter since it was opened")

    @abstractmethod
    def _reader(self, counts: InputLines) -> TextReader:
        """Return a new reader, which counts the lines."""
