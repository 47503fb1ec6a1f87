"""Read a file that may be gzip (RFC 1952), with one member or several, detected by its first bytes."""

from __future__ import annotations

import errno
import zlib
from typing import Final

from checkout_async.batch.sources.base import Readable

__all__ = ["GZIP_MAGIC", "Inflated"]

GZIP_MAGIC: Final = b"\x1f\x8b"

_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS
"""zlib's code for data with the header and the checksums of gzip."""


class Inflated:
    """A Readable with the content of another one, decompressed if it is gzip.

    `read` raises OSError if the compressed data are damaged or end too early.
    """

    def __init__(self, file: Readable) -> None:
        self._file = file
        self._input = b""
        self._member = zlib.decompressobj(_GZIP_WINDOW)
        self._in_member = False
        self._is_gzip: bool | None = None

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes, nothing only at the end."""
        if self._is_gzip is None:
            self._is_gzip = self._starts_with_magic()
        if self._is_gzip:
            return self._inflate(size)
        start, self._input = self._input, b""
        return start or self._file.read(size) or b""

    def _starts_with_magic(self) -> bool:
        while len(self._input) < len(GZIP_MAGIC) and GZIP_MAGIC.startswith(self._input):
            more = self._file.read(len(GZIP_MAGIC) - len(self._input))
            if not more:
                break
            self._input += more
        return self._input == GZIP_MAGIC

    def _inflate(self, size: int) -> bytes:
        while True:
            if self._in_member and (content := self._decompress(size)):
                return content
            if not self._input and not self._fill(size):
                return b""
            if not self._in_member:
                self._input = self._input.lstrip(b"\0")  # zeros may fill up a tape's last block
                self._in_member = bool(self._input)

    def _decompress(self, size: int) -> bytes:
        member = self._member
        try:
            content = member.decompress(self._input, size)
        except zlib.error:
            raise OSError(errno.EBADMSG, "the gzip data are damaged from here on") from None
        self._input = member.unused_data if member.eof else member.unconsumed_tail
        if member.eof:
            self._member = zlib.decompressobj(_GZIP_WINDOW)
            self._in_member = False
        return content

    def _fill(self, size: int) -> bool:
        """Read on, and return whether there was anything; an end inside a member is an error."""
        self._input = self._file.read(size) or b""
        if not self._input and self._in_member:
            raise OSError(errno.EBADMSG, "the gzip data end too early; the file is not complete")
        return bool(self._input)
