"""The dry run: check every record as before sending, and send and write nothing."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import AsyncIterable
from pathlib import Path
from typing import Final, TextIO

from checkout_async._core.body import encode_body
from checkout_async.batch.command.console import echo
from checkout_async.batch.flow import check_channel_data
from checkout_async.batch.formatting import format_count
from checkout_async.batch.journal import Journal
from checkout_async.batch.options import BatchOptions
from checkout_async.batch.outcome import ErrorInfo, Outcome
from checkout_async.batch.records import InvalidRecord, Record
from checkout_async.errors import InvalidRequest
from checkout_async.operations import sessions as operations

__all__ = ["DryRunReport", "check"]

_SHOWN: Final = 20
"""Problems that are printed one by one; the others are counted."""


class DryRunReport:
    """The result of a dry run: the number of valid records, and the problems by JSON path or reason.

    `stopped` says why it ended before the input did; it is empty if it did not.
    """

    def __init__(self) -> None:
        self.valid = 0
        self.problems: Counter[str] = Counter()
        self.stopped = ""

    def add(self, item: Record | InvalidRecord, failure: ErrorInfo | None, messages: TextIO) -> None:
        """Count a record, and print its problem if it is one of the first."""
        if failure is None:
            self.valid += 1
            return
        if self.problems.total() < _SHOWN:
            echo(f"line {item.line}: {failure.message}", messages)
        self.problems[_kind_of(failure)] += 1

    def table(self) -> str:
        """Return the counts as text, the most frequent problem first."""
        rows = [("valid", self.valid), ("invalid", self.problems.total())]
        lines = [f"{format_count(count):>11}  {name}" for name, count in rows]
        return "\n".join(
            [*lines, *(f"{format_count(count):>11}    {what}" for what, count in self.problems.most_common())]
        )


async def check(
    records: AsyncIterable[Record | InvalidRecord],
    messages: TextIO,
    options: BatchOptions,
) -> DryRunReport:
    """Check records against the specification and each other; print the first problems to `messages`.

    An error of reading the input ends it. Raises BatchFileError.
    """
    found = DryRunReport()
    with tempfile.TemporaryDirectory(prefix="checkout-async-") as folder:
        async with Journal(Path(folder, "dry-run.journal"), durable=False) as journal:
            try:
                async for item in records:
                    found.add(item, await _problem(item, journal, options), messages)
            except OSError as error:
                found.stopped = f"cannot read the input: {error.strerror}"
    return found


async def _problem(item: Record | InvalidRecord, journal: Journal, options: BatchOptions) -> ErrorInfo | None:
    if isinstance(item, InvalidRecord):
        return Outcome.invalid_record(item).error
    try:
        request_session = operations.REQUEST_SESSION
        encode_body(request_session.name, item.request, request_session.request, validate=options.validate or "shape")
        check_channel_data(item.request, options.channel_data)
        claim = await journal.claim(item)
    except InvalidRequest as error:
        return ErrorInfo.of(error)
    return None if claim.outcome is None else claim.outcome.error


def _kind_of(failure: ErrorInfo) -> str:
    """Return the name under which a problem is counted."""
    return failure.kind if failure.path in {None, "$"} else str(failure.path)
