"""A part of an input file as a value to send to another machine, and the files that a run on many machines writes.

A `Partition` says where its records are and contains none of them: no card number travels or is written a second time.
All files are in one folder that every machine sees:

    plan.json               the partitions, so that a resumed run uses the same ones
    fingerprints.key        the key of all the run's journals
    part-00007.journal      the journal of partition 7
    part-00007.jsonl        its results
    part-00007.done         exists if partition 7 is finished
    stop                    asks all partitions to read no further record
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from checkout_async.batch.formats import Format

__all__ = ["Duplicate", "Partition", "keyed", "stop_sign"]


class Duplicate(msgspec.Struct, frozen=True, array_like=True):
    """A line that must not be sent because an earlier line is the same record; `reason` names that line."""

    line: int
    reason: str


class Partition(msgspec.Struct, frozen=True, kw_only=True):
    """Consecutive records of an input; `number` counts from 0.

    In a JSON Lines or CSV file they are in the bytes from `begin` up to `end`; add `shift` to a line number counted
    there to get the line in the file. The first `head` bytes of a CSV file are its header. In a Parquet file they are
    the rows from `begin` up to `end`, counted from 0. `size` is the size of the whole file, by which a worker notices
    that it sees another file. `duplicates` are the lines of the partition that repeat an earlier record.
    """

    number: int
    folder: str
    input: str
    format: Format
    size: int
    begin: int
    end: int
    head: int = 0
    shift: int = 0
    records: int
    duplicates: tuple[Duplicate, ...] = ()

    @property
    def journal(self) -> Path:
        """The journal of this partition alone."""
        return self._file("journal")

    @property
    def results(self) -> Path:
        """The outcomes of this partition, as JSON Lines."""
        return self._file("jsonl")

    @property
    def done(self) -> Path:
        """The file that marks the partition as finished."""
        return self._file("done")

    def _file(self, suffix: str) -> Path:
        return Path(self.folder, f"part-{self.number:05}.{suffix}")


def keyed(folder: Path) -> Path:
    """Return the base path of the file with the key of the run's fingerprints."""
    return folder / "fingerprints"


def stop_sign(folder: Path) -> Path:
    """Return the path of the file that asks all partitions to stop."""
    return folder / "stop"
