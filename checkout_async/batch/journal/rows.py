"""The rows of table `record`, the outcomes in them, and the SQL statements that read and write them.

Only constants and question marks are formatted into the statements. `{rows}` stands for the rows of a VALUES list, as
many as there are operations in a group.
"""

from __future__ import annotations

from typing import Final

import msgspec

from checkout_async.batch.journal.rules import Reason
from checkout_async.batch.outcome import BatchResult, ErrorInfo, Outcome
from checkout_async.errors import OutcomeUnknown

__all__ = [
    "CLAIM",
    "COLUMNS",
    "COUNTS",
    "DOUBTS",
    "EXPORT",
    "EXPORT_FINAL",
    "EXPORT_UNREAD",
    "FINAL",
    "HAS_RECORDS",
    "HAS_REFUSALS",
    "IN_DOUBT",
    "LAST_ENTRY",
    "NOT_CREATED",
    "PURGE",
    "READ",
    "RECORD_SESSION",
    "REFUSE",
    "REPLACE",
    "SETTLE",
    "UNSENT",
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


COLUMNS: Final = JournalRow.__struct_fields__
_NAMES: Final = ", ".join(COLUMNS)
_ITEMS: Final = ", ".join(f"json_extract(value, '$[{place}]')" for place in range(len(COLUMNS)))
_REPLACED: Final = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS[1:])

FINAL: Final = ", ".join(f"'{each}'" for each in BatchResult if each.is_final)
"""The results that a later run does not change, as a list in SQL."""

UNSENT: Final = ", ".join(f"'{each}'" for each in sorted(NOT_CREATED))
"""The results of records that are not known to have a session, as a list in SQL."""

READ: Final = (
    f"SELECT json_group_array(json_array({_NAMES})) FROM record "  # noqa: S608
    "WHERE fingerprint IN (SELECT value FROM json_each(?))"
)
REPLACE: Final = (
    f"INSERT INTO record ({_NAMES}) SELECT {_ITEMS} FROM json_each(?) WHERE true "  # noqa: S608
    f"ON CONFLICT (fingerprint) DO UPDATE SET {_REPLACED}"
)
CLAIM: Final = (
    "INSERT INTO record (fingerprint, content, reference, run, line, claimed_at) "
    "SELECT * FROM (VALUES {rows}) WHERE true ON CONFLICT DO NOTHING"
)
"""Inserts rows of new records; if the count of inserted rows is lower, some records are known."""

RECORD_SESSION: Final = (
    "UPDATE record SET session_id = changed.column2 FROM (VALUES {rows}) AS changed WHERE fingerprint = changed.column1"
)
SETTLE: Final = (
    "UPDATE record SET session_id = coalesce(changed.column2, session_id), result = changed.column3, "
    "outcome = changed.column4, entry = changed.column5, settled_at = changed.column6 "
    "FROM (VALUES {rows}) AS changed WHERE fingerprint = changed.column1"
)
REFUSE: Final = "INSERT OR REPLACE INTO refusal (line, outcome, entry, run) VALUES {rows}"

DOUBTS: Final = (
    "SELECT line, fingerprint, fingerprint = content FROM record "  # noqa: S608
    f"WHERE result IS NULL OR result = '{BatchResult.UNKNOWN}'"
)
"""Finds the lines of records in doubt, and whether each has no reference."""

HAS_RECORDS: Final = "SELECT EXISTS (SELECT true FROM record)"
HAS_REFUSALS: Final = "SELECT EXISTS (SELECT true FROM refusal)"
COUNTS: Final = "SELECT result, count(*) FROM record GROUP BY result"

_RECORDS: Final = f"SELECT line, entry, json_array({_NAMES}), NULL FROM record"  # noqa: S608
_ORDER: Final = "ORDER BY line, entry"
EXPORT_FINAL: Final = f"{_RECORDS} WHERE result IN ({FINAL}) {_ORDER}"
"""Finds the outcomes that a later run does not change."""

# The input was edited between two runs: what is on a line now replaces what was there and was not sent.
EXPORT: Final = (
    f"{_RECORDS} AS old WHERE result IS NULL OR result NOT IN ({UNSENT}) OR session_id IS NOT NULL OR ("  # noqa: S608
    "run >= :since AND NOT EXISTS (SELECT true FROM record WHERE record.line = old.line AND record.run > old.run) "
    "AND NOT EXISTS (SELECT true FROM refusal WHERE refusal.line = old.line AND refusal.run > old.run)) "
    "UNION ALL SELECT line, entry, NULL, outcome FROM refusal AS old WHERE run >= :since AND NOT EXISTS "
    f"(SELECT true FROM record WHERE record.line = old.line AND record.run > old.run) {_ORDER}"
)
"""Finds all outcomes; of lines whose record was not sent, those of runs from `since` on."""

EXPORT_UNREAD: Final = (
    f"{_RECORDS} WHERE run < :run AND (result IS NULL OR result NOT IN ({UNSENT}) OR session_id IS NOT NULL) {_ORDER}"
)
"""Finds the outcomes, final or in doubt, of records that were last read before this run."""

LAST_ENTRY: Final = (
    "SELECT max((SELECT entry FROM main.journal), (SELECT coalesce(max(entry), 0) FROM main.record), "
    "(SELECT coalesce(max(entry), 0) FROM main.refusal))"
)
"""Finds the number of the last entry."""

PURGE: Final = (
    "UPDATE record SET outcome = json_remove(outcome, '$.cryptogram', '$.eci', '$.xid') WHERE settled_at < ? AND "
    "coalesce(json_extract(outcome, '$.cryptogram'), json_extract(outcome, '$.eci'), json_extract(outcome, '$.xid')) "
    "IS NOT NULL"
)
