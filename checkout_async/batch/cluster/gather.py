"""The end of a run on many machines: partitions' results into one file, their journals into one, and the folder away.

It may be broken off at any point and done again: what it reads is removed last.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import suppress

from checkout_async.batch.cluster.partition import Partition, keyed, stop_sign
from checkout_async.batch.cluster.plan import Places
from checkout_async.batch.formats import Format
from checkout_async.batch.journal.fingerprint import key_file_of, load_key, make_key
from checkout_async.batch.journal.merge import merge_journals
from checkout_async.batch.outcome import Outcome
from checkout_async.batch.report import Report, Summary
from checkout_async.batch.results import ResultFile
from checkout_async.batch.results.rows import outcomes_in
from checkout_async.batch.sources.lines import chunks_now
from checkout_async.errors import RunIncomplete

__all__ = ["gather_partitions"]


def gather_partitions(places: Places, parts: Sequence[Partition], summary: Summary | None = None) -> Report:
    """Write the target and the journal of a run whose partitions are finished, remove its folder, return the report.

    Rows stand in the order of the partitions. `summary` counts them; it began when the run did, by default now.
    Raises RunIncomplete where a partition is not finished or lacks rows, ConfigurationError and OSError where something
    cannot be written; all of them leave the folder as it is.
    """
    summary = summary or Summary()
    if left := [part.number for part in parts if not part.done.exists()]:
        numbers = ", ".join(map(str, left[:10]))
        raise RunIncomplete(f"{len(left)} of {len(parts)} partitions are not finished: {numbers}; resume to go on")
    _gather_results(places, parts, summary)
    _gather_journals(places, parts)
    _remove(places, parts)
    return summary.report(str(places.source), str(places.target))


def _gather_results(places: Places, parts: Sequence[Partition], summary: Summary) -> None:
    """Write all rows beside the target, and put the file in its place when it is whole."""
    whole = places.target.with_name(f".gathering.{places.target.name}")
    with ResultFile.create(whole, places.target_format, force=True) as results:
        for part in parts:
            for outcome in _rows_of(part):
                summary.add(outcome)
                results.write(outcome)
        results.finish()
    whole.replace(places.target)


def _rows_of(part: Partition) -> Iterator[Outcome]:
    rows = 0
    with io.FileIO(part.results) as file:
        for outcome in outcomes_in(part.results, chunks_now(file), Format.JSONL):
            rows += 1
            yield outcome
    if rows != part.records:
        part.done.unlink()
        raise RunIncomplete(
            f"{part.results} has {rows} rows for {part.records} records; resume to have the partition looked at again"
        )


def _gather_journals(places: Places, parts: Sequence[Partition]) -> None:
    key = load_key(keyed(places.folder))
    if load_key(places.journal) is None:
        make_key(places.journal, key)
    merge_journals(places.journal, [part.journal for part in parts])


def _remove(places: Places, parts: Sequence[Partition]) -> None:
    """Remove what the run kept, and the folder unless something else is in it."""
    # The plan goes first: with it a later call would take the partitions for unbegun ones and send them again.
    places.plan.unlink()
    for part in parts:
        for path in (part.done, part.results, part.journal):
            path.unlink()
    for path in (key_file_of(keyed(places.folder)), stop_sign(places.folder)):
        path.unlink(missing_ok=True)
    with suppress(OSError):
        places.folder.rmdir()
