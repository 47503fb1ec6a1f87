"""The end of a run on many machines: merges the journals, writes the output, then deletes the working folder.

It may be interrupted at any point and repeated: the files that it reads are removed last.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from checkout_async.batch.cluster.partition import (
    Partition,
    PartitionDone,
    RunPaths,
    key_base_path,
    read_done,
    stop_file,
)
from checkout_async.batch.cluster.plan import Input, planned_input
from checkout_async.batch.defaults import Defaults
from checkout_async.batch.faults import faults_of
from checkout_async.batch.files import cluster_file
from checkout_async.batch.formats import format_of
from checkout_async.batch.journal import Journal
from checkout_async.batch.journal.database import OLDER_COPY, create_tables, is_new, open_database, reason_of
from checkout_async.batch.journal.fingerprint import Fingerprints, key_file_of, load_key, make_key
from checkout_async.batch.journal.merge import merge_journals, outcomes_in
from checkout_async.batch.journal.opening import note_defaults
from checkout_async.batch.options import BatchOptions
from checkout_async.batch.outcome import BatchResult, ErrorInfo, Outcome
from checkout_async.batch.rejects import Rejects
from checkout_async.batch.report import Report, Summary
from checkout_async.batch.results.rows import DEFAULT_DIALECT, entries_in, row_writer
from checkout_async.batch.runner import run_sync
from checkout_async.batch.sources import open_source
from checkout_async.errors import BatchFileError, CheckoutError, JournalError, RunIncomplete
from checkout_async.files import atomic_write

__all__ = ["finished_report", "gather_partitions"]

_DEFAULTS: Final = BatchOptions()

# The note of a finished input in the journal: it shows to a repeated call that nothing is left to do.
_CREATE: Final = "CREATE TABLE IF NOT EXISTS finished (path TEXT, size INTEGER, modified INTEGER, records INTEGER)"
_NOTE: Final = "INSERT INTO finished VALUES (?, ?, ?, ?)"
_IS_NOTED: Final = "SELECT true FROM sqlite_schema WHERE name = 'finished'"
_RECORDS: Final = "SELECT records FROM finished WHERE (path, size, modified) = (?, ?, ?)"


def gather_partitions(
    paths: RunPaths,
    parts: Sequence[Partition],
    summary: Summary | None = None,
    *,
    options: BatchOptions = _DEFAULTS,
) -> Report:
    """Write the journal and the output of a run whose partitions are finished, remove its folder, return the report.

    Rows are in the order of the input. `summary` counts them; pass one that was made when the run began, or the report
    begins now. If `paths` has a file for rejected records, it is written too; `options` are those of the run, by which
    the reasons are found. Raises RunIncomplete if a partition is not finished, if a journal lacks outcomes, or if
    something cannot be read or written. The folder is then left as it was.
    """
    summary = summary or Summary()
    with _errors_after_sending():
        done = _all_done(parts)
        _gather_journals(paths, parts, done)
        invalid = run_sync(lambda: _export(paths, summary))
        if paths.rejects is not None:
            run_sync(partial(_copy_rejects, paths, paths.rejects, options, invalid))
        summary.lines = done[0].lines
        _remove(paths, parts)
    return summary.report(str(paths.input), str(paths.output))


def finished_report(paths: RunPaths, summary: Summary | None = None) -> Report | None:
    """Return the report of a complete run: its journal exists, and the input has not changed since.

    The output is written anew, and its rows are counted as replayed; rejected records are not copied again. Returns
    None if something is left to do or to decide. Raises BatchFileError, also if the output knows of more than the
    journal, or the records had other defaults.
    """
    if paths.plan.exists() or not paths.journal.is_file():
        return None
    records = _records_if_finished(paths.journal, Input.of(paths.input))
    if records is None or outcomes_in(paths.journal) < records:
        return None
    summary = summary or Summary()
    try:
        run_sync(lambda: _export(paths, summary, replayed=True))
    except OSError as error:
        raise BatchFileError(f"cannot write the output file {paths.output}: {error.strerror}") from None
    except JournalError as error:
        raise BatchFileError(str(error)) from None
    return summary.report(str(paths.input), str(paths.output))


@contextmanager
def _errors_after_sending() -> Generator[None]:
    """Raise errors as RunIncomplete: an error of a file or setting would mean that nothing was sent."""
    try:
        yield
    except RunIncomplete:
        raise
    except CheckoutError as error:
        reason = str(error)
    except OSError as error:
        reason = f"{error.filename or 'writing'}: {error.strerror}"
    except sqlite3.Error as error:
        reason = f"the journals: {reason_of(error)}"
    else:
        return
    raise RunIncomplete(f"every record was processed, but the results cannot be gathered: {reason}; then resume")


def _all_done(parts: Sequence[Partition]) -> list[PartitionDone]:
    """Return what each finished partition says. Raises RunIncomplete if one is not finished."""
    done = [read_done(part) for part in parts]
    if left := [part.number for part, each in zip(parts, done, strict=True) if each is None]:
        numbers = ", ".join(map(str, left[:10]))
        raise RunIncomplete(f"{len(left)} of {len(parts)} partitions are not finished: {numbers}; resume to continue")
    return [each for each in done if each is not None]


def _gather_journals(paths: RunPaths, parts: Sequence[Partition], done: Sequence[PartitionDone]) -> None:
    key = load_key(key_base_path(paths.folder))
    if key is None:
        raise BatchFileError(f"the key {key_file_of(key_base_path(paths.folder))} is missing: put it back")
    for part, each in zip(parts, done, strict=True):
        _require_outcomes(part.journal, each.records)
    if load_key(paths.journal) is None:
        make_key(paths.journal, key)
    merge_journals(paths.journal, [part.journal for part in parts])
    records = sum(each.records for each in done)
    # Journals of the same partition would pass one by one.
    _require_outcomes(paths.journal, records)
    _note_finished(paths.journal, key, planned_input(paths), records, parts[0].defaults_check)


def _note_finished(journal: Path, key: bytes, given: Input, records: int, defaults_check: str) -> None:
    """Note in a journal that every record of an input has a row. Raises BatchFileError or sqlite3.Error."""
    with closing(open_database(journal)) as database:
        database.execute("BEGIN")
        if is_new(database):  # the input has no records
            create_tables(database, Fingerprints(key).check)
        database.execute(_CREATE)
        database.execute("DELETE FROM finished")
        database.execute(_NOTE, (*msgspec.structs.astuple(given), records))
        if defaults_check:
            note_defaults(database, defaults_check)
        database.execute("COMMIT")


def _records_if_finished(journal: Path, given: Input) -> int | None:
    """Return the number of records of a finished input; None if the journal has no note of it.

    Raises BatchFileError for a journal that cannot be read.
    """
    with closing(open_database(journal)) as database:
        try:
            if not database.execute(_IS_NOTED).fetchall():
                return None
            found = database.execute(_RECORDS, msgspec.structs.astuple(given)).fetchall()
        except sqlite3.Error as error:
            raise BatchFileError(f"cannot read the journal {journal}: {reason_of(error)}") from None
    return found[0][0] if found else None


def _require_outcomes(journal: Path, records: int) -> None:
    """Raise BatchFileError for a journal that lost some. To send their records again could send them twice."""
    if (found := outcomes_in(journal)) < records:
        raise BatchFileError(
            f"{journal} has {found} outcomes for {records} records, so that it is not what the workers have written. "
            f"Put the journals back that the last workers wrote. {OLDER_COPY}"
        )


async def _export(paths: RunPaths, summary: Summary, *, replayed: bool = False) -> Mapping[int, ErrorInfo | None]:
    """Write the output from the journal, and count its rows. Return the errors of the rejected lines.

    With `replayed`, an output that is there is its export.
    """
    invalid: dict[int, ErrorInfo | None] = {}
    # Most have the same: each is kept once.
    errors: dict[ErrorInfo | None, ErrorInfo | None] = {}
    output = paths.output.resolve()  # a link stays a link
    format_ = format_of(paths.output, paths.output_format)
    with open_source(paths.input, paths.input_format) as source:
        dialect = source.dialect or DEFAULT_DIALECT

    def take(outcome: Outcome) -> None:
        summary.add(msgspec.structs.replace(outcome, replayed=replayed))
        if outcome.result is BatchResult.INVALID and paths.rejects is not None:
            invalid[outcome.line] = errors.setdefault(outcome.error, outcome.error)
        write(outcome)

    async with Journal(paths.journal, create=False) as journal:
        if replayed and output.is_file():
            await journal.require_exported(output, lambda: entries_in(output, format_))
        if replayed:
            await journal.require_defaults(Defaults.read(paths.defaults).content if paths.defaults is not None else b"")
        with atomic_write(output) as file, row_writer(file, format_, dialect) as write:
            await journal.export(take)
    return invalid


async def _copy_rejects(
    paths: RunPaths, target: Path, options: BatchOptions, invalid: Mapping[int, ErrorInfo | None]
) -> None:
    """Copy the rows of the input that have these lines, with all that is wrong with them.

    Raises BatchFileError if the input is not the planned one: its rows on these lines would be others, which were sent.
    """
    if Input.of(paths.input) != planned_input(paths):
        raise BatchFileError(
            f"{paths.input} has changed since the run was planned, so that its rejected rows cannot be copied to "
            f"{target}. Put the input back, or leave the rejects file out"
        )
    format_ = format_of(paths.input, paths.input_format)
    defaults = None if paths.defaults is None else Defaults.read(paths.defaults)
    with open_source(paths.input, format_) as source, Rejects.open(target, source, format_) as rejects:
        async for item in source.records():
            row = rejects.take(item)
            if item.line in invalid:
                item_sent = item if defaults is None else defaults.apply(item)
                rejects.add(row, faults_of(item_sent, options, invalid[item.line]))


def _remove(paths: RunPaths, parts: Sequence[Partition]) -> None:
    """Remove the files of the run, and the folder unless it contains something else."""
    # The journal has all, so that a run on one machine may continue it.
    cluster_file(paths.output).unlink(missing_ok=True)
    # Then the plan. With a plan and without journals, a later call would take the partitions for new ones and
    # send all their records again.
    paths.plan.unlink()
    for part in parts:
        for path in (part.done, part.journal, part.mark):
            path.unlink(missing_ok=True)
    for path in (key_file_of(key_base_path(paths.folder)), stop_file(paths.folder)):
        path.unlink(missing_ok=True)
    with suppress(OSError):
        paths.folder.rmdir()
