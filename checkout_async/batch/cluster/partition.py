"""A part of an input file, as a value that goes to another machine, and the files that a run on many machines keeps.

A `Partition` says where its records lie and holds none of them: no card number travels or is written a second time. All
that is written stands in one folder that every machine sees:

    plan.json               the partitions, so that a run that is started again goes on with the same ones
    fingerprints.key        the key of all the run's journals
    part-00007.journal      what partition 7 sent and what came of it
    part-00007.jsonl        its results
    part-00007.done         it is finished
    stop                    no partition is to take up another record
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from checkout_async.batch.formats import Format

__all__ = ["Duplicate", "Partition", "keyed", "stop_sign"]


class Duplicate(msgspec.Struct, frozen=True, array_like=True):
    """A line that must not be sent, because an earlier line of the input is the same record; `reason` names it."""

    line: int
    reason: str


class Partition(msgspec.Struct, frozen=True, kw_only=True):
    """Some records of an input, in a row; `number` counts from 0.

    A JSON Lines or CSV file: those in the bytes from `begin` up to `end`, whose line numbers are `shift` higher than
    they appear there; the first `head` bytes of a CSV file are its header. A Parquet file: rows from `begin` up to
    `end`, counted from 0. `size` is that of the whole file, by which a worker notices that it sees another one.
    `duplicates` are those of its lines that an earlier line rules out.
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
        """The file that says that the partition is finished."""
        return self._file("done")

    def _file(self, suffix: str) -> Path:
        return Path(self.folder, f"part-{self.number:05}.{suffix}")


def keyed(folder: Path) -> Path:
    """Return the path beside which the key of the run's fingerprints lies."""
    return folder / "fingerprints"


def stop_sign(folder: Path) -> Path:
    """Return the file that asks all partitions to come to an end."""
    return folder / "stop"
