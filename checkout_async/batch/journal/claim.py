"""The rules of the journal, without I/O: what it knows of a record, and what a run must therefore do with it.

Each operation has the `values` that it writes. `Claiming` contains the rules that keep a run from sending a record
twice. They are evaluated only if the journal has a row of the record already, which is rare.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from http import HTTPStatus
from typing import Final

import msgspec

from checkout_async.batch.outcome import BatchResult, ErrorInfo, Outcome
from checkout_async.batch.records import Record
from checkout_async.errors import OutcomeUnknown

__all__ = [
    "UNSENT",
    "Claim",
    "Claiming",
    "JournalOperation",
    "JournalRow",
    "Releasing",
    "Reported",
    "SessionNoted",
    "Settling",
    "Step",
    "repeated",
]

UNSENT: Final = frozenset({BatchResult.INVALID, BatchResult.FAILED})
"""Results that mean that no session was created: the record may be sent again."""

_IN_DOUBT: Final = ErrorInfo(
    kind=OutcomeUnknown.__name__,
    message="an earlier run ended while this record was being sent; look it up by its reference; "
    "--retry-unknown sends it again",
)

_CHANGED: Final = ErrorInfo(
    kind=OutcomeUnknown.__name__,
    message="this record was changed, and its earlier request may have arrived: look it up by its reference; undo the "
    "change to continue with it, or send the changed record with another reference",
)
_REPLACED: Final = ErrorInfo(
    kind=OutcomeUnknown.__name__,
    message="another record was in doubt on this line, and may be this one before it was changed: look it up; "
    "--retry-unknown sends this one",
)


class Step(Enum):
    """What a run must do with a record."""

    SEND = auto()
    """Send it: the journal now says that it may have been sent."""
    ASK = auto()
    """Read its session with get_session, and continue from there."""
    REPORT = auto()
    """Report the outcome in the journal, which was never reported."""
    REPLAY = auto()
    """Report the outcome as replayed: an earlier run has reported it already."""
    REFUSE = auto()
    """Refuse it: it is not sent, and the journal does not change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The journal's answer to a record that is about to be sent.

    `session_id` is the session to read. `outcome` is the known outcome, with the line and reference of this run's
    record: always with REPORT and REPLAY; with ASK if the session has ended and only its cryptogram is missing.
    `reason` says why a record is refused.
    """

    key: bytes
    step: Step
    session_id: str | None = None
    outcome: Outcome | None = None
    reason: str = ""


class JournalRow(msgspec.Struct, array_like=True, frozen=True):
    """The columns of table `record`, in their order; journal.py describes them."""

    fingerprint: str
    content: str
    run: int
    line: int
    claimed_at: int
    session_id: str | None = None
    result: BatchResult | None = None
    outcome: str | None = None
    reported: int = 0
    settled_at: int | None = None


class Claiming:
    """A record is about to be sent. `claim` is the answer: SEND, unless `decide` finds another by the known row."""

    __slots__ = ("_before", "_content", "_key", "_record", "_retry_unknown", "_serial", "claim")

    def __init__(self, record: Record, key: bytes, content: bytes, *, retry_unknown: bool) -> None:
        self.claim = Claim(key=key, step=Step.SEND)
        self._key = key.hex()
        self._content = content.hex()
        self._record = record
        self._retry_unknown = retry_unknown
        self._serial = 0
        self._before: JournalRow | None = None

    @property
    def key(self) -> str:
        """The record's fingerprint, as in the file."""
        return self._key

    def values(self, run: int) -> tuple[str, str, int, int, int]:
        """Return the first columns of a new row, for a record that the journal does not know."""
        self._serial = _serial()
        return (self._key, self._content, run, self._record.line, self._serial)

    def may_replace(self, doubts: Mapping[int, bool]) -> bool:
        """Whether this record may be one in doubt that was changed; only a reference can show that it is another.

        `doubts` are the lines of records in doubt, and whether one without a reference is there.
        """
        has_doubt = doubts.get(self._record.line)
        return has_doubt is not None and not self._retry_unknown and (has_doubt or not self._record.reference)

    def inherit_doubt(self, run: int) -> JournalRow:
        """Answer that it is unknown whether this record was sent, and return its row."""
        outcome = self._outcome(BatchResult.UNKNOWN, _REPLACED)
        self.claim = self._answer(Step.REPORT, outcome=outcome)
        row = JournalRow(self._key, self._content, run, self._record.line, _serial())
        result, stored, settled_at = settled(outcome)
        return msgspec.structs.replace(row, result=BatchResult(result), outcome=stored, settled_at=settled_at)

    def made(self, row: JournalRow, run: int) -> bool:
        """Whether a row is the one that this claim wrote."""
        return row.run == run and row.claimed_at == self._serial

    def decide(self, row: JournalRow, run: int) -> JournalRow | None:
        """Decide by the known row, and return the row to write in its place; None if it stays."""
        self._before = row
        self.claim = claim = self._decide(row, run)
        if claim.step is Step.REFUSE:
            return None
        line = self._record.line
        if claim.step is Step.SEND:
            return JournalRow(self._key, self._content, run, line, _serial())
        return msgspec.structs.replace(row, run=run, line=line)

    def undo(self) -> JournalRow | None:
        """Return the row to write back if the record was to be sent and was not; None if the row did not change."""
        if self.claim.step is not Step.SEND:
            return None
        unsent = JournalRow(
            self._key, self._content, 0, self._record.line, _serial(), None, BatchResult.FAILED, None, 0, _now()
        )
        return self._before or unsent

    def _decide(self, row: JournalRow, run: int) -> Claim:
        # The order matters: a duplicate within the run first, then what is safe to send again, then doubts, which stay
        # whatever was changed. Only a request that is the same may have the final outcome in the row.
        if row.run == run:
            return self._answer(Step.REFUSE, reason=repeated(self._record, row.line))
        if row.result in UNSENT:
            return self._refused(row) if self._would_be_refused_again(row) else self._answer(Step.SEND)
        is_changed = row.content != self._content
        if row.result is None or not row.result.is_final:
            return self._in_doubt(row, is_changed=is_changed)
        if is_changed:
            return self._answer(Step.REFUSE, reason="reference was used for another request in this journal")
        return self._finished(row)

    def _would_be_refused_again(self, row: JournalRow) -> bool:
        """Whether the API itself has refused this very request as invalid."""
        if row.result is not BatchResult.INVALID or row.content != self._content:
            return False
        error = self._known(row).error
        return error is not None and error.status is not None

    def _refused(self, row: JournalRow) -> Claim:
        step = Step.REPLAY if row.reported else Step.REPORT
        return self._answer(step, outcome=self._known(row, replayed=bool(row.reported)))

    def _finished(self, row: JournalRow) -> Claim:
        if row.reported:
            return self._answer(Step.REPLAY, outcome=self._known(row, replayed=True))
        # The journal has no cryptogram, and the earlier run did not report it: read the session again.
        step = Step.REPORT if row.session_id is None else Step.ASK
        return self._answer(step, session_id=row.session_id, outcome=self._known(row))

    def _in_doubt(self, row: JournalRow, *, is_changed: bool) -> Claim:
        if not is_changed and row.session_id is not None and not (self._retry_unknown and self._is_gone(row)):
            return self._answer(Step.ASK, session_id=row.session_id)
        if not is_changed and self._retry_unknown:
            return self._answer(Step.SEND)
        # Status and request id of the earlier failure are kept: support asks for them.
        met = self._known(row).error or _IN_DOUBT
        failure = _CHANGED if is_changed else _REPLACED if met.message == _REPLACED.message else _IN_DOUBT
        failure = msgspec.structs.replace(failure, status=met.status, request_id=met.request_id)
        outcome = self._outcome(BatchResult.UNKNOWN, failure)
        return self._answer(Step.REPORT, outcome=msgspec.structs.replace(outcome, session_id=row.session_id))

    def _is_gone(self, row: JournalRow) -> bool:
        """Whether the API answered 404 for the session when it was last read."""
        error = self._known(row).error
        return error is not None and error.status == HTTPStatus.NOT_FOUND

    def _known(self, row: JournalRow, *, replayed: bool = False) -> Outcome:
        if row.outcome is None:
            return self._outcome(row.result or BatchResult.UNKNOWN)
        stored = _outcomes.decode(row.outcome)
        record = self._record
        return msgspec.structs.replace(stored, line=record.line, reference=record.reference, replayed=replayed)

    def _outcome(self, result: BatchResult, error: ErrorInfo | None = None) -> Outcome:
        return Outcome(line=self._record.line, reference=self._record.reference, result=result, error=error)

    def _answer(
        self, step: Step, *, session_id: str | None = None, outcome: Outcome | None = None, reason: str = ""
    ) -> Claim:
        return Claim(key=self.claim.key, step=step, session_id=session_id, outcome=outcome, reason=reason)


def repeated(record: Record, line: int) -> str:
    """Return why a record must not be sent if it appeared on another line before."""
    if record.reference:
        return f"the same reference as line {line}; give each record its own"
    return f"the same request as line {line}, without a reference; give each record its own reference"


class SessionNoted:
    """The session of a record is known."""

    __slots__ = ("values",)

    def __init__(self, claim: Claim, session_id: str) -> None:
        self.values = (claim.key.hex(), session_id)


class Settling:
    """The outcome of a record is known and not reported yet; it is written without its payment data."""

    __slots__ = ("values",)

    def __init__(self, claim: Claim, outcome: Outcome) -> None:
        # An outcome that cannot be encoded fails here, and not the group of operations that it would be in.
        self.values = (claim.key.hex(), outcome.session_id, *settled(outcome))


class Reported:
    """The consumer has taken the outcome of a record."""

    __slots__ = ("values",)

    def __init__(self, claim: Claim) -> None:
        self.values = (claim.key.hex(),)


class Releasing:
    """The caller that claimed a record was cancelled before it had the answer: the record was not sent."""

    __slots__ = ("_claiming",)

    def __init__(self, claiming: Claiming) -> None:
        self._claiming = claiming

    def undo(self) -> JournalRow | None:
        """Return the row as it was before the claim; None if the claim did not change it."""
        return self._claiming.undo()


JournalOperation = Claiming | SessionNoted | Settling | Reported | Releasing
"""What can happen to a record in the journal."""

_outcomes: msgspec.json.Decoder[Outcome] = msgspec.json.Decoder(Outcome)
_encoder = msgspec.json.Encoder()


def settled(outcome: Outcome) -> tuple[str, str, int]:
    """Return the columns result, outcome and settled_at for an outcome that is known now.

    The outcome is stored without payment data, and without the reference, which the next run's record has itself.
    """
    kept = msgspec.structs.replace(outcome, reference=None, cryptogram=None, replayed=False)
    return str(outcome.result), _encoder.encode(kept).decode(), _now()


def _now() -> int:
    """Return the time in microseconds, as SQLite reads and writes it without loss."""
    return time.time_ns() // 1000


_last = 0


def _serial() -> int:
    """Return the time, but at least a microsecond later than the last result: no two claims have the same."""
    global _last  # noqa: PLW0603
    _last = max(_now(), _last + 1)
    return _last
