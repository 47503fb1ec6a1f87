"""What a run may do about a record, after what earlier runs did: nothing is sent twice that may have arrived."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from checkout_async.batch.journal import Claim, Journal, Step
from checkout_async.batch.journal import claim as claim_module
from checkout_async.batch.outcome import BatchResult, ErrorInfo, Outcome
from checkout_async.batch.records import Record
from checkout_async.errors import BatchFileError, InvalidRequest, JournalError
from tests.batch.support import CARD, SID, record, request

FINAL = [result for result in BatchResult if result.is_final]
UNSENT = [BatchResult.INVALID, BatchResult.FAILED]
IN_DOUBT = [None, BatchResult.UNKNOWN]
CRYPTOGRAM = "c" * 28


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.journal"


def outcome(result: BatchResult, session_id: str | None = SID, line: int = 1) -> Outcome:
    return Outcome(line=line, reference=f"ref-{line}", result=result, session_id=session_id, cryptogram=CRYPTOGRAM)


async def earlier_run(
    path: Path,
    result: BatchResult | None,
    *,
    session_id: str | None = None,
    reported: bool = False,
    of: Record | None = None,
) -> None:
    """Claim a record and send it; note its session, settle it and mark it reported as far as given."""
    async with Journal(path) as journal:
        claim = await journal.claim(of or record())
        assert claim.step is Step.SEND
        if session_id is not None:
            journal.record_session(claim, session_id)
        if result is not None:
            await journal.settle(claim, outcome(result, session_id))
        if reported:
            journal.mark_reported(claim)


async def next_run(path: Path, again: Record | None = None, *, retry_unknown: bool = False) -> Claim:
    async with Journal(path) as journal:
        return await journal.claim(again or record(), retry_unknown=retry_unknown)


# A record that was never seen


async def test_a_record_never_seen_is_sent(path: Path) -> None:
    claim = await next_run(path)
    assert (claim.step, claim.session_id, claim.outcome, claim.reason) == (Step.SEND, None, None, "")


async def test_other_references_are_other_records_even_of_the_same_request(path: Path) -> None:
    async with Journal(path) as journal:
        for line in (1, 2, 3):
            assert (await journal.claim(record(line))).step is Step.SEND


async def test_a_request_that_is_no_json_is_refused_before_anything_is_noted(path: Path) -> None:
    async with Journal(path) as journal:
        with pytest.raises(InvalidRequest):
            await journal.claim(Record(line=1, request={"amount": object()}))
        assert await journal.counts() == {}


# Twice in one run


async def test_a_reference_is_sent_once_in_a_run(path: Path) -> None:
    async with Journal(path) as journal:
        first = await journal.claim(Record(line=17, request=request(), reference="A"))
        await journal.settle(first, outcome(BatchResult.FAILED, None, line=17))
        second = await journal.claim(Record(line=18, request=request(amount=7), reference="A"))
    assert (second.step, second.reason) == (Step.REFUSE, "the same reference as line 17; give each record its own")


async def test_a_request_without_reference_is_sent_once_in_a_run(path: Path) -> None:
    async with Journal(path) as journal:
        await journal.claim(Record(line=17, request=request()))
        same = await journal.claim(Record(line=18, request=request()))
        other = await journal.claim(Record(line=19, request=request(amount=7)))
    assert same.step is Step.REFUSE
    assert same.reason == "the same request as line 17, without a reference; give each record its own reference"
    assert other.step is Step.SEND


async def test_an_empty_reference_is_none(path: Path) -> None:
    async with Journal(path) as journal:
        for line in (1, 2):
            claim = await journal.claim(Record(line=line, request=request(amount=line), reference=""))
            assert claim.step is Step.SEND


async def test_of_the_same_record_claimed_twice_at_once_one_is_sent(path: Path) -> None:
    async with Journal(path) as journal:
        claims = await asyncio.gather(*(journal.claim(record(1)) for _ in range(20)))
    assert [claim.step for claim in claims] == [Step.SEND] + [Step.REFUSE] * 19


async def test_one_is_sent_though_the_clock_stands_still(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claim_module, "_now", lambda: 5)
    async with Journal(path) as journal:
        claims = await asyncio.gather(*(journal.claim(record(1)) for _ in range(20)))
    assert [claim.step for claim in claims] == [Step.SEND] + [Step.REFUSE] * 19


@pytest.mark.parametrize("result", FINAL)
async def test_what_an_earlier_run_did_is_reported_once_in_a_run_too(path: Path, result: BatchResult) -> None:
    await earlier_run(path, result, session_id=SID, reported=True)
    async with Journal(path) as journal:
        steps = [(await journal.claim(record())).step for _ in range(2)]
    assert steps == [Step.REPLAY, Step.REFUSE]


async def test_what_is_said_of_a_refused_record_changes_nothing(path: Path) -> None:
    async with Journal(path) as journal:
        first, second = [await journal.claim(record()) for _ in range(2)]
        await journal.settle(first, outcome(BatchResult.DECLINED))
        journal.record_session(second, "sid_" + "b" * 26)
        await journal.settle(second, outcome(BatchResult.INVALID, None))
        journal.mark_reported(second)
    claim = await next_run(path)
    assert (claim.step, claim.session_id) == (Step.ASK, SID)


# A later run: nothing had arrived


@pytest.mark.parametrize("reported", [True, False])
@pytest.mark.parametrize("result", UNSENT)
async def test_what_did_not_arrive_is_sent_again(path: Path, result: BatchResult, reported: bool) -> None:
    await earlier_run(path, result, reported=reported)
    assert (await next_run(path)).step is Step.SEND
    assert (await next_run(path)).step is Step.REPORT, "the second claim may have been sent"


@pytest.mark.parametrize("result", UNSENT)
async def test_what_did_not_arrive_may_be_corrected_before_it_is_sent_again(path: Path, result: BatchResult) -> None:
    await earlier_run(path, result)
    corrected = record(1, amount=7)
    assert (await next_run(path, corrected)).step is Step.SEND
    assert (await next_run(path, corrected)).step is Step.REPORT, "the journal knows it by its new content"
    assert (await next_run(path)).step is Step.REPORT, "and the earlier one is in doubt no less"


@pytest.mark.parametrize("reported", [True, False])
async def test_what_the_api_itself_refused_as_invalid_is_not_sent_again(path: Path, reported: bool) -> None:
    refusal = ErrorInfo(kind="UnprocessableEntity", message="request_session: 422", status=422, request_id="r-1")
    async with Journal(path) as journal:
        claim = await journal.claim(record())
        await journal.settle(claim, Outcome(line=1, result=BatchResult.INVALID, error=refusal))
        if reported:
            journal.mark_reported(claim)
    claim = await next_run(path)
    assert claim.step is (Step.REPLAY if reported else Step.REPORT)
    assert claim.outcome == Outcome(
        line=1, reference="ref-1", result=BatchResult.INVALID, error=refusal, replayed=reported
    )
    assert (await next_run(path, record(1, amount=7))).step is Step.SEND, "it was corrected"


# A later run: the record came to its end


@pytest.mark.parametrize("result", FINAL)
async def test_an_outcome_that_was_reported_is_replayed_as_such(path: Path, result: BatchResult) -> None:
    await earlier_run(path, result, session_id=SID, reported=True)
    claim = await next_run(path)
    assert (claim.step, claim.reason) == (Step.REPLAY, "")
    assert claim.outcome == Outcome(line=1, reference="ref-1", result=result, session_id=SID, replayed=True)


@pytest.mark.parametrize("result", FINAL)
async def test_an_unreported_outcome_reads_the_session_again_for_its_cryptogram(
    path: Path, result: BatchResult
) -> None:
    await earlier_run(path, result, session_id=SID)
    claim = await next_run(path)
    assert (claim.step, claim.session_id) == (Step.ASK, SID)
    assert claim.outcome == Outcome(line=1, reference="ref-1", result=result, session_id=SID)


async def test_an_unreported_outcome_without_session_is_reported_as_it_is(path: Path) -> None:
    await earlier_run(path, BatchResult.EXPIRED)
    claim = await next_run(path)
    assert (claim.step, claim.session_id) == (Step.REPORT, None)
    assert claim.outcome == Outcome(line=1, reference="ref-1", result=BatchResult.EXPIRED)


async def test_an_outcome_keeps_all_but_the_cryptogram(path: Path) -> None:
    failure = ErrorInfo(kind="NotFound", message="get_session: 404", path="$.a", status=404, request_id="r-1")
    known = msgspec.structs.replace(outcome(BatchResult.AUTHENTICATED), eci="05", xid="x", seconds=0.25, error=failure)
    async with Journal(path) as journal:
        await journal.settle(await journal.claim(record()), known)
    assert (await next_run(path)).outcome == msgspec.structs.replace(known, cryptogram=None)


async def test_an_outcome_is_reported_under_the_line_of_the_record_that_asks(path: Path) -> None:
    await earlier_run(path, BatchResult.DECLINED, session_id=SID, reported=True)
    moved = Record(line=40, request=request(), reference="ref-1")
    claim = await next_run(path, moved)
    assert claim.outcome is not None
    assert (claim.outcome.line, claim.outcome.reference) == (40, "ref-1")


async def test_an_outcome_that_was_replayed_or_asked_for_is_no_doubt(path: Path) -> None:
    await earlier_run(path, BatchResult.DECLINED, session_id=SID)
    assert [(await next_run(path)).step for _ in range(3)] == [Step.ASK] * 3


async def test_an_unreported_outcome_is_replayed_once_a_later_run_has_reported_it(
    path: Path,
) -> None:
    await earlier_run(path, BatchResult.DECLINED, session_id=SID)
    async with Journal(path) as journal:
        journal.mark_reported(await journal.claim(record()))
    assert (await next_run(path)).step is Step.REPLAY


# A later run: it may have arrived


@pytest.mark.parametrize("result", IN_DOUBT)
async def test_a_doubt_with_a_session_is_asked_about(path: Path, result: BatchResult | None) -> None:
    await earlier_run(path, result, session_id=SID)
    claim = await next_run(path, retry_unknown=True)
    assert (claim.step, claim.session_id, claim.outcome) == (Step.ASK, SID, None)


async def test_a_session_that_the_api_did_not_know_is_asked_about_again_unless_a_person_decides(path: Path) -> None:
    gone = ErrorInfo(kind="NotFound", message="get_session: 404", status=404)
    async with Journal(path) as journal:
        unknown = Outcome(line=1, result=BatchResult.UNKNOWN, session_id=SID, error=gone)
        await journal.settle(await journal.claim(record()), unknown)
    claim = await next_run(path)
    assert (claim.step, claim.session_id) == (Step.ASK, SID)
    assert (await next_run(path, retry_unknown=True)).step is Step.SEND


@pytest.mark.parametrize("status", [None, 403, 503])
async def test_a_session_that_could_not_be_read_is_not_sent_again(path: Path, status: int | None) -> None:
    failure = ErrorInfo(kind="ApiError", message="get_session failed", status=status)
    async with Journal(path) as journal:
        unknown = Outcome(line=1, result=BatchResult.UNKNOWN, session_id=SID, error=failure)
        await journal.settle(await journal.claim(record()), unknown)
    claim = await next_run(path, retry_unknown=True)
    assert (claim.step, claim.session_id) == (Step.ASK, SID)


async def test_a_session_that_was_noted_outlives_an_outcome_without_it(path: Path) -> None:
    async with Journal(path) as journal:
        claim = await journal.claim(record())
        journal.record_session(claim, SID)
        await journal.settle(claim, outcome(BatchResult.UNKNOWN, None))
    assert (await next_run(path)).session_id == SID


@pytest.mark.parametrize("result", IN_DOUBT)
async def test_a_doubt_without_session_is_for_a_person_to_decide(path: Path, result: BatchResult | None) -> None:
    await earlier_run(path, result)
    for _ in range(2):
        claim = await next_run(path)
        assert (claim.step, claim.session_id) == (Step.REPORT, None)
        assert claim.outcome is not None
        assert (claim.outcome.result, claim.outcome.replayed) == (BatchResult.UNKNOWN, False)
        assert claim.outcome.error is not None
        assert claim.outcome.error.kind == "OutcomeUnknown"
        assert "--retry-unknown sends it again" in claim.outcome.error.message


async def test_a_doubt_keeps_what_support_asks_for(path: Path) -> None:
    failure = ErrorInfo(kind="ServerError", message="request_session: 502", status=502, request_id="r-1")
    async with Journal(path) as journal:
        doubt = Outcome(line=1, result=BatchResult.UNKNOWN, error=failure)
        await journal.settle(await journal.claim(record()), doubt)
    claim = await next_run(path)
    assert claim.outcome is not None
    assert claim.outcome.error is not None
    assert (claim.outcome.error.status, claim.outcome.error.request_id) == (502, "r-1")


@pytest.mark.parametrize("result", IN_DOUBT)
async def test_a_doubt_without_session_is_sent_again_on_request(path: Path, result: BatchResult | None) -> None:
    await earlier_run(path, result)
    assert (await next_run(path, retry_unknown=True)).step is Step.SEND
    assert (await next_run(path)).step is Step.REPORT, "it is in doubt again"


@pytest.mark.parametrize("result", FINAL)
async def test_a_final_result_is_never_sent_again(path: Path, result: BatchResult) -> None:
    await earlier_run(path, result, session_id=SID)
    assert (await next_run(path, retry_unknown=True)).step is Step.ASK


async def test_a_doubt_that_is_resolved_is_final(path: Path) -> None:
    await earlier_run(path, BatchResult.UNKNOWN, session_id=SID, reported=True)
    async with Journal(path) as journal:
        await journal.settle(await journal.claim(record()), outcome(BatchResult.AUTHENTICATED))
    assert (await next_run(path)).step is Step.ASK, "the new outcome was not reported"


# A later run: the reference stands for something else


@pytest.mark.parametrize("result", FINAL)
async def test_a_reference_that_was_used_for_another_request_is_refused(path: Path, result: BatchResult) -> None:
    await earlier_run(path, result, session_id=SID)
    claim = await next_run(path, record(1, amount=7), retry_unknown=True)
    assert (claim.step, claim.outcome) == (Step.REFUSE, None)
    assert claim.reason == "reference was used for another request in this journal"


async def test_a_refused_record_does_not_stand_for_the_one_it_is_mistaken_for(path: Path) -> None:
    await earlier_run(path, BatchResult.DECLINED, session_id=SID, reported=True)
    async with Journal(path) as journal:
        assert (await journal.claim(record(1, amount=7))).step is Step.REFUSE
        assert (await journal.claim(record(1))).step is Step.REPLAY


@pytest.mark.parametrize("retry_unknown", [False, True])
@pytest.mark.parametrize("session_id", [None, SID])
@pytest.mark.parametrize("result", IN_DOUBT)
async def test_a_changed_record_in_doubt_stays_unknown_and_can_be_changed_back(
    path: Path, result: BatchResult | None, session_id: str | None, retry_unknown: bool
) -> None:
    await earlier_run(path, result, session_id=session_id)
    for line in (1, 7):
        changed = replace(record(1, amount=7), line=line)
        claim = await next_run(path, changed, retry_unknown=retry_unknown)
        assert claim.step is Step.REPORT
        assert claim.outcome is not None
        assert claim.outcome.error is not None
        assert (claim.outcome.result, claim.outcome.session_id) == (BatchResult.UNKNOWN, session_id)
        assert "this record was changed" in claim.outcome.error.message
    assert (await next_run(path)).step is (Step.REPORT if session_id is None else Step.ASK)


def bare(line: int, amount: int) -> Record:
    return Record(line=line, request=request(amount=amount))


def referenced(line: int, amount: int) -> Record:
    return record(line, amount=amount)


@pytest.mark.parametrize(("before", "after"), [(bare, bare), (bare, referenced), (referenced, bare)])
async def test_on_the_line_of_a_record_in_doubt_only_references_show_that_another_is_there(
    path: Path, before: Callable[[int, int], Record], after: Callable[[int, int], Record]
) -> None:
    await earlier_run(path, None, of=before(3, 7))
    changed = after(3, 8)
    for _ in range(2):
        claim = await next_run(path, changed)
        assert claim.step is Step.REPORT
        assert claim.outcome is not None
        assert claim.outcome.error is not None
        assert claim.outcome.result is BatchResult.UNKNOWN
        assert "in doubt on this line" in claim.outcome.error.message
        async with Journal(path) as journal:
            await journal.reconcile(partial(iter, [claim.outcome]))
    assert (await next_run(path, changed, retry_unknown=True)).step is Step.SEND


async def test_other_lines_and_other_references_are_other_records(path: Path) -> None:
    await earlier_run(path, None, of=bare(3, 7))
    assert (await next_run(path, bare(4, 8))).step is Step.SEND
    await earlier_run(path, None, of=record(9))
    assert (await next_run(path, Record(line=9, request=request(amount=8), reference="other"))).step is Step.SEND


async def test_a_record_in_doubt_that_has_moved_frees_its_line(path: Path) -> None:
    await earlier_run(path, None, of=bare(3, 7))
    async with Journal(path) as journal:
        assert (await journal.claim(bare(2, 7))).step is Step.REPORT
        assert (await journal.claim(bare(3, 8))).step is Step.SEND


async def test_of_a_changed_record_that_comes_twice_the_second_is_refused(path: Path) -> None:
    await earlier_run(path, None, of=bare(1, 7))
    await earlier_run(path, None, of=bare(2, 8))
    async with Journal(path) as journal:
        first, second = await asyncio.gather(journal.claim(bare(1, 9)), journal.claim(bare(2, 9)))
    assert (first.step, second.step) == (Step.REPORT, Step.REFUSE)


# The output decides what was reported


def row(line: int, result: BatchResult = BatchResult.DECLINED) -> Outcome:
    """A row of the output, with its own session."""
    return outcome(result, f"sid_{line}", line)


def rows(*lines: int) -> Callable[[], Iterable[Outcome]]:
    return lambda: map(row, lines)


async def test_reconciling_takes_as_reported_what_is_in_the_output_and_nothing_else(path: Path) -> None:
    async with Journal(path) as journal:
        for line in (1, 2, 3, 4):
            claim = await journal.claim(record(line))
            await journal.settle(claim, row(line))
            if line in {1, 2}:
                journal.mark_reported(claim)
    async with Journal(path) as journal:
        await journal.reconcile(rows(2, 3))
        steps = [(await journal.claim(record(line))).step for line in (1, 2, 3, 4)]
    assert steps == [Step.ASK, Step.REPLAY, Step.REPLAY, Step.ASK]


async def test_what_was_reported_stays_reported_wherever_the_record_stands_by_now(path: Path) -> None:
    async with Journal(path) as journal:
        claim = await journal.claim(record(1))
        await journal.settle(claim, row(1))
        journal.mark_reported(claim)
    async with Journal(path) as journal:
        await journal.reconcile(rows(1))
        assert (await journal.claim(replace(record(1), line=7))).step is Step.REPLAY
    async with Journal(path) as journal:
        await journal.reconcile(rows(1))
        assert (await journal.claim(record(1))).step is Step.REPLAY


async def test_reconciling_leaves_doubts_as_they_are(path: Path) -> None:
    await earlier_run(path, None, session_id=SID)
    async with Journal(path) as journal:
        await journal.reconcile(list)
        assert (await journal.claim(record())).step is Step.ASK


async def test_reconciling_knows_what_was_said_just_before(path: Path) -> None:
    async with Journal(path) as journal:
        claim = await journal.claim(record())
        await journal.settle(claim, outcome(BatchResult.DECLINED))
        journal.mark_reported(claim)
        await journal.reconcile(list)
    assert (await next_run(path)).step is Step.ASK


@pytest.mark.parametrize("session_id", [None, "sid_1"])
@pytest.mark.parametrize("result", [None, BatchResult.UNKNOWN])
async def test_a_result_that_only_the_results_file_knows_settles_its_record(
    path: Path, result: BatchResult | None, session_id: str | None
) -> None:
    await earlier_run(path, result, session_id=session_id)
    async with Journal(path) as journal:
        await journal.reconcile(rows(1))
        claim = await journal.claim(record(1), retry_unknown=True)
    assert claim.step is Step.REPLAY
    assert claim.outcome is not None
    assert (claim.outcome.session_id, claim.outcome.result) == ("sid_1", BatchResult.DECLINED)


async def test_without_a_reference_the_line_tells_which_record_it_is(path: Path) -> None:
    bare = Record(line=1, request=request())
    await earlier_run(path, None, of=bare)
    await earlier_run(path, None, of=record(2))
    async with Journal(path) as journal:
        await journal.reconcile(lambda: [msgspec.structs.replace(row(1), reference=None)])
        assert (await journal.claim(bare)).step is Step.REPLAY
        assert (await journal.claim(record(2))).step is Step.REPORT


async def test_reconciling_goes_through_any_number_of_records(path: Path) -> None:
    lines = range(1, 12_001)
    async with Journal(path, durable=False) as journal:

        async def settled(line: int) -> None:
            claim = await journal.claim(record(line))
            await journal.settle(claim, row(line))

        await asyncio.gather(*map(settled, lines))
    async with Journal(path) as journal:
        await journal.reconcile(rows(*range(2, 12_001, 2)))
        steps = [(await journal.claim(record(line))).step for line in (1, 2, 9_999, 10_000, 10_001, 11_999, 12_000)]
    assert steps == [
        Step.REPLAY if line % 2 == 0 else Step.ASK for line in (1, 2, 9_999, 10_000, 10_001, 11_999, 12_000)
    ]


# Counting


async def test_records_are_counted_by_result(path: Path) -> None:
    async with Journal(path) as journal:
        assert await journal.counts() == {}
        for line, result in enumerate([None, BatchResult.DECLINED, BatchResult.DECLINED, BatchResult.INVALID], start=1):
            claim = await journal.claim(record(line))
            if result is not None:
                await journal.settle(claim, outcome(result, line=line))
        assert await journal.counts() == {None: 1, BatchResult.DECLINED: 2, BatchResult.INVALID: 1}


# Use


async def test_a_journal_has_to_be_open(path: Path) -> None:
    journal = Journal(path)
    with pytest.raises(BatchFileError, match=r"run\.journal is not open: use `async with`"):
        await journal.claim(record())
    async with journal:
        claim = await journal.claim(record())
    with pytest.raises(BatchFileError, match="is not open"):
        journal.mark_reported(claim)


async def test_a_journal_is_opened_once_at_a_time_and_each_time_is_a_run(path: Path) -> None:
    journal = Journal(path)
    async with journal:
        await journal.claim(record())
        with pytest.raises(BatchFileError, match="is open already"):
            await journal.__aenter__()
        assert (await journal.claim(record(2))).step is Step.SEND, "the first use goes on"
    async with journal:
        assert (await journal.claim(record())).step is Step.REPORT


async def test_an_outcome_of_a_record_that_was_never_claimed_is_no_silent_loss(path: Path, tmp_path: Path) -> None:
    async with Journal(tmp_path / "other.journal") as other:
        stray = await other.claim(record())
    with pytest.raises(JournalError, match="never claimed in this journal"):
        async with Journal(path) as journal:
            await journal.settle(stray, outcome(BatchResult.DECLINED))


def test_nothing_is_shown_but_the_path(path: Path) -> None:
    assert repr(Journal(path, key=bytes(32))) == f"Journal({str(path)!r})"


async def test_a_claim_shows_no_card_number(path: Path) -> None:
    assert CARD not in repr(await next_run(path))
