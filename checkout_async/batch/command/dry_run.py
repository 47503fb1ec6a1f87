"""The dry run: check every record as before sending, report all faults, and send nothing."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import AsyncIterable, Sequence
from pathlib import Path
from typing import Final, TextIO

from checkout_async.batch.command.console import echo
from checkout_async.batch.faults import RecordFault, describe, faults_of
from checkout_async.batch.formats import Format
from checkout_async.batch.formatting import format_count
from checkout_async.batch.journal import Journal
from checkout_async.batch.options import BatchOptions
from checkout_async.batch.outcome import INVALID_RECORD, ErrorInfo
from checkout_async.batch.records import InvalidRecord, Record
from checkout_async.batch.rejects import Rejects
from checkout_async.batch.sources import RawRow, Source
from checkout_async.errors import InvalidRequest

__all__ = ["DryRunReport", "check"]

_SHOWN: Final = 20
"""Faults that are printed one by one; the others are counted."""


class DryRunReport:
    """The result of a dry run: the number of valid and invalid records, and the faults by JSON path or kind.

    The first faults are printed to `messages`. `stopped` says why it ended before the input did; it is empty if it did
    not.
    """

    def __init__(self, messages: TextIO, format_: Format) -> None:
        self._messages = messages
        self._format = format_
        self.valid: int = 0
        self.invalid: int = 0
        self.faults: Counter[str] = Counter()
        self.stopped = ""

    def add(self, row: RawRow, faults: Sequence[RecordFault]) -> None:
        """Count a record, and print its faults if they are among the first."""
        if not faults:
            self.valid += 1
            return
        self.invalid += 1
        for fault in faults:
            if self.faults.total() < _SHOWN:
                echo(describe(row.number, [fault], self._format), self._messages)
            self.faults[INVALID_RECORD if fault.path == "$" else fault.path] += 1

    def table(self) -> str:
        """Return the counts as text, the most frequent fault first."""
        rows = [("valid", self.valid), ("invalid", self.invalid)]
        lines = [f"{format_count(count):>11}  {name}" for name, count in rows]
        return "\n".join(
            [*lines, *(f"{format_count(count):>11}    {what}" for what, count in self.faults.most_common())]
        )

    def hidden(self) -> str:
        """Return how many faults were not printed; empty if all were."""
        more = self.faults.total() - _SHOWN
        return f"and {format_count(more)} more; --rejects FILE gets all of them" if more > 0 else ""


async def check(
    records: AsyncIterable[Record | InvalidRecord],
    source: Source,
    found: DryRunReport,
    options: BatchOptions,
    rejects: Rejects | None = None,
) -> None:
    """Check records of a source against the specification and each other, and copy the invalid ones to `rejects`.

    An error of reading the input ends it. Raises BatchFileError, and RunIncomplete if `rejects` cannot be written.
    """
    rows = source.rows = {}
    with tempfile.TemporaryDirectory(prefix="checkout-async-") as folder:
        async with Journal(Path(folder, "dry-run.journal"), durable=False) as journal:
            try:
                async for item in records:
                    row = rows.pop(item.line)
                    faults = await _faults(item, journal, options)
                    found.add(row, faults)
                    if faults and rejects is not None:
                        rejects.add(row, faults)
            except OSError as error:
                found.stopped = f"cannot read the input: {error.strerror}"


async def _faults(item: Record | InvalidRecord, journal: Journal, options: BatchOptions) -> Sequence[RecordFault]:
    if isinstance(item, InvalidRecord):
        return faults_of(item, options)
    try:
        claim = await journal.claim(item)
    except InvalidRequest as error:
        return faults_of(item, options, ErrorInfo.of(error))
    return faults_of(item, options, None if claim.outcome is None else claim.outcome.error)
