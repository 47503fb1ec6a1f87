"""What happens to a record in the journal, as values: each operation has what it writes into the file.

`ClaimOp` finds the state of a record from its row and asks the table (rules.py) what to do. That is evaluated only if
the journal may know the record already, which is rare.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from http import HTTPStatus

import msgspec

from checkout_async.batch.journal.fingerprint import RecordKeys
from checkout_async.batch.journal.rows import NOT_CREATED, JournalRow, encode_outcome, known_outcome, status_of
from checkout_async.batch.journal.rules import Reason, State, Step, rule_for
from checkout_async.batch.outcome import BatchResult, ErrorInfo, Outcome
from checkout_async.batch.records import Record
from checkout_async.errors import InvalidRequest, OutcomeUnknown

__all__ = ["Claim", "ClaimOp", "JournalOperation", "RecordSessionOp", "RefuseOp", "ReleaseOp", "SettleOp"]


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """The journal's answer to a record: what to do with it.

    `session_id` is the session to read. `outcome` is the outcome to report with REPLAY, HOLD and REFUSE. `has_row` is
    False if the journal has no row for this record, so that only the outcome of its line can be stored.
    `replaces_doubt` says that a record in doubt is sent again, by a person's word.
    """

    key: bytes
    step: Step
    has_row: bool = True
    replaces_doubt: bool = False
    session_id: str | None = None
    outcome: Outcome | None = None


class ClaimOp:
    """A record is about to be sent. `claim` is the answer: SEND, unless `decide` finds another by the known row.

    With `defers`, a record that is to be sent is left alone, and will be claimed when its request is sent.
    """

    __slots__ = ("_before", "_content", "_journal_id", "_key", "_record", "_retries", "_serial", "claim", "defers")

    def __init__(
        self,
        record: Record,
        keys: RecordKeys,
        journal_id: str,
        *,
        retry_unknown: bool,
        defers: bool = False,
    ) -> None:
        self.defers: bool = defers
        self.claim: Claim = Claim(key=keys.key, step=Step.SEND)
        self._key = keys.key.hex()
        self._content = keys.content.hex()
        self._journal_id = journal_id
        self._record = record
        self._retries = retry_unknown
        self._serial = 0
        self._before: JournalRow | None = None

    @property
    def key(self) -> str:
        """The record's fingerprint, as in the file."""
        return self._key

    def values(self, run: int) -> tuple[str, str, str | None, int, int, int]:
        """Return the first columns of a new row, for a record that the journal does not know."""
        self._serial = _serial()
        return (self._key, self._content, self._record.reference, run, self._record.line, self._serial)

    def is_suspect(self, doubts: Mapping[int, Mapping[str, bool]]) -> bool:
        """Whether this record, if it is new, may be one in doubt that was changed: only a reference shows that not.

        `doubts` are the lines of records in doubt, with the fingerprint of each and whether it has no reference.
        """
        on_line = doubts.get(self._record.line, {}).values()
        return any(on_line) or (bool(on_line) and not self._record.reference)

    def hold_suspect(self, run: int) -> JournalRow | None:
        """Answer for a record that is new and suspect. If it is held, return the row that it would have had."""
        self._answer(State.SUSPECT, None)
        return None if self.claim.step is Step.SEND else self._new_row(run)

    def repeat(self, line: int) -> None:
        """Answer for a record that repeats one of this run, which is not in the journal yet: the one on a line."""
        self._answer(State.REPEATED, JournalRow(self._key, self._content, self._record.reference, 0, line, 0))

    def made(self, row: JournalRow, run: int) -> bool:
        """Whether a row is the one that this claim wrote."""
        return row.run == run and row.claimed_at == self._serial

    def decide(self, row: JournalRow, run: int) -> JournalRow | None:
        """Decide by the known row, and return the row to write in its place; None if it stays."""
        self._before = row
        self._answer(_state_of(row, run, self._content), row)
        if self.claim.step is Step.REFUSE or (self.defers and self.claim.step is Step.SEND):
            return None
        if self.claim.step is Step.SEND:
            return self._new_row(run)
        # A record that is held keeps what it was sent with.
        return msgspec.structs.replace(row, run=run, line=self._record.line)

    def undo(self) -> JournalRow | None:
        """Return the row to write back if the record was to be sent and was not; None if the row did not change."""
        if self.claim.step is not Step.SEND or self.defers:
            return None
        return self._before or msgspec.structs.replace(self._new_row(0), result=BatchResult.FAILED, settled_at=_now())

    def _new_row(self, run: int) -> JournalRow:
        return JournalRow(self._key, self._content, self._record.reference, run, self._record.line, _serial())

    def _answer(self, state: State, row: JournalRow | None) -> None:
        is_changed = row is not None and row.content != self._content
        rule = rule_for(state, is_changed=is_changed, retries=self._retries)
        outcome = session_id = None
        if rule.step is Step.REPLAY and row is not None:
            outcome = msgspec.structs.replace(known_outcome(row, self._journal_id), replayed=True)
        elif rule.step is Step.HOLD and rule.reason is not None:
            outcome = self._held(rule.reason, row)
        elif rule.step is Step.REFUSE and rule.reason is not None:
            outcome = self._refused(rule.reason, row)
        elif rule.step is Step.READ and row is not None:
            session_id = row.session_id
        self.claim = Claim(
            key=self.claim.key,
            step=rule.step,
            has_row=rule.step is Step.SEND or (row is not None and rule.step is not Step.REFUSE),
            replaces_doubt=rule.step is Step.SEND and state in {State.IN_DOUBT, State.GONE},
            session_id=session_id,
            outcome=self._mine(outcome),
        )

    def _mine(self, outcome: Outcome | None) -> Outcome | None:
        record = self._record
        return outcome and msgspec.structs.replace(outcome, line=record.line, reference=record.reference)

    def _held(self, reason: Reason, row: JournalRow | None) -> Outcome:
        error = ErrorInfo(kind=OutcomeUnknown.__name__, message=reason.value)
        if row is None:
            return Outcome(line=self._record.line, result=BatchResult.UNKNOWN, error=error)
        known = known_outcome(row, self._journal_id)
        if known.error is not None:
            # Status and request id of the earlier failure are kept: support asks for them.
            error = msgspec.structs.replace(error, status=known.error.status, request_id=known.error.request_id)
        return Outcome(line=row.line, result=BatchResult.UNKNOWN, session_id=row.session_id, error=error)

    def _refused(self, reason: Reason, row: JournalRow | None) -> Outcome:
        has_reference = bool(self._record.reference)
        if reason is Reason.REPEATED and not has_reference:
            reason = Reason.REPEATED_WITHOUT_REFERENCE
        error = ErrorInfo(
            kind=InvalidRequest.__name__,
            message=reason.value.format(line=0 if row is None else row.line),
            path="$.reference" if has_reference else "$",
        )
        return Outcome(line=self._record.line, result=BatchResult.INVALID, error=error)


def _state_of(row: JournalRow, run: int, content: str) -> State:
    """Return the state of a record that the journal knows."""
    if row.run == run:
        return State.REPEATED
    if row.result in NOT_CREATED and row.session_id is None:
        return State.REFUSED if _was_refused_by_api(row) else State.NOT_CREATED
    if row.result is not None and row.result.is_final:
        return State.FINISHED
    if row.session_id is None:
        return State.IN_DOUBT
    return State.GONE if status_of(row) == HTTPStatus.NOT_FOUND else State.OPEN


def _was_refused_by_api(row: JournalRow) -> bool:
    """Whether the API itself, and not this package, has refused the request as invalid."""
    return row.result is BatchResult.INVALID and status_of(row) is not None


class RecordSessionOp:
    """The session of a record is known."""

    __slots__ = ("values",)

    def __init__(self, claim: Claim, session_id: str) -> None:
        self.values: tuple[str, str] = (claim.key.hex(), session_id)


class SettleOp:
    """The outcome of a record is known."""

    __slots__ = ("values",)

    def __init__(self, claim: Claim, outcome: Outcome, entry: int) -> None:
        # An outcome that cannot be encoded fails here, and not the group of operations that it would be in.
        self.values: tuple[str, str | None, str, str, int, int] = (
            claim.key.hex(),
            outcome.session_id,
            str(outcome.result),
            encode_outcome(outcome),
            entry,
            _now(),
        )


class RefuseOp:
    """A line is no record of its own: it cannot be read, repeats another one, or is held without a row."""

    __slots__ = ("values",)

    def __init__(self, outcome: Outcome, entry: int) -> None:
        self.values: tuple[int, str, int] = (outcome.line, encode_outcome(outcome, outcome.reference), entry)


class ReleaseOp:
    """A record that was claimed was not sent: its caller was cancelled before it had the answer, or was refused."""

    __slots__ = ("_claim",)

    def __init__(self, claim: ClaimOp) -> None:
        self._claim = claim

    def undo(self) -> JournalRow | None:
        """Return the row as it was before the claim; None if the claim did not change it."""
        return self._claim.undo()


JournalOperation = ClaimOp | RecordSessionOp | SettleOp | RefuseOp | ReleaseOp
"""What can happen to a record in the journal."""


def _now() -> int:
    """Return the time in microseconds, as SQLite reads and writes it without loss."""
    return time.time_ns() // 1000


_last = 0


def _serial() -> int:
    """Return the time, but at least a microsecond later than the last result: no two claims have the same."""
    global _last  # noqa: PLW0603
    _last = max(_now(), _last + 1)
    return _last
