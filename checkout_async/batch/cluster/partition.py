"""A part of an input as a value to send to another machine, its records, and the files that a run writes for it.

A record belongs to the partition that the hash of its reference selects, or that of its content if it has none: equal
references meet in one journal. Every worker reads the whole input and takes its own records, so no card number travels
or is written a second time. All files are in one folder that every machine sees:

    plan.json               the number of partitions, so that a resumed run has the same ones
    fingerprints.key        the key of all the run's journals
    part-00007.journal      the journal of partition 7
    part-00007.mark         the last entry that this journal surely has: an older or another one is refused (mark.py)
    part-00007.done         exists if partition 7 is finished, with the number of its records
    stop                    asks all partitions to read no further record
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import msgspec

from checkout_async.batch.formats import Format
from checkout_async.batch.journal.fingerprint import canonical
from checkout_async.batch.records import InvalidRecord, Record
from checkout_async.batch.sources import Source
from checkout_async.batch.sources.base import InputLines
from checkout_async.errors import BatchFileError, InvalidRequest

__all__ = ["Partition", "PartitionDone", "key_base_path", "read_done", "records_of", "stop_file"]


class Partition(msgspec.Struct, frozen=True, kw_only=True):
    """One of `count` partitions of an input; `number` counts from 0.

    `size` is the size of the input in bytes, by which a worker notices that it sees another file.
    """

    number: int
    count: int
    folder: str
    input: str
    format: Format
    size: int

    @property
    def journal(self) -> Path:
        """The journal of this partition alone."""
        return self._file("journal")

    @property
    def mark(self) -> Path:
        """The file with the last entry that the journal surely has."""
        return self._file("mark")

    @property
    def done(self) -> Path:
        """The file that says that the partition is finished."""
        return self._file("done")

    def has(self, item: Record | InvalidRecord) -> bool:
        """Whether a record belongs to this partition. A line that cannot be read belongs to that of its number."""
        return _number_of(item) % self.count == self.number

    def _file(self, suffix: str) -> Path:
        return Path(self.folder, f"part-{self.number:05}.{suffix}")


class PartitionDone(msgspec.Struct, frozen=True, kw_only=True):
    """What the file of a finished partition says: the number of its records, and the lines of the whole input."""

    records: int
    lines: InputLines | None = None


def read_done(partition: Partition) -> PartitionDone | None:
    """Return what a finished partition says; None if it is not finished, or its file is damaged. Raises OSError."""
    try:
        return msgspec.json.decode(partition.done.read_bytes(), type=PartitionDone)
    except (FileNotFoundError, ValueError):
        return None


async def records_of(partition: Partition, source: Source) -> AsyncGenerator[Record | InvalidRecord]:
    """Yield the records of a partition. Raises OSError, and BatchFileError if `source` is not the planned input."""
    if os.fstat(source.fileno()).st_size != partition.size:
        raise BatchFileError(
            f"{partition.input} on this machine is not the file that the run was planned for, or has changed since"
        )
    async with aclosing(source.records()) as records:
        async for item in records:
            if partition.has(item):
                yield item


def _number_of(item: Record | InvalidRecord) -> int:
    if isinstance(item, InvalidRecord):
        return item.line
    try:
        content = item.reference.encode("utf-8", "surrogatepass") if item.reference else canonical(item)
    except InvalidRequest:
        return item.line
    # It is not stored. Workers must agree on it without a secret, so it has no key.
    return int.from_bytes(hashlib.sha256(content).digest()[:8])


def key_base_path(folder: Path) -> Path:
    """Return the base path of the file with the key of the run's fingerprints."""
    return folder / "fingerprints"


def stop_file(folder: Path) -> Path:
    """Return the path of the file that asks all partitions to stop."""
    return folder / "stop"
