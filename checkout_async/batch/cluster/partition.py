"""The files of a run on many machines, and a part of its input as a value to send to another machine.

A record belongs to the partition that the hash of its reference selects, or that of its content if it has none: equal
references meet in one journal. Every worker reads the whole input and takes its own records, so no card number travels
or is written a second time. All files are in one folder that every machine sees:

    plan.json               the number of partitions, so that a resumed run has the same ones
    fingerprints.key        the key of all the run's journals
    part-00007.journal      the journal of partition 7
    part-00007.mark         the last entry that this journal surely has: an older or another one is refused
    part-00007.done         exists if partition 7 is finished, with the number of its records
    stop                    asks all partitions to read no further record
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import msgspec

from checkout_async.batch.defaults import Defaults
from checkout_async.batch.formats import Format
from checkout_async.batch.journal import Journal
from checkout_async.batch.journal.database import OLDER_COPY
from checkout_async.batch.journal.fingerprint import canonical
from checkout_async.batch.journal.rows import parse_entry
from checkout_async.batch.records import InvalidRecord, Record
from checkout_async.batch.sources import Source
from checkout_async.batch.sources.base import InputLines
from checkout_async.errors import BatchFileError, InvalidRequest
from checkout_async.files import atomic_write

__all__ = [
    "PLAN",
    "HighWaterMark",
    "Partition",
    "PartitionDone",
    "RunPaths",
    "key_base_path",
    "read_done",
    "records_of",
    "stop_file",
]

PLAN: Final = "plan.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPaths:
    """The files of a run on many machines, as absolute paths.

    All machines must see `input`, `folder` and `defaults`, the members that all records share. `output`, `journal` and
    `rejects`, which gets a copy of each invalid record with the reason, are written last, on the machine that plans.
    """

    input: Path
    output: Path
    journal: Path
    folder: Path
    defaults: Path | None = None
    rejects: Path | None = None
    input_format: Format | None = None
    output_format: Format | None = None

    @classmethod
    def of(
        cls,
        input: Path | str,  # noqa: A002  # the command's own word
        output: Path | str,
        *,
        journal: Path | str | None = None,
        folder: Path | str | None = None,
        defaults: Path | str | None = None,
        rejects: Path | str | None = None,
        input_format: Format | None = None,
        output_format: Format | None = None,
    ) -> Self:
        """Return the paths of a run. By default the journal is `output` with `.journal`, the folder with `.parts`.

        A format that is not given follows from the suffix of the name.
        """
        output = Path(output).absolute()
        return cls(
            input=Path(input).absolute(),
            output=output,
            journal=Path(journal or f"{output}.journal").absolute(),
            folder=Path(folder or f"{output}.parts").absolute(),
            defaults=None if defaults is None else Path(defaults).absolute(),
            rejects=None if rejects is None else Path(rejects).absolute(),
            input_format=input_format,
            output_format=output_format,
        )

    @property
    def plan(self) -> Path:
        """The file with the partitions."""
        return self.folder / PLAN


class Partition(msgspec.Struct, frozen=True, kw_only=True):
    """One of `count` partitions of an input; `number` counts from 0.

    `size` is the size of the input in bytes, by which a worker notices that it sees another file. `defaults` is the
    file with the members that all records share, and `defaults_check` their keyed fingerprint, empty without any.
    """

    number: int
    count: int
    folder: str
    input: str
    format: Format
    size: int
    defaults: str | None = None
    defaults_check: str = ""

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


async def records_of(
    partition: Partition, source: Source, defaults: Defaults | None = None
) -> AsyncGenerator[Record | InvalidRecord]:
    """Yield the records of a partition, with the members that they share.

    Raises OSError, and BatchFileError if `source` is not the planned input.
    """
    if os.fstat(source.fileno()).st_size != partition.size:
        raise BatchFileError(
            f"{partition.input} on this machine is not the file that the run was planned for, or has changed since"
        )
    async with aclosing(source.records()) as records:
        async for read in records:
            item = read if defaults is None else defaults.apply(read)
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


class HighWaterMark:
    """The high-water mark of a partition: a file with the id of its journal and the last entry that it surely has.

    It is for a partition what the output is for a run on one machine: it is read only to refuse a journal that was
    emptied, replaced by an older copy or mistaken for another one. Such a journal does not know all that was sent. Only
    the process that has the journal open may write it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._entry = ""
        self._written = ""

    def exists(self) -> bool:
        """Whether a worker has begun the partition: its journal must then be there."""
        return self._path.exists()

    def begin(self, journal: Journal, name: Path) -> None:
        """Check an open journal, and mark its last entry, before anything is sent. Raises BatchFileError or OSError."""
        known, number = parse_entry(journal.last_entry)
        if self.exists():
            marked = parse_entry(self._path.read_text("utf-8"))
            if marked[0] != known or marked[1] > number:
                raise BatchFileError(
                    f"the journal {name} is an older copy, or is not the journal of this partition. Nothing was sent. "
                    f"Put the journal back that the last worker wrote. {OLDER_COPY}"
                )
        self._entry = journal.last_entry
        self._write()

    def rise(self, entry: str | None) -> None:
        """Note an entry that is on disk; `save` writes it."""
        if entry is not None and parse_entry(entry)[1] > parse_entry(self._entry)[1]:
            self._entry = entry

    def save(self) -> None:
        """Write the mark if it has risen. If that fails, the lower one stays, which refuses less."""
        if self._entry != self._written:
            with suppress(OSError):
                self._write()

    def _write(self) -> None:
        entry = self._entry
        with atomic_write(self._path) as file:
            file.write(entry.encode())
        self._written = entry
