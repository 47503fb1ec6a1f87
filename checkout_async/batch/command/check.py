"""A dry run: every record is checked as it would be before sending, and nothing is sent or written."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import AsyncIterable
from pathlib import Path
from typing import Final, TextIO

from checkout_async._core.body import encode_body
from checkout_async.batch.command.saying import say
from checkout_async.batch.journal import Journal, Step
from checkout_async.batch.outcome import Failure, Outcome
from checkout_async.batch.records import BadLine, Record
from checkout_async.batch.wording import number
from checkout_async.errors import InvalidRequest
from checkout_async.operations import sessions as operations

__all__ = ["Checked", "check"]

_SHOWN: Final = 20
"""Problems that are told one by one; the others are counted."""


class Checked:
    """What a dry run found: how many records could be sent, and the others by their JSON path and reason.

    `stopped` says why it ended before its input did, if it did.
    """

    def __init__(self) -> None:
        self.valid = 0
        self.problems: Counter[str] = Counter()
        self.stopped = ""

    def add(self, item: Record | BadLine, failure: Failure | None, messages: TextIO) -> None:
        """Count a record, and tell of its problem if it is one of the first."""
        if failure is None:
            self.valid += 1
            return
        if self.problems.total() < _SHOWN:
            say(f"line {item.line}: {failure.message}", messages)
        self.problems[_kind_of(failure)] += 1

    def table(self) -> str:
        """Return the counts as text, the most frequent problem first."""
        rows = [("valid", self.valid), ("invalid", self.problems.total())]
        lines = [f"{number(count):>11}  {name}" for name, count in rows]
        return "\n".join([*lines, *(f"{number(count):>11}    {what}" for what, count in self.problems.most_common())])


async def check(records: AsyncIterable[Record | BadLine], messages: TextIO) -> Checked:
    """Check records against the specification and each other; the first problems are told in `messages`.

    Input that cannot be read on ends it. Raises ConfigurationError.
    """
    found = Checked()
    with tempfile.TemporaryDirectory(prefix="checkout-async-") as folder:
        async with Journal(Path(folder, "dry-run.journal"), durable=False) as journal:
            try:
                async for item in records:
                    found.add(item, await _problem(item, journal), messages)
            except OSError as error:
                found.stopped = f"cannot read the input: {error.strerror}"
    return found


async def _problem(item: Record | BadLine, journal: Journal) -> Failure | None:
    if isinstance(item, BadLine):
        return Outcome.malformed(item).error
    try:
        encode_body(operations.REQUEST_SESSION.name, item.request, operations.REQUEST_SESSION.request)
        claim = await journal.claim(item)
    except InvalidRequest as error:
        return Failure.of(error)
    return Outcome.refused(item, claim.reason).error if claim.step is Step.REFUSE else None


def _kind_of(failure: Failure) -> str:
    """Return what problems of one kind have in common."""
    return failure.kind if failure.path in {None, "$"} else str(failure.path)
