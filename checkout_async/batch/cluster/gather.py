"""The end of a run on many machines: merges the journals, writes the output, then deletes the working folder.

It may be interrupted at any point and repeated: the files that it reads are removed last.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress

import msgspec

from checkout_async.batch.cluster.input import Input, note_finished, records_if_finished
from checkout_async.batch.cluster.partition import Partition, PartitionDone, key_base_path, stop_file
from checkout_async.batch.cluster.plan import RunPaths, planned_input
from checkout_async.batch.cluster.sync import run_sync
from checkout_async.batch.formats import format_of
from checkout_async.batch.journal import Journal
from checkout_async.batch.journal.database import reason_of
from checkout_async.batch.journal.fingerprint import key_file_of, load_key, make_key
from checkout_async.batch.journal.merge import merge_journals, outcomes_in
from checkout_async.batch.outcome import Outcome
from checkout_async.batch.report import Report, Summary
from checkout_async.batch.results.rows import row_writer
from checkout_async.errors import BatchFileError, ConfigurationError, MissingExtra, RunIncomplete
from checkout_async.files import atomic_write

__all__ = ["finished_report", "gather_partitions"]


def gather_partitions(paths: RunPaths, parts: Sequence[Partition], summary: Summary | None = None) -> Report:
    """Write the journal and the output of a run whose partitions are finished, remove its folder, return the report.

    Rows are in the order of the input. `summary` counts them; pass one that was made when the run began, or the report
    begins now. Raises RunIncomplete if a partition is not finished or lacks outcomes, or if something cannot be read or
    written. The folder is then left as it was.
    """
    summary = summary or Summary()
    if left := [part.number for part in parts if not part.done.exists()]:
        numbers = ", ".join(map(str, left[:10]))
        raise RunIncomplete(f"{len(left)} of {len(parts)} partitions are not finished: {numbers}; resume to continue")
    with _errors_after_sending():
        done = [_checked(part) for part in parts]
        _gather_journals(paths, parts, sum(each.records for each in done))
        run_sync(lambda: _export(paths, summary))
        summary.lines = done[0].lines
        _remove(paths, parts)
    return summary.report(str(paths.input), str(paths.output))


def finished_report(paths: RunPaths, summary: Summary | None = None) -> Report | None:
    """Return the report of a complete run: its journal exists, and the input has not changed since.

    The output is written anew, and its rows are counted as replayed. Returns None if something is left to do or to
    decide. Raises BatchFileError.
    """
    if paths.plan.exists() or not paths.journal.is_file():
        return None
    if records_if_finished(paths.journal, Input.of(paths.input)) is None:
        return None
    summary = summary or Summary()
    try:
        run_sync(lambda: _export(paths, summary, replayed=True))
    except OSError as error:
        raise BatchFileError(f"cannot write the output file {paths.output}: {error.strerror}") from None
    return summary.report(str(paths.input), str(paths.output))


@contextmanager
def _errors_after_sending() -> Generator[None]:
    """Raise errors as RunIncomplete: an error of a file or setting would mean that nothing was sent."""
    try:
        yield
    except (BatchFileError, ConfigurationError, MissingExtra) as error:
        reason = str(error)
    except OSError as error:
        reason = f"{error.filename or 'writing'}: {error.strerror}"
    except sqlite3.Error as error:
        reason = f"the journals: {reason_of(error)}"
    else:
        return
    raise RunIncomplete(f"every record was processed, but the results cannot be gathered: {reason}; then resume")


def _checked(part: Partition) -> PartitionDone:
    """Return what a finished partition says of itself. Raises RunIncomplete if its journal lacks outcomes."""
    try:
        done = msgspec.json.decode(part.done.read_bytes(), type=PartitionDone)
    except ValueError:
        done = None
    rows = outcomes_in(part.journal)
    if done is None or rows < done.records:
        part.done.unlink()
        records = "its" if done is None else done.records
        raise RunIncomplete(
            f"{part.journal} has {rows} outcomes for {records} records; resume to check the partition again"
        )
    return done


def _gather_journals(paths: RunPaths, parts: Sequence[Partition], records: int) -> None:
    key = load_key(key_base_path(paths.folder))
    if load_key(paths.journal) is None:
        make_key(paths.journal, key)
    merge_journals(paths.journal, [part.journal for part in parts])
    if key is not None:
        note_finished(paths.journal, key, planned_input(paths), records)


async def _export(paths: RunPaths, summary: Summary, *, replayed: bool = False) -> None:
    """Write the output from the journal, and count its rows."""
    with (
        atomic_write(paths.output) as file,
        row_writer(file, format_of(paths.output, paths.output_format)) as write,
    ):

        def take(outcome: Outcome) -> None:
            summary.add(msgspec.structs.replace(outcome, replayed=replayed))
            write(outcome)

        async with Journal(paths.journal, create=False) as journal:
            await journal.export(take)


def _remove(paths: RunPaths, parts: Sequence[Partition]) -> None:
    """Remove the files of the run, and the folder unless it contains something else."""
    # The plan goes first. With a plan and without journals, a later call would take the partitions for new ones and
    # send all their records again.
    paths.plan.unlink()
    for part in parts:
        for path in (part.done, part.journal):
            path.unlink(missing_ok=True)
    for path in (key_file_of(key_base_path(paths.folder)), stop_file(paths.folder)):
        path.unlink(missing_ok=True)
    with suppress(OSError):
        paths.folder.rmdir()
