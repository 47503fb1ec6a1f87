"""The journal against a dict that follows the same promises, through any history of runs, kills and cancellations."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from checkout_async.batch.journal import Claim, Journal, Step
from checkout_async.batch.outcome import BatchResult, Outcome
from checkout_async.batch.records import Record

pytestmark = pytest.mark.slow

KEY = bytes(range(32))
REFERENCES = st.sampled_from(["A", "B", "C", None])
CONTENTS = st.sampled_from([1, 2])
SESSIONS = st.sampled_from(["sid_1", "sid_2"])
RESULTS = st.sampled_from(list(BatchResult))


@dataclass(frozen=True)
class Known:
    """What the model holds of a record: the amount it was claimed with, and in which run."""

    amount: int
    run: int
    result: BatchResult | None = None
    session_id: str | None = None
    reported: bool = False

    def step(self, amount: int, run: int, *, retry_unknown: bool) -> Step:
        if self.run == run:
            return Step.REFUSE
        if self.result in {BatchResult.INVALID, BatchResult.FAILED}:
            return Step.SEND
        if self.result is not None and self.result is not BatchResult.UNKNOWN:
            if self.amount != amount:
                return Step.REFUSE
            return Step.REPLAY if self.reported else Step.ASK if self.session_id else Step.REPORT
        if self.amount != amount:
            return Step.REPORT
        if self.session_id:
            return Step.ASK
        return Step.SEND if retry_unknown else Step.REPORT


class AgainstTheModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.files = 0
        self.run = 0
        self.line = 0
        self.known: dict[object, Known] = {}
        self.claims: dict[object, Claim] = {}
        self.loop = asyncio.Runner()
        self.journal = self.opened(self.directory / "0.journal")

    def opened(self, path: Path) -> Journal:
        self.run += 1
        self.claims.clear()
        self.path = path
        journal = Journal(path, key=KEY, durable=False)
        self.loop.run(journal.__aenter__())
        return journal

    @rule(reference=REFERENCES, amount=CONTENTS, retry_unknown=st.booleans())
    def claim(self, reference: str | None, amount: int, retry_unknown: bool) -> None:
        name, record = self.next_record(reference, amount)
        before = self.known.get(name)
        expected = Step.SEND if before is None else before.step(amount, self.run, retry_unknown=retry_unknown)
        claim = self.loop.run(self.journal.claim(record, retry_unknown=retry_unknown))
        assert claim.step is expected
        assert bool(claim.reason) is (expected is Step.REFUSE)
        if expected is Step.SEND:
            before = Known(amount, self.run)
        if expected is not Step.REFUSE:
            assert before is not None
            assert claim.session_id == (before.session_id if expected is Step.ASK else None)
            self.check_outcome(claim, before, record)
            self.known[name] = replace(before, run=self.run)
            self.claims[name] = claim

    @rule(reference=REFERENCES, amount=CONTENTS)
    def claim_and_be_cancelled(self, reference: str | None, amount: int) -> None:
        name, record = self.next_record(reference, amount)
        before = self.known.get(name)
        sends = before is None or before.step(amount, self.run, retry_unknown=True) is Step.SEND
        refused = before is not None and before.step(amount, self.run, retry_unknown=True) is Step.REFUSE

        async def cancelled() -> None:
            task = asyncio.create_task(self.journal.claim(record, retry_unknown=True))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            await self.journal.counts()

        self.loop.run(cancelled())
        if before is None:
            self.known[name] = Known(amount, 0, BatchResult.FAILED)
        elif not sends and not refused:
            self.known[name] = replace(before, run=self.run)

    @rule(name=st.data(), session_id=SESSIONS)
    @precondition(lambda self: self.claims)
    def record_session(self, name: st.DataObject, session_id: str) -> None:
        chosen = name.draw(st.sampled_from(list(self.claims)))
        self.journal.record_session(self.claims[chosen], session_id)
        self.known[chosen] = replace(self.known[chosen], session_id=session_id)

    @rule(name=st.data(), result=RESULTS, session_id=SESSIONS | st.none())
    @precondition(lambda self: self.claims)
    def settle(self, name: st.DataObject, result: BatchResult, session_id: str | None) -> None:
        chosen = name.draw(st.sampled_from(list(self.claims)))
        outcome = Outcome(line=self.line, result=result, session_id=session_id, cryptogram="secret")
        self.loop.run(self.journal.settle(self.claims[chosen], outcome))
        before = self.known[chosen]
        session = session_id or before.session_id
        self.known[chosen] = replace(before, result=result, session_id=session, reported=False)

    @rule(name=st.data())
    @precondition(lambda self: self.claims)
    def report(self, name: st.DataObject) -> None:
        chosen = name.draw(st.sampled_from(list(self.claims)))
        self.journal.mark_reported(self.claims[chosen])
        self.known[chosen] = replace(self.known[chosen], reported=True)

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
        expected: dict[BatchResult | None, int] = {}
        for known in self.known.values():
            expected[known.result] = expected.get(known.result, 0) + 1
        assert self.loop.run(self.journal.counts()) == expected

    def teardown(self) -> None:
        self.loop.run(self.journal.__aexit__(None, None, None))
        self.loop.close()
        shutil.rmtree(self.directory)

    def next_record(self, reference: str | None, amount: int) -> tuple[object, Record]:
        self.line += 1
        return reference or amount, Record(line=self.line, request={"amount": amount}, reference=reference)

    def check_outcome(self, claim: Claim, before: Known, record: Record) -> None:
        if claim.step is Step.SEND or (claim.step is Step.ASK and before.result in {None, BatchResult.UNKNOWN}):
            assert claim.outcome is None
            return
        assert claim.outcome is not None
        assert claim.outcome.result == (before.result or BatchResult.UNKNOWN)
        assert (claim.outcome.line, claim.outcome.reference) == (record.line, record.reference)
        assert claim.outcome.replayed is (claim.step is Step.REPLAY)
        assert claim.outcome.cryptogram is None


TestAgainstTheModel = AgainstTheModel.TestCase
TestAgainstTheModel.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
