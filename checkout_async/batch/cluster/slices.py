"""Read the records of one partition from the input, with their line numbers in the whole file."""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from pathlib import Path

from msgspec.structs import replace

from checkout_async.batch.cluster.partition import Partition
from checkout_async.batch.formats import Format
from checkout_async.batch.records import InvalidRecord, Record
from checkout_async.batch.sources.columns import ParquetTable
from checkout_async.batch.sources.inflate import GZIP_MAGIC
from checkout_async.batch.sources.jsonl import read_records
from checkout_async.batch.sources.table import read_table
from checkout_async.errors import BatchFileError

__all__ = ["check_cuttable", "records_of"]


class _FileRanges:
    """A Readable over ranges of a file, one after the other."""

    def __init__(self, file: io.FileIO, spans: Sequence[tuple[int, int]]) -> None:
        self._descriptor = file.fileno()
        self._spans = [span for span in spans if span[0] < span[1]]

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes, nothing only at the end. Raises OSError."""
        if not self._spans:
            return b""
        begin, end = self._spans[0]
        content = os.pread(self._descriptor, min(size, end - begin), begin)
        if not content:
            raise OSError(errno.EIO, "the input became shorter while it was read")
        if begin + len(content) < end:
            self._spans[0] = (begin + len(content), end)
        else:
            del self._spans[0]
        return content


def check_cuttable(path: Path) -> None:
    """Raise BatchFileError for an input that can only be read from its beginning: a stream, a gzip file."""
    try:
        with path.open("rb") as file:
            is_regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            is_gzip = is_regular and file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
    except OSError as error:
        raise BatchFileError(f"cannot read the input file {path}: {error.strerror}") from None
    if not is_regular:
        raise BatchFileError(f"{path} is not a regular file; put the input into a file that all machines can read")
    if is_gzip:
        raise BatchFileError(f"{path} is gzip, which can only be read from its beginning; decompress it first")


def records_of(partition: Partition) -> AsyncGenerator[Record | InvalidRecord]:
    """Read the records of a partition.

    Raises OSError, and BatchFileError if this machine does not see the file that the run was planned for.
    """
    return _rows_of(partition) if partition.format is Format.PARQUET else _lines_of(partition)


async def _rows_of(partition: Partition) -> AsyncGenerator[Record | InvalidRecord]:
    with ParquetTable(Path(partition.input), range(partition.begin, partition.end)) as table:
        _check_same(partition, table.fileno())
        async with aclosing(table.records()) as records:
            async for item in records:
                yield item


async def _lines_of(partition: Partition) -> AsyncGenerator[Record | InvalidRecord]:
    with io.FileIO(partition.input) as file:
        _check_same(partition, file.fileno())
        spans = _FileRanges(file, [(0, partition.head), (partition.begin, partition.end)])
        read = read_table if partition.format is Format.CSV else read_records
        async with aclosing(read(spans)) as records:
            async for item in records:
                yield replace(item, line=item.line + partition.shift)


def _check_same(partition: Partition, descriptor: int) -> None:
    if os.fstat(descriptor).st_size != partition.size:
        raise BatchFileError(
            f"{partition.input} on this machine is not the file that the run was planned for, or has changed since"
        )
