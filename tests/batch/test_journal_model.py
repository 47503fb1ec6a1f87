"""The journal against a dict that keeps the same promises, through any history of runs, kills and cancellations.

The dict decides by conditions of its own, and knows nothing of the table in rules.py.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from checkout_async.batch.journal import Claim, Journal, Step
from checkout_async.batch.outcome import BatchResult, ErrorInfo, Outcome
from checkout_async.batch.records import Record

pytestmark = pytest.mark.slow

KEY = bytes(range(32))
REFERENCES = st.sampled_from(["A", "B", "C", None])
CONTENTS = st.sampled_from([1, 2])
LINES = st.sampled_from([1, 2, 3, None])
SESSIONS = st.sampled_from(["sid_1", "sid_2"])
RESULTS = st.sampled_from(list(BatchResult))
STATUSES = st.sampled_from([None, 404, 422, 503])
UNSENT = {BatchResult.INVALID, BatchResult.FAILED}
DOUBT = {None, BatchResult.UNKNOWN}


@dataclass(frozen=True)
class Known:
    """What the model holds of a record: the amount it was claimed with, where, in which run, and what came of it."""

    amount: int
    run: int
    line: int
    result: BatchResult | None = None
    session_id: str | None = None
    status: int | None = None
    entry: str | None = None

    @property
    def was_sent(self) -> bool:
        return self.session_id is not None or self.result not in UNSENT

    @property
    def is_over(self) -> bool:
        return self.result not in UNSENT and self.result not in DOUBT

    def step(self, amount: int, run: int, *, retry_unknown: bool) -> Step:
        same = self.amount == amount
        if self.run == run:
            return Step.REFUSE
        if not self.was_sent:
            examined = self.result is BatchResult.INVALID and self.status is not None
            return Step.REPLAY if examined and same else Step.SEND
        if self.is_over:
            return Step.REPLAY if same else Step.REFUSE
        if not same:
            return Step.HOLD
        if self.session_id and not (self.status == 404 and retry_unknown):
            return Step.READ
        return Step.SEND if retry_unknown else Step.HOLD


class AgainstTheModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.files = 0
        self.run = 0
        self.line = 9
        self.entry = 0
        self.known: dict[object, Known] = {}
        self.held: set[object] = set()
        self.claims: dict[object, Claim] = {}
        self.loop = asyncio.Runner()
        self.journal = self.opened(self.directory / "0.journal")

    def opened(self, path: Path) -> Journal:
        self.run += 1
        self.claims.clear()
        self.held.clear()
        self.path = path
        journal = Journal(path, key=KEY, durable=False)
        self.loop.run(journal.__aenter__())
        return journal

    def expected(self, name: object, record: Record, amount: int, *, retry_unknown: bool) -> Step:
        if (known := self.known.get(name)) is not None:
            return known.step(amount, self.run, retry_unknown=retry_unknown)
        if name in self.held:
            return Step.REFUSE
        is_suspect = any(
            each.result in DOUBT
            and each.run != self.run
            and each.line == record.line
            and (isinstance(other, int) or not record.reference)
            for other, each in self.known.items()
        )
        return Step.HOLD if is_suspect and not retry_unknown else Step.SEND

    @rule(reference=REFERENCES, amount=CONTENTS, line=LINES, retry_unknown=st.booleans(), looks_first=st.booleans())
    def claim(
        self, reference: str | None, amount: int, line: int | None, retry_unknown: bool, looks_first: bool
    ) -> None:
        name, record = self.next_record(reference, amount, line)
        expected = self.expected(name, record, amount, retry_unknown=retry_unknown)
        claim = None
        if looks_first:
            claim = self.loop.run(self.journal.claim_known(record, retry_unknown=retry_unknown))
            assert claim is None or expected is not Step.SEND
        if claim is None:
            claim = self.loop.run(self.journal.claim(record, retry_unknown=retry_unknown))
        assert claim.step is expected
        before = self.known.get(name)
        assert claim.session_id == (before.session_id if before and expected is Step.READ else None)
        self.check_outcome(claim, before, record)
        if expected is Step.REFUSE:
            return
        if expected is Step.SEND:
            before = Known(amount, self.run, record.line)
        if before is None:
            self.held.add(name)
            return
        self.known[name] = replace(before, run=self.run, line=record.line)
        self.claims[name] = claim

    @rule(reference=REFERENCES, amount=CONTENTS, line=LINES)
    def claim_and_be_cancelled(self, reference: str | None, amount: int, line: int | None) -> None:
        name, record = self.next_record(reference, amount, line)
        expected = self.expected(name, record, amount, retry_unknown=True)

        async def cancelled() -> None:
            task = asyncio.create_task(self.journal.claim(record, retry_unknown=True))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            await self.journal.counts()

        self.loop.run(cancelled())
        before = self.known.get(name)
        if expected is Step.SEND and before is None:
            self.known[name] = Known(amount, 0, record.line, BatchResult.FAILED)
        elif expected not in {Step.SEND, Step.REFUSE} and before is not None:
            self.known[name] = replace(before, run=self.run, line=record.line)

    @rule(name=st.data(), session_id=SESSIONS)
    @precondition(lambda self: self.claims)
    def record_session(self, name: st.DataObject, session_id: str) -> None:
        chosen = name.draw(st.sampled_from(list(self.claims)))
        self.journal.record_session(self.claims[chosen], session_id)
        self.known[chosen] = replace(self.known[chosen], session_id=session_id)

    @rule(name=st.data(), result=RESULTS, session_id=SESSIONS | st.none(), status=STATUSES)
    @precondition(lambda self: self.claims)
    def settle(self, name: st.DataObject, result: BatchResult, session_id: str | None, status: int | None) -> None:
        chosen = name.draw(st.sampled_from(list(self.claims)))
        before = self.known[chosen]
        error = None if status is None else ErrorInfo(kind="ApiError", message="failed", status=status)
        outcome = Outcome(
            line=before.line, result=result, session_id=session_id, cryptogram=f"c-{self.entry}", error=error
        )
        settled = self.loop.run(self.journal.settle(self.claims[chosen], outcome))
        self.check_entry(settled)
        self.known[chosen] = replace(
            before, result=result, session_id=session_id or before.session_id, status=status, entry=settled.entry
        )

    @rule()
    def settle_a_line_without_a_record(self) -> None:
        self.line += 1
        self.check_entry(self.loop.run(self.journal.settle(None, Outcome(line=self.line, result=BatchResult.INVALID))))

    @rule()
    def end_and_start_again(self) -> None:
        self.loop.run(self.journal.__aexit__(None, None, None))
        self.journal = self.opened(self.path)

    @rule()
    def be_killed_and_start_again(self) -> None:
        """Go on with the files as they are at this moment, as if nobody had closed them."""
        self.loop.run(self.journal.counts())  # what is not waited for may be lost by a kill; here it is not
        self.files += 1
        copy = self.directory / f"{self.files}.journal"
        for suffix in ("", "-wal"):
            subprocess.run(["cp", f"{self.path}{suffix}", f"{copy}{suffix}"], check=True)
        self.loop.run(self.journal.__aexit__(None, None, None))
        self.journal = self.opened(copy)

    @invariant()
    def everything_is_counted(self) -> None:
        expected = Counter(known.result for known in self.known.values())
        assert self.loop.run(self.journal.counts()) == expected

    @invariant()
    def all_that_was_sent_is_exported_once(self) -> None:
        rows: list[Outcome] = []
        self.loop.run(self.journal.export(rows.append))
        assert [row.line for row in rows] == sorted(row.line for row in rows)
        sent = [known for known in self.known.values() if known.was_sent]
        found = Counter((row.entry, row.result) for row in rows)
        for known in sent:
            entry = known.entry or f"{self.name_of_journal(rows)}-0"
            assert found[entry, known.result or BatchResult.UNKNOWN] >= 1
        assert sum(row.result not in UNSENT for row in rows) == sum(known.result not in UNSENT for known in sent)

    @invariant()
    def what_is_over_is_exported_as_final(self) -> None:
        rows: list[Outcome] = []
        self.loop.run(self.journal.export(rows.append, only_final=True))
        assert {row.entry for row in rows} == {known.entry for known in self.known.values() if known.is_over}

    def teardown(self) -> None:
        self.loop.run(self.journal.__aexit__(None, None, None))
        self.loop.close()
        shutil.rmtree(self.directory)

    def next_record(self, reference: str | None, amount: int, line: int | None) -> tuple[object, Record]:
        if line is None:
            self.line += 1
            line = self.line
        return reference or amount, Record(line=line, request={"amount": amount}, reference=reference)

    def check_entry(self, settled: Outcome) -> None:
        self.entry += 1
        assert str(settled.entry).rpartition("-")[2] == str(self.entry)

    @staticmethod
    def name_of_journal(rows: list[Outcome]) -> str:
        [name] = {str(row.entry).rpartition("-")[0] for row in rows}
        return name

    def check_outcome(self, claim: Claim, before: Known | None, record: Record) -> None:
        if claim.step in {Step.SEND, Step.READ}:
            assert claim.outcome is None
            return
        assert claim.outcome is not None
        assert (claim.outcome.line, claim.outcome.reference) == (record.line, record.reference)
        assert claim.outcome.replayed is (claim.step is Step.REPLAY)
        if claim.step is Step.REPLAY:
            assert before is not None
            assert (claim.outcome.result, claim.outcome.entry) == (before.result, before.entry)
            assert claim.outcome.cryptogram == f"c-{int(str(before.entry).rpartition('-')[2]) - 1}"
            return
        assert claim.outcome.cryptogram is None
        result = BatchResult.UNKNOWN if claim.step is Step.HOLD else BatchResult.INVALID
        assert claim.outcome.result is result
        assert claim.outcome.error is not None


TestAgainstTheModel = AgainstTheModel.TestCase
TestAgainstTheModel.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
