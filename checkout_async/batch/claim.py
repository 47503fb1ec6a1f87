"""What a journal knows of one record, and what follows from it for the record's next appearance: the rules, no I/O.

Each operation turns the `Row` of one record into its next state. `Claiming` holds the rules that keep a run from
sending anything twice.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, Protocol

import msgspec

from checkout_async.batch.outcome import Failure, Outcome, Result
from checkout_async.batch.records import Record
from checkout_async.errors import ConfigurationError, OutcomeUnknown

__all__ = [
    "UNSENT",
    "Claim",
    "Claiming",
    "Operation",
    "Releasing",
    "Row",
    "SessionNoted",
    "Settling",
    "Step",
    "Told",
    "repeated",
]

UNSENT: Final = frozenset({Result.INVALID, Result.FAILED})
"""Results that say that nothing arrived: the record may be sent again."""

_IN_DOUBT: Final = Failure(
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
    TELL = auto()
    """Report the outcome that is known, as nobody was told of it."""
    REPLAY = auto()
    """Report, if at all, the outcome that an earlier run told of."""
    REFUSE = auto()
    """Do not send it; nothing about it is noted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The journal's answer to a record that is about to be sent.

    `session_id` is the session to ask about. `outcome` is what is known, under the line and reference of this run's
    record: of TELL and REPLAY always, of ASK where the session had come to its end and only its cryptogram is
    missing. `reason` says why a record is refused.
    """

    key: bytes
    step: Step
    session_id: str | None = None
    outcome: Outcome | None = None
    reason: str = ""


class Row(msgspec.Struct, array_like=True, frozen=True):
    """The columns of table `record`, in their order; journal.py tells what each means."""

    fingerprint: str
    content: str
    run: int
    line: int
    claimed_at: float
    session_id: str | None = None
    result: Result | None = None
    outcome: str | None = None
    told: int = 0
    settled_at: float | None = None


class Operation(Protocol):
    """Something that happens to one record."""

    @property
    def key(self) -> str:
        """The record's fingerprint."""
        ...

    def change(self, row: Row | None, run: int) -> Row | None:
        """Return the row as it is to be from now on, None if it stays as it is."""
        ...


class Claiming:
    """A record is about to be sent. `claim` is the answer, once there is one."""

    __slots__ = ("_before", "_content", "_key", "_record", "_retry_unknown", "claim", "key")

    def __init__(self, record: Record, key: bytes, content: bytes, *, retry_unknown: bool) -> None:
        self.key = key.hex()
        self.claim: Claim | None = None
        self._record = record
        self._key = key
        self._content = content.hex()
        self._retry_unknown = retry_unknown
        self._before: Row | None = None

    def change(self, row: Row | None, run: int) -> Row | None:
        """Decide, and note that the record appeared in this run."""
        self._before = row
        self.claim = claim = self._decide(row, run)
        if claim.step is Step.REFUSE:
            return None
        line = self._record.line
        if row is None or claim.step is Step.SEND:
            return Row(self.key, self._content, run, line, _now())
        return msgspec.structs.replace(row, run=run, line=line)

    def undo(self, row: Row | None) -> Row | None:
        """Return the row as it was before, if the record was to be sent and was not."""
        if row is None or self.claim is None or self.claim.step is not Step.SEND:
            return None
        return self._before or msgspec.structs.replace(row, run=0, result=Result.FAILED, settled_at=_now())

    def _decide(self, row: Row | None, run: int) -> Claim:
        if row is None:
            return self._answer(Step.SEND)
        if row.run == run:
            return self._answer(Step.REFUSE, reason=repeated(self._record, row.line))
        if row.result in UNSENT:
            return self._answer(Step.SEND)
        if row.content != self._content:
            return self._answer(Step.REFUSE, reason="reference was used for another request in this journal")
        if row.result is not None and row.result.is_final:
            return self._finished(row)
        return self._in_doubt(row)

    def _finished(self, row: Row) -> Claim:
        if row.told:
            return self._answer(Step.REPLAY, outcome=self._known(row, replayed=True))
        step = Step.TELL if row.session_id is None else Step.ASK
        return self._answer(step, session_id=row.session_id, outcome=self._known(row))

    def _in_doubt(self, row: Row) -> Claim:
        if row.session_id is not None:
            return self._answer(Step.ASK, session_id=row.session_id)
        if self._retry_unknown:
            return self._answer(Step.SEND)
        # Status and request id of what an earlier run met stay: support asks for them.
        met = self._known(row).error or _IN_DOUBT
        failure = msgspec.structs.replace(_IN_DOUBT, status=met.status, request_id=met.request_id)
        return self._answer(Step.TELL, outcome=self._outcome(Result.UNKNOWN, failure))

    def _known(self, row: Row, *, replayed: bool = False) -> Outcome:
        if row.outcome is None:
            return self._outcome(row.result or Result.UNKNOWN)
        stored = _outcomes.decode(row.outcome)
        record = self._record
        return msgspec.structs.replace(stored, line=record.line, reference=record.reference, replayed=replayed)

    def _outcome(self, result: Result, error: Failure | None = None) -> Outcome:
        return Outcome(line=self._record.line, reference=self._record.reference, result=result, error=error)

    def _answer(
        self, step: Step, *, session_id: str | None = None, outcome: Outcome | None = None, reason: str = ""
    ) -> Claim:
        return Claim(key=self._key, step=step, session_id=session_id, outcome=outcome, reason=reason)


def repeated(record: Record, line: int) -> str:
    """Return why a record must not be sent that appeared on another line before."""
    if record.reference:
        return f"the same reference as line {line}; give each record its own"
    return f"the same request as line {line} and no reference; give each record a reference of its own"


class Releasing:
    """Whoever claimed a record was cancelled before hearing the answer: it was not sent."""

    __slots__ = ("_claiming", "key")

    def __init__(self, claiming: Claiming) -> None:
        self.key = claiming.key
        self._claiming = claiming

    def change(self, row: Row | None, run: int) -> Row | None:
        """Take the claim back."""
        return self._claiming.undo(row)


class SessionNoted:
    """The session of a record has become known."""

    __slots__ = ("_session_id", "key")

    def __init__(self, claim: Claim, session_id: str) -> None:
        self.key = claim.key.hex()
        self._session_id = session_id

    def change(self, row: Row | None, run: int) -> Row | None:
        """Keep the session's id."""
        return None if row is None else msgspec.structs.replace(row, session_id=self._session_id)


class Settling:
    """The outcome of a record has become known, and nobody was told of it yet."""

    __slots__ = ("_result", "_session_id", "_stored", "key")

    def __init__(self, claim: Claim, outcome: Outcome) -> None:
        self.key = claim.key.hex()
        self._session_id = outcome.session_id
        self._result = outcome.result
        # What cannot be encoded fails here, and not the batch that it would be in.
        self._stored = _stored(outcome)

    def change(self, row: Row | None, run: int) -> Row | None:
        """Keep the outcome without its payment data."""
        if row is None:
            raise ConfigurationError("an outcome is settled of a record that was never claimed in this journal")
        return msgspec.structs.replace(
            row,
            session_id=self._session_id or row.session_id,
            result=self._result,
            outcome=self._stored,
            told=0,
            settled_at=_now(),
        )


class Told:
    """The consumer has taken the outcome of a record."""

    __slots__ = ("key",)

    def __init__(self, claim: Claim) -> None:
        self.key = claim.key.hex()

    def change(self, row: Row | None, run: int) -> Row | None:
        """Keep that it was taken."""
        return None if row is None or row.told else msgspec.structs.replace(row, told=1)


_outcomes: msgspec.json.Decoder[Outcome] = msgspec.json.Decoder(Outcome)
_encoder = msgspec.json.Encoder()


def _stored(outcome: Outcome) -> str:
    """Return an outcome as the journal keeps it: without payment data, and without what the next run's record says."""
    kept = msgspec.structs.replace(outcome, reference=None, cryptogram=None, replayed=False)
    return _encoder.encode(kept).decode()


def _now() -> float:
    return round(time.time(), 3)
