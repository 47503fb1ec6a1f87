"""The rows of table `record`, and the outcomes in them."""

from __future__ import annotations

from typing import Final

import msgspec

from checkout_async.batch.journal.rules import Reason
from checkout_async.batch.outcome import BatchResult, ErrorInfo, Outcome
from checkout_async.errors import OutcomeUnknown

__all__ = [
    "IN_DOUBT",
    "NOT_CREATED",
    "JournalRow",
    "decode_outcome",
    "encode_outcome",
    "entry_name",
    "known_outcome",
    "parse_entry",
    "status_of",
]

NOT_CREATED: Final = frozenset({BatchResult.INVALID, BatchResult.FAILED})
"""Results that mean that no session was created."""

IN_DOUBT: Final = frozenset({None, BatchResult.UNKNOWN})
"""Results of records that may have been sent, and are not finished; None for one that has none yet."""

_NOT_READ: Final = "the run ended before the outcome of the session was known; --resume reads the session"


_decoder: msgspec.json.Decoder[Outcome] = msgspec.json.Decoder(Outcome)
_encoder = msgspec.json.Encoder()


class JournalRow(msgspec.Struct, array_like=True, frozen=True):
    """The columns of table `record`, in their order; journal.py describes them."""

    fingerprint: str
    content: str
    reference: str | None
    run: int
    line: int
    claimed_at: int
    session_id: str | None = None
    result: BatchResult | None = None
    outcome: str | None = None
    entry: int | None = None
    settled_at: int | None = None


def decode_outcome(text: str) -> Outcome:
    """Return an outcome from its JSON. Raises msgspec.MsgspecError."""
    return _decoder.decode(text)


def encode_outcome(outcome: Outcome, reference: str | None = None) -> str:
    """Return an outcome as JSON. The reference of a record has a column of its own."""
    return _encoder.encode(msgspec.structs.replace(outcome, reference=reference, replayed=False, entry=None)).decode()


def entry_name(journal_id: str, entry: int | None) -> str:
    """Return how an output names an entry of a journal. 0 stands for a row that has none: its journal is known too."""
    return f"{journal_id}-{entry or 0}"


def parse_entry(entry: str) -> tuple[str, int]:
    """Return the journal's id and the number in the name of an entry; an empty id if it names none."""
    journal_id, _, number = entry.rpartition("-")
    return journal_id, int(number) if journal_id and number.isdecimal() else 0


def known_outcome(row: JournalRow, journal_id: str) -> Outcome:
    """Return the outcome that a row of a journal has; `unknown` if the run ended before it had one."""
    if row.outcome is None:
        message = Reason.IN_DOUBT.value if row.session_id is None else _NOT_READ
        error = ErrorInfo(kind=OutcomeUnknown.__name__, message=message) if row.result is None else None
        return Outcome(
            line=row.line,
            reference=row.reference,
            result=row.result or BatchResult.UNKNOWN,
            session_id=row.session_id,
            error=error,
            entry=entry_name(journal_id, row.entry),
        )
    return msgspec.structs.replace(
        decode_outcome(row.outcome),
        line=row.line,
        reference=row.reference,
        entry=entry_name(journal_id, row.entry),
    )


def status_of(row: JournalRow) -> int | None:
    """Return the HTTP status of the error that a row has."""
    error = None if row.outcome is None else decode_outcome(row.outcome).error
    return None if error is None else error.status
