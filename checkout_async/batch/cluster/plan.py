"""Split an input file into partitions: it is read once, in bounded memory, before anything is sent.

It is read as the workers will read it, so that every partition begins with a record in every format, and duplicates
anywhere in the file are found. The plan is stored in the folder of the run.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import msgspec

from checkout_async.batch.apart import check_apart
from checkout_async.batch.cluster.cuts import Marks, starts_of_lines
from checkout_async.batch.cluster.input import Input
from checkout_async.batch.cluster.loops import in_a_loop
from checkout_async.batch.cluster.partition import Duplicate, Partition, keyed, stop_sign
from checkout_async.batch.cluster.repeats import DuplicateFinder
from checkout_async.batch.cluster.slices import check_cuttable
from checkout_async.batch.formats import Format, format_of
from checkout_async.batch.journal.database import open_database
from checkout_async.batch.journal.fingerprint import Fingerprints, key_file_of, load_key, make_key
from checkout_async.batch.records import InvalidRecord, Record
from checkout_async.batch.results import ResultFile
from checkout_async.batch.results.spool import spool_of
from checkout_async.batch.sources import open_source
from checkout_async.batch.sources.base import InputLines
from checkout_async.errors import BatchFileError, ConfigurationError
from checkout_async.files import atomic_write

__all__ = ["RunPaths", "plan_partitions", "planned_input", "planned_lines"]

_PLAN: Final = "plan.json"
_FORMAT: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPaths:
    """The files of a run on many machines, as absolute paths.

    All machines must see `input` and `folder`. `output` and `journal` are written last, on the machine that plans.
    """

    input: Path
    output: Path
    journal: Path
    folder: Path
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
            input_format=input_format,
            output_format=output_format,
        )

    @property
    def spool(self) -> Path | None:
        """Where a killed run on one machine left rows for a Parquet output; a resumed run prefers these rows."""
        return spool_of(self.output) if format_of(self.output, self.output_format) is Format.PARQUET else None

    @property
    def plan(self) -> Path:
        """The file with the partitions."""
        return self.folder / _PLAN


class _Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A plan as stored in the folder."""

    version: int
    input: Input
    output: str
    journal: str
    partitions: tuple[Partition, ...]
    lines: InputLines | None = None


def plan_partitions(
    places: RunPaths, count: int, *, force: bool = False, resume: bool = False
) -> tuple[Partition, ...]:
    """Split the input into at most `count` partitions of about as many records each.

    With `resume`, a plan in the folder is used as it is. Otherwise the folder must be new or empty, and output and
    journal must not exist unless `force` replaces them. Raises BatchFileError, also for standard input and gzip,
    which cannot be split, and for names that are not UTF-8.
    """
    if count < 1:
        raise ConfigurationError("the number of partitions must be a whole number above 0")
    _check_names(places)
    if places.plan.exists():
        return _taken_up(places, force=force, resume=resume)
    _check_unused(places, force=force)
    _make_folder(places.folder)
    try:
        return _made(places, count)
    except BaseException:
        _remove_folder(places)
        raise


def planned_input(places: RunPaths) -> Input:
    """Return the input that the plan was made for. Raises BatchFileError."""
    return _read(places.plan).input


def planned_lines(places: RunPaths) -> InputLines | None:
    """Return what the lines of the planned input were; None for Parquet. Raises BatchFileError."""
    return _read(places.plan).lines


def _check_names(places: RunPaths) -> None:
    """Refuse, before anything is sent, files that could not be written at the end."""
    _check_text(places)
    named = {"input": places.input, "output": places.output, "journal": places.journal, "folder": places.folder}
    check_apart(named)
    ResultFile.check(places.output, places.output_format)
    for what, path in (("output file", places.output), ("journal", places.journal)):
        if path.exists() and not path.is_file():
            raise BatchFileError(f"cannot write the {what} {path}: it is not a regular file")
        if not path.parent.is_dir():
            raise BatchFileError(f"cannot write the {what} {path}: there is no folder {path.parent}")
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise BatchFileError(f"cannot write the {what} {path}: the folder {path.parent} cannot be written to")


def _check_text(places: RunPaths) -> None:
    """Refuse names that are not UTF-8: neither the plan, which is JSON, nor another machine could read them."""
    for path in (places.input, places.folder):
        try:
            str(path).encode()
        except UnicodeEncodeError:
            raise BatchFileError(f"the name {str(path)!r} is not UTF-8; rename it for a run on many machines") from None


def _check_unused(places: RunPaths, *, force: bool) -> None:
    if places.journal.exists() and not force:
        raise BatchFileError(
            f"the journal {places.journal} of an earlier run exists; resume that run on one machine, or replace "
            "the journal and what it knows with --force"
        )
    there = next((path for path in (places.output, places.spool) if path and path.exists()), None)
    if there and not force:
        raise BatchFileError(f"{there} exists; name another output file, or replace it with --force")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        there = {path.name for path in folder.iterdir()} - {key_file_of(keyed(folder)).name}
    except OSError as error:
        raise BatchFileError(f"cannot use the folder {folder}: {error.strerror}") from None
    if there - {f"{_PLAN}.new"}:
        raise BatchFileError(f"the folder {folder} is not empty and has no plan; name another one")


def _remove_folder(places: RunPaths) -> None:
    """Remove what a failed planning left. Without a plan, no journal uses this key yet."""
    with suppress(OSError):
        key_file_of(keyed(places.folder)).unlink(missing_ok=True)
        places.folder.rmdir()


def _made(places: RunPaths, count: int) -> tuple[Partition, ...]:
    try:
        found = in_a_loop(lambda: _surveyed(places, count))
    except OSError as error:
        raise BatchFileError(f"cannot read the input file {places.input}: {error.strerror}") from None
    try:
        _remove_journal(places.journal)
        with atomic_write(places.plan) as file:
            file.write(msgspec.json.encode(found))
    except OSError as error:
        raise BatchFileError(f"cannot write the plan {places.plan}: {error.strerror}") from None
    return found.partitions


def _remove_journal(path: Path) -> None:
    """Remove the journal of an earlier run, unless a process uses it. Its key is used for the new journal."""
    if path.exists():
        open_database(path).close()
        path.unlink()


def _taken_up(places: RunPaths, *, force: bool, resume: bool) -> tuple[Partition, ...]:
    if not resume:
        raise BatchFileError(f"a run has begun in {places.folder}; continue it with --resume")
    found = _read(places.plan)
    if found.input != Input.of(places.input):
        raise BatchFileError(
            f"the run in {places.folder} was planned for {found.input.path}; the input is another file now, or has "
            "changed since"
        )
    if (found.output, found.journal) != (str(places.output), str(places.journal)):
        _check_unused(places, force=force)
    stop_sign(places.folder).unlink(missing_ok=True)
    return found.partitions


def _read(plan: Path) -> _Plan:
    try:
        found = msgspec.json.decode(plan.read_bytes(), type=_Plan)
    except OSError as error:
        raise BatchFileError(f"cannot read the plan {plan}: {error.strerror}") from None
    except ValueError:
        raise BatchFileError(f"{plan} is not a plan file; choose another --folder") from None
    if found.version != _FORMAT:
        raise BatchFileError(f"{plan} was made by another version of this package; continue with that version")
    return found


async def _surveyed(places: RunPaths, count: int) -> _Plan:
    before = Input.of(places.input)
    check_cuttable(places.input)
    format_ = format_of(places.input, places.input_format)
    # All journals are merged into one under the key next to it. A key in a folder without a plan was never used.
    key = make_key(keyed(places.folder), load_key(places.journal))
    marks = Marks()
    with open_source(places.input, format_) as source, DuplicateFinder(Fingerprints(key)) as duplicates:
        async with aclosing(source.records()) as records:
            await _look_through(records, marks, duplicates)
        found, lines = duplicates.found, source.lines
    partitions = _partitions(places, format_, before.size, marks.cut(count), found)
    if Input.of(places.input) != before:
        raise BatchFileError(f"{places.input} changed while it was read; run again when it is complete")
    return _Plan(
        version=_FORMAT,
        input=before,
        output=str(places.output),
        journal=str(places.journal),
        partitions=partitions,
        lines=lines,
    )


async def _look_through(
    records: AsyncGenerator[Record | InvalidRecord], marks: Marks, duplicates: DuplicateFinder
) -> None:
    async for item in records:
        marks.add(item.line)
        if isinstance(item, Record):
            duplicates.add(item)


def _partitions(
    places: RunPaths, format_: Format, size: int, cuts: Sequence[tuple[int, int, int]], duplicates: Sequence[Duplicate]
) -> tuple[Partition, ...]:
    lines = [first for first, _, _ in cuts]
    begins, head, appears = _positions(places.input, format_, lines)
    ends = [*begins[1:], cuts[-1][1] - 1 if format_ is Format.PARQUET else size] if cuts else []
    return tuple(
        Partition(
            number=number,
            folder=str(places.folder),
            input=str(places.input),
            format=format_,
            size=size,
            begin=begins[number],
            end=ends[number],
            head=head,
            shift=first - appears,
            records=records,
            duplicates=tuple(duplicate for duplicate in duplicates if first <= duplicate.line < end),
        )
        for number, (first, end, records) in enumerate(cuts)
    )


def _positions(source: Path, format_: Format, lines: Sequence[int]) -> tuple[Sequence[int], int, int]:
    """Return where lines begin, the length of the header, and the line at which a worker sees its first record."""
    if format_ is Format.PARQUET:
        return [line - 1 for line in lines], 0, 1
    begins = starts_of_lines(source, lines)
    # The bytes before the first row are read again with each partition.
    return (begins, begins[0], lines[0]) if format_ is Format.CSV and lines else (begins, 0, 1)
