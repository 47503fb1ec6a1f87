"""What a journal knows of one record, and what follows from it for the record's next appearance: the rules, no I/O.

Each operation has the `values` that it writes. `Claiming` holds the rules that keep a run from sending anything twice;
they are looked at only where something is known of the record, since of most nothing is.
"""

from __future__ import annotations

import time
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
"""Results that say that nothing arrived: the record may be sent again."""

_IN_DOUBT: Final = ErrorInfo(
    kind=OutcomeUnknown.__name__,
    message="it was sent, or about to be sent, when an earlier run ended; look it up by its reference; "
    "--retry-unknown sends it again",
)


class Step(Enum):
    """What to do about a record."""

    SEND = auto()
    """Send it: the journal now says that it may have been sent."""
    ASK = auto()
    """Ask get_session about the session it has, and go on from there."""
    REPORT = auto()
    """Report the outcome that is known, as nobody was told of it."""
    REPLAY = auto()
    """Report, if at all, the outcome that an earlier run told of."""
    REFUSE = auto()
    """Do not send it; nothing about it is noted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The journal's answer to a record that is about to be sent.

    `session_id` is the session to ask about. `outcome` is what is known, under the line and reference of this run's
    record: of REPORT and REPLAY always, of ASK where the session had come to its end and only its cryptogram is
    missing. `reason` says why a record is refused.
    """

    key: bytes
    step: Step
    session_id: str | None = None
    outcome: Outcome | None = None
    reason: str = ""


class JournalRow(msgspec.Struct, array_like=True, frozen=True):
    """The columns of table `record`, in their order; journal.py tells what each means."""

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
    """A record is about to be sent. `claim` is the answer; as long as nothing is known of the record it may be sent."""

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
        """Return the first columns of the row of a record of which nothing is known."""
        self._serial = _serial()
        return (self._key, self._content, run, self._record.line, self._serial)

    def made(self, row: JournalRow, run: int) -> bool:
        """Whether a row is the one that `values` was written as."""
        return row.run == run and row.claimed_at == self._serial

    def decide(self, row: JournalRow, run: int) -> JournalRow | None:
        """Decide by what was known, and return the row as it is to be from now on; None if it stays."""
        self._before = row
        self.claim = claim = self._decide(row, run)
        if claim.step is Step.REFUSE:
            return None
        line = self._record.line
        if claim.step is Step.SEND:
            return JournalRow(self._key, self._content, run, line, _serial())
        return msgspec.structs.replace(row, run=run, line=line)

    def undo(self) -> JournalRow | None:
        """Return the row as it was before, if the record was to be sent and was not."""
        if self.claim.step is not Step.SEND:
            return None
        unsent = JournalRow(
            self._key, self._content, 0, self._record.line, _serial(), None, BatchResult.FAILED, None, 0, _now()
        )
        return self._before or unsent

    def _decide(self, row: JournalRow, run: int) -> Claim:
        if row.run == run:
            return self._answer(Step.REFUSE, reason=repeated(self._record, row.line))
        if row.result in UNSENT:
            return self._refused(row) if self._would_be_refused_again(row) else self._answer(Step.SEND)
        if row.content != self._content:
            return self._answer(Step.REFUSE, reason="reference was used for another request in this journal")
        if row.result is not None and row.result.is_final:
            return self._finished(row)
        return self._in_doubt(row)

    def _would_be_refused_again(self, row: JournalRow) -> bool:
        """Whether the API has seen this very request, and found it invalid."""
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
        step = Step.REPORT if row.session_id is None else Step.ASK
        return self._answer(step, session_id=row.session_id, outcome=self._known(row))

    def _in_doubt(self, row: JournalRow) -> Claim:
        if row.session_id is not None and not (self._retry_unknown and self._is_gone(row)):
            return self._answer(Step.ASK, session_id=row.session_id)
        if self._retry_unknown:
            return self._answer(Step.SEND)
        # Status and request id of what an earlier run met stay: support asks for them.
        met = self._known(row).error or _IN_DOUBT
        failure = msgspec.structs.replace(_IN_DOUBT, status=met.status, request_id=met.request_id)
        return self._answer(Step.REPORT, outcome=self._outcome(BatchResult.UNKNOWN, failure))

    def _is_gone(self, row: JournalRow) -> bool:
        """Whether the API did not know the session when it was asked last."""
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
    """Return why a record must not be sent that appeared on another line before."""
    if record.reference:
        return f"the same reference as line {line}; give each record its own"
    return f"the same request as line {line} and no reference; give each record a reference of its own"


class SessionNoted:
    """The session of a record has become known."""

    __slots__ = ("values",)

    def __init__(self, claim: Claim, session_id: str) -> None:
        self.values = (claim.key.hex(), session_id)


class Settling:
    """The outcome of a record has become known, without its payment data, and nobody was told of it yet."""

    __slots__ = ("values",)

    def __init__(self, claim: Claim, outcome: Outcome) -> None:
        # What cannot be encoded fails here, and not the batch that it would be in.
        self.values = (claim.key.hex(), outcome.session_id, *settled(outcome))


class Reported:
    """The consumer has taken the outcome of a record."""

    __slots__ = ("values",)

    def __init__(self, claim: Claim) -> None:
        self.values = (claim.key.hex(),)


class Releasing:
    """Whoever claimed a record was cancelled before hearing the answer: it was not sent."""

    __slots__ = ("_claiming",)

    def __init__(self, claiming: Claiming) -> None:
        self._claiming = claiming

    def undo(self) -> JournalRow | None:
        """Return the row as it was before the claim; None if it was not changed."""
        return self._claiming.undo()


JournalOperation = Claiming | SessionNoted | Settling | Reported | Releasing
"""What can happen to a record."""

_outcomes: msgspec.json.Decoder[Outcome] = msgspec.json.Decoder(Outcome)
_encoder = msgspec.json.Encoder()


def settled(outcome: Outcome) -> tuple[str, str, int]:
    """Return the columns result, outcome and settled_at of an outcome that is known now.

    It is kept without payment data, and without what the next run's record says.
    """
    kept = msgspec.structs.replace(outcome, reference=None, cryptogram=None, replayed=False)
    return str(outcome.result), _encoder.encode(kept).decode(), _now()


def _now() -> int:
    """Return the time in microseconds, as SQLite reads and writes it without loss."""
    return time.time_ns() // 1000


_last = 0


def _serial() -> int:
    """Return the time, a little later than ever before in this process: no two claims have the same."""
    global _last  # noqa: PLW0603
    _last = max(_now(), _last + 1)
    return _last
