"""The end of a run on many machines: merges results and journals, then deletes the working folder.

It may be interrupted at any point and repeated: the files that it reads are removed last.
"""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress

import msgspec

from checkout_async.batch.cluster.input import Input, note_finished, records_if_finished
from checkout_async.batch.cluster.partition import Partition, keyed, stop_sign
from checkout_async.batch.cluster.plan import RunPaths, planned_input, planned_lines
from checkout_async.batch.formats import Format
from checkout_async.batch.journal.database import reason_of
from checkout_async.batch.journal.fingerprint import key_file_of, load_key, make_key
from checkout_async.batch.journal.merge import merge_journals
from checkout_async.batch.outcome import Outcome
from checkout_async.batch.report import Report, Summary
from checkout_async.batch.results import ResultFile
from checkout_async.batch.results.rows import outcomes_in
from checkout_async.batch.results.spool import spool_of
from checkout_async.batch.sources.lines import chunks_now
from checkout_async.errors import BatchFileError, ConfigurationError, MissingExtra, RunIncomplete

__all__ = ["finished_report", "gather_partitions"]


def gather_partitions(places: RunPaths, parts: Sequence[Partition], summary: Summary | None = None) -> Report:
    """Write the output and the journal of a run whose partitions are finished, remove its folder, return the report.

    Rows are in the order of the partitions. `summary` counts them; pass one that was made when the run began, or the
    report begins now. Raises RunIncomplete if a partition is not finished or lacks rows, or if something cannot be read
    or written. The folder is then left as it was.
    """
    summary = summary or Summary()
    if left := [part.number for part in parts if not part.done.exists()]:
        numbers = ", ".join(map(str, left[:10]))
        raise RunIncomplete(f"{len(left)} of {len(parts)} partitions are not finished: {numbers}; resume to continue")
    with _errors_after_sending():
        _gather_results(places, parts, summary)
        _gather_journals(places, parts)
        summary.lines = planned_lines(places)
        _remove(places, parts)
    return summary.report(str(places.input), str(places.output))


def finished_report(places: RunPaths, summary: Summary | None = None) -> Report | None:
    """Return the report of a complete run: output and journal exist, and the input has not changed since.

    Its rows are counted as replayed. Returns None if something is left to do or to decide. Raises BatchFileError.
    """
    there = places.output.is_file() and places.journal.is_file()
    if places.plan.exists() or not there:
        return None
    records = records_if_finished(places.journal, Input.of(places.input))
    if records is None:
        return None
    summary = summary or Summary()
    for outcome in ResultFile.read(places.output, places.output_format):
        summary.add(msgspec.structs.replace(outcome, replayed=True))
    # A run on one machine that was interrupted has removed the rows that it was to write again.
    return summary.report(str(places.input), str(places.output)) if summary.done >= records else None


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


def _gather_results(places: RunPaths, parts: Sequence[Partition], summary: Summary) -> None:
    """Write all rows to a file next to the output, and move it to its place when it is complete."""
    whole = places.output.with_name(f".gathering.{places.output.name}")
    try:
        with ResultFile.create(whole, places.output_format, force=True) as results:
            for part in parts:
                for outcome in _rows_of(part):
                    summary.add(outcome)
                    results.write(outcome)
            results.finish()
        if spool := places.spool:
            spool.unlink(missing_ok=True)
        whole.replace(places.output)
    finally:
        for path in (whole, spool_of(whole)):
            path.unlink(missing_ok=True)


def _rows_of(part: Partition) -> Iterator[Outcome]:
    rows = 0
    with io.FileIO(part.results) as file:
        for outcome in outcomes_in(part.results, chunks_now(file), Format.JSONL):
            rows += 1
            yield outcome
    if rows != part.records:
        part.done.unlink()
        raise RunIncomplete(
            f"{part.results} has {rows} rows for {part.records} records; resume to check the partition again"
        )


def _gather_journals(places: RunPaths, parts: Sequence[Partition]) -> None:
    key = load_key(keyed(places.folder))
    if load_key(places.journal) is None:
        make_key(places.journal, key)
    merge_journals(places.journal, [part.journal for part in parts])
    if key is not None:
        note_finished(places.journal, key, planned_input(places), sum(part.records for part in parts))


def _remove(places: RunPaths, parts: Sequence[Partition]) -> None:
    """Remove the files of the run, and the folder unless it contains something else."""
    # The plan goes first. With a plan and without journals, a later call would take the partitions for new ones and
    # send all their records again.
    places.plan.unlink()
    for part in parts:
        for path in (part.done, part.results, part.journal):
            path.unlink(missing_ok=True)
    for path in (key_file_of(keyed(places.folder)), stop_sign(places.folder)):
        path.unlink(missing_ok=True)
    with suppress(OSError):
        places.folder.rmdir()
