"""The oracles of the batch: what its runs reported, its journal and its results file agree with the API's ledger."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.simulation.world import Universe


def batch_violations(universe: Universe, made: Counter[tuple[str, str]]) -> list[str]:
    """Return what went wrong with the batch. `made` counts what the API did, by operation and reference."""
    return [*universe.batch.objections, *_outcomes(universe, made), *_results(universe)]


def _outcomes(universe: Universe, made: Counter[tuple[str, str]]) -> Iterator[str]:
    """Check that each record has an outcome, which is true, and that a final outcome never changes."""
    batch = universe.batch
    for record in batch.records:
        rows = [row for row in batch.rows if row.line == record.line]
        if not rows:
            yield f"record {record.line} has no outcome"
            continue
        exists = made["request_session", str(record.reference)] > 0
        if rows[-1].result.is_final and not exists:
            yield f"record {record.line} is {rows[-1].result}, and has no session"
        if rows[-1].result in {"failed", "invalid"} and exists:
            yield f"record {record.line} is {rows[-1].result}, and has a session"
        final = {row.result for row in rows if row.result.is_final}
        if len(final) > 1 or (final and not rows[-1].result.is_final):
            yield f"record {record.line} is {' and then '.join(row.result for row in rows)}"


def _results(universe: Universe) -> Iterator[str]:
    """Check that the results file has one row for each record, which says what the journal says."""
    written = _rows(universe.batch.output)
    lines = Counter(line for line, _, _ in written)
    for record in universe.batch.records:
        if lines[record.line] != 1:
            yield f"the results have {lines[record.line]} rows of record {record.line}"
    known = {outcome.line: (outcome.result, outcome.session_id) for outcome in universe.journal}
    for line, result, session_id in written:
        if known.get(line) != (result, session_id):
            yield f"record {line} is {result} in the results and {known.get(line)} in the journal"


def _rows(path: Path) -> list[tuple[int, str, str | None]]:
    """Read line, result and session of each row, without help of the package."""
    with path.open(newline="") as file:
        rows: Iterable[dict[str, Any]] = csv.DictReader(file) if path.suffix == ".csv" else map(json.loads, file)
        return [(int(row["line"]), row["result"], row.get("session_id") or None) for row in rows]
