"""What a run may do about a record, after what earlier runs did: nothing is sent twice that may have arrived."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from checkout_async.batch.journal import Claim, Journal, Step, operations
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


def error_of(claim: Claim) -> ErrorInfo:
    """The error of the outcome that a claim brings."""
    assert claim.outcome is not None
    assert claim.outcome.error is not None
    return claim.outcome.error


async def earlier_run(
    path: Path,
    result: BatchResult | None,
    *,
    session_id: str | None = None,
    of: Record | None = None,
) -> None:
    """Claim a record and send it; note its session and settle it as far as given."""
    async with Journal(path) as journal:
        claim = await journal.claim(of or record())
        assert claim.step is Step.SEND
        if session_id is not None:
            journal.record_session(claim, session_id)
        if result is not None:
            await journal.settle(claim, outcome(result, session_id))


async def next_run(path: Path, again: Record | None = None, *, retry_unknown: bool = False) -> Claim:
    async with Journal(path) as journal:
        return await journal.claim(again or record(), retry_unknown=retry_unknown)


# A record that was never seen


async def test_a_record_never_seen_is_sent(path: Path) -> None:
    claim = await next_run(path)
    assert (claim.step, claim.session_id, claim.outcome, claim.has_row) == (Step.SEND, None, None, True)


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
    assert (second.step, second.has_row) == (Step.REFUSE, False)
    assert error_of(second) == ErrorInfo(
        kind="InvalidRequest",
        message="the same reference as line 17; give each record its own",
        path="$.reference",
    )


async def test_a_request_without_reference_is_sent_once_in_a_run(path: Path) -> None:
    async with Journal(path) as journal:
        await journal.claim(Record(line=17, request=request()))
        same = await journal.claim(Record(line=18, request=request()))
        other = await journal.claim(Record(line=19, request=request(amount=7)))
    assert same.step is Step.REFUSE
    message = "the same request as line 17, without a reference; give each record its own reference"
    assert (error_of(same).message, error_of(same).path) == (message, "$")
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
    monkeypatch.setattr(operations, "_now", lambda: 5)
    monkeypatch.setattr(operations, "_last", 0)
    async with Journal(path) as journal:
        claims = await asyncio.gather(*(journal.claim(record(1)) for _ in range(20)))
    assert [claim.step for claim in claims] == [Step.SEND] + [Step.REFUSE] * 19


@pytest.mark.parametrize("result", FINAL)
async def test_what_an_earlier_run_did_is_reported_once_in_a_run_too(path: Path, result: BatchResult) -> None:
    await earlier_run(path, result, session_id=SID)
    async with Journal(path) as journal:
        steps = [(await journal.claim(record())).step for _ in range(2)]
    assert steps == [Step.REPLAY, Step.REFUSE]


async def test_what_is_said_of_a_refused_record_changes_nothing(path: Path) -> None:
    async with Journal(path) as journal:
        first, second = [await journal.claim(record()) for _ in range(2)]
        await journal.settle(first, outcome(BatchResult.DECLINED))
        await journal.settle(second, outcome(BatchResult.INVALID, None))
    claim = await next_run(path)
    assert claim.step is Step.REPLAY
    assert claim.outcome is not None
    assert (claim.outcome.result, claim.outcome.session_id) == (BatchResult.DECLINED, SID)


# A later run: nothing had arrived


@pytest.mark.parametrize("result", UNSENT)
async def test_what_did_not_arrive_is_sent_again(path: Path, result: BatchResult) -> None:
    await earlier_run(path, result)
    assert (await next_run(path)).step is Step.SEND
    assert (await next_run(path)).step is Step.HOLD, "the second claim may have been sent"


@pytest.mark.parametrize("result", UNSENT)
async def test_what_did_not_arrive_may_be_corrected_before_it_is_sent_again(path: Path, result: BatchResult) -> None:
    await earlier_run(path, result)
    corrected = record(1, amount=7)
    assert (await next_run(path, corrected)).step is Step.SEND
    assert (await next_run(path, corrected)).step is Step.HOLD, "the journal knows it by its new content"
    assert (await next_run(path)).step is Step.HOLD, "and the earlier one is in doubt no less"


@pytest.mark.parametrize("result", UNSENT)
async def test_a_record_with_a_session_was_sent_whatever_its_result_says(path: Path, result: BatchResult) -> None:
    await earlier_run(path, result, session_id=SID)
    claim = await next_run(path, retry_unknown=True)
    assert (claim.step, claim.session_id) == (Step.READ, SID)


async def test_what_the_api_itself_refused_as_invalid_is_not_sent_again(path: Path) -> None:
    refusal = ErrorInfo(kind="UnprocessableEntity", message="request_session: 422", status=422, request_id="r-1")
    async with Journal(path) as journal:
        claim = await journal.claim(record())
        settled = await journal.settle(claim, Outcome(line=1, result=BatchResult.INVALID, error=refusal))
    claim = await next_run(path)
    assert claim.step is Step.REPLAY
    assert claim.outcome == replace(settled, reference="ref-1", replayed=True)
    assert (await next_run(path, record(1, amount=7))).step is Step.SEND, "it was corrected"


# A later run: the record came to its end


@pytest.mark.parametrize("result", FINAL)
async def test_a_final_outcome_is_replayed_whole(path: Path, result: BatchResult) -> None:
    failure = ErrorInfo(kind="NotFound", message="get_session: 404", path="$.a", status=404, request_id="r-1")
    known = replace(outcome(result), eci="05", xid="x", seconds=0.25, error=failure)
    async with Journal(path) as journal:
        settled = await journal.settle(await journal.claim(record()), known)
    for retry_unknown in (False, True, False):
        claim = await next_run(path, retry_unknown=retry_unknown)
        assert (claim.step, claim.session_id) == (Step.REPLAY, None)
        assert claim.outcome == replace(known, entry=settled.entry, replayed=True)


async def test_an_outcome_is_reported_under_the_line_of_the_record_that_asks(path: Path) -> None:
    await earlier_run(path, BatchResult.DECLINED, session_id=SID)
    moved = Record(line=40, request=request(), reference="ref-1")
    claim = await next_run(path, moved)
    assert claim.outcome is not None
    assert (claim.outcome.line, claim.outcome.reference) == (40, "ref-1")


# A later run: it may have arrived


@pytest.mark.parametrize("result", IN_DOUBT)
async def test_a_doubt_with_a_session_is_asked_about(path: Path, result: BatchResult | None) -> None:
    await earlier_run(path, result, session_id=SID)
    claim = await next_run(path, retry_unknown=True)
    assert (claim.step, claim.session_id, claim.outcome) == (Step.READ, SID, None)


async def test_a_session_that_the_api_did_not_know_is_asked_about_again_unless_a_person_decides(path: Path) -> None:
    gone = ErrorInfo(kind="NotFound", message="get_session: 404", status=404)
    async with Journal(path) as journal:
        unknown = Outcome(line=1, result=BatchResult.UNKNOWN, session_id=SID, error=gone)
        await journal.settle(await journal.claim(record()), unknown)
    claim = await next_run(path)
    assert (claim.step, claim.session_id) == (Step.READ, SID)
    assert (await next_run(path, retry_unknown=True)).step is Step.SEND


@pytest.mark.parametrize("status", [None, 403, 503])
async def test_a_session_that_could_not_be_read_is_not_sent_again(path: Path, status: int | None) -> None:
    failure = ErrorInfo(kind="ApiError", message="get_session failed", status=status)
    async with Journal(path) as journal:
        unknown = Outcome(line=1, result=BatchResult.UNKNOWN, session_id=SID, error=failure)
        await journal.settle(await journal.claim(record()), unknown)
    claim = await next_run(path, retry_unknown=True)
    assert (claim.step, claim.session_id) == (Step.READ, SID)


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
        assert (claim.step, claim.session_id) == (Step.HOLD, None)
        assert claim.outcome is not None
        assert (claim.outcome.result, claim.outcome.replayed) == (BatchResult.UNKNOWN, False)
        assert error_of(claim).kind == "OutcomeUnknown"
        assert "--retry-unknown sends it again" in error_of(claim).message


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
    assert (await next_run(path)).step is Step.HOLD, "it is in doubt again"


async def test_a_doubt_that_is_resolved_is_final(path: Path) -> None:
    await earlier_run(path, BatchResult.UNKNOWN, session_id=SID)
    async with Journal(path) as journal:
        await journal.settle(await journal.claim(record()), outcome(BatchResult.AUTHENTICATED))
    assert (await next_run(path)).step is Step.REPLAY


# A later run: the reference stands for something else


@pytest.mark.parametrize("result", FINAL)
async def test_a_reference_that_was_used_for_another_request_is_refused(path: Path, result: BatchResult) -> None:
    await earlier_run(path, result, session_id=SID)
    claim = await next_run(path, record(1, amount=7), retry_unknown=True)
    assert (claim.step, claim.has_row) == (Step.REFUSE, False)
    assert claim.outcome is not None
    assert (claim.outcome.result, claim.outcome.session_id) == (BatchResult.INVALID, None)
    assert error_of(claim).message == "reference was used for another request in this journal"


async def test_a_refused_record_does_not_stand_for_the_one_it_is_mistaken_for(path: Path) -> None:
    await earlier_run(path, BatchResult.DECLINED, session_id=SID)
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
        assert claim.step is Step.HOLD
        assert claim.outcome is not None
        assert claim.outcome.error is not None
        assert (claim.outcome.result, claim.outcome.session_id) == (BatchResult.UNKNOWN, session_id)
        assert "this record was changed" in claim.outcome.error.message
    assert (await next_run(path)).step is (Step.HOLD if session_id is None else Step.READ)


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
        assert claim.step is Step.HOLD
        assert claim.outcome is not None
        assert claim.outcome.error is not None
        assert claim.outcome.result is BatchResult.UNKNOWN
        assert "in doubt on this line" in claim.outcome.error.message
    assert (await next_run(path, changed, retry_unknown=True)).step is Step.SEND


async def test_a_suspect_that_is_sent_at_a_persons_word_keeps_its_own_outcome(path: Path) -> None:
    await earlier_run(path, None, of=bare(3, 7))
    async with Journal(path) as journal:
        claim = await journal.claim(bare(3, 8), retry_unknown=True)
        await journal.settle(claim, outcome(BatchResult.AUTHENTICATED, line=3))
    claim = await next_run(path, bare(3, 8))
    assert claim.step is Step.REPLAY
    assert claim.outcome is not None
    assert claim.outcome.cryptogram == CRYPTOGRAM


async def test_a_record_that_is_not_in_doubt_does_not_free_the_line_of_one_that_is(path: Path) -> None:
    await earlier_run(path, None, of=referenced(3, 7))
    await earlier_run(path, BatchResult.DECLINED, of=Record(line=3, request=request(amount=8), reference="other"))
    async with Journal(path) as journal:
        moved = await journal.claim(Record(line=1, request=request(amount=8), reference="other"))
        suspect = await journal.claim(bare(3, 9))
    assert (moved.step, suspect.step) == (Step.REPLAY, Step.HOLD)


async def test_other_lines_and_other_references_are_other_records(path: Path) -> None:
    await earlier_run(path, None, of=bare(3, 7))
    assert (await next_run(path, bare(4, 8))).step is Step.SEND
    await earlier_run(path, None, of=record(9))
    assert (await next_run(path, Record(line=9, request=request(amount=8), reference="other"))).step is Step.SEND


async def test_a_record_in_doubt_that_has_moved_frees_its_line(path: Path) -> None:
    await earlier_run(path, None, of=bare(3, 7))
    async with Journal(path) as journal:
        assert (await journal.claim(bare(2, 7))).step is Step.HOLD
        assert (await journal.claim(bare(3, 8))).step is Step.SEND


async def test_of_a_changed_record_that_comes_twice_the_second_is_refused(path: Path) -> None:
    await earlier_run(path, None, of=bare(1, 7))
    await earlier_run(path, None, of=bare(2, 8))
    async with Journal(path) as journal:
        first, second = await asyncio.gather(journal.claim(bare(1, 9)), journal.claim(bare(2, 9)))
    assert (first.step, second.step) == (Step.HOLD, Step.REFUSE)


# Its entries


async def test_outcomes_are_numbered_in_the_order_in_which_they_were_written(path: Path) -> None:
    async with Journal(path) as journal:
        claims = [await journal.claim(record(line)) for line in (1, 2)]
        settled = [
            await journal.settle(claims[1], outcome(BatchResult.DECLINED, line=2)),
            await journal.settle(None, Outcome(line=3, result=BatchResult.INVALID)),
            await journal.settle(claims[0], outcome(BatchResult.UNKNOWN, line=1)),
        ]
    journals, numbers = zip(*(str(each.entry).rsplit("-") for each in settled), strict=True)
    assert (len({*journals}), numbers) == (1, ("1", "2", "3"))


async def test_an_entry_is_never_used_again(path: Path) -> None:
    seen: list[str | None] = []
    for amount in range(3):
        async with Journal(path) as journal:
            # A record that is sent again loses the outcome that had the last entry.
            claim = await journal.claim(record(1, amount=amount))
            assert claim.step is Step.SEND
            seen.append((await journal.settle(claim, outcome(BatchResult.FAILED, None))).entry)
    assert [str(each).rpartition("-")[2] for each in seen] == ["1", "2", "3"]
    assert len({str(each).rpartition("-")[0] for each in seen}) == 1
    await next_run(path)
    async with Journal(path) as journal:
        assert str((await journal.settle(None, Outcome(line=9, result=BatchResult.INVALID))).entry).endswith("-4")


async def test_each_journal_has_its_own_name(path: Path, tmp_path: Path) -> None:
    entries: list[str | None] = []
    for file in (path, tmp_path / "other.journal"):
        async with Journal(file, key=bytes(32)) as journal:
            entries.append((await journal.settle(None, Outcome(line=1, result=BatchResult.INVALID))).entry)
    assert entries[0] != entries[1]


# Export


async def exported(path: Path, *, only_final: bool = False, is_complete: bool = False) -> list[Outcome]:
    rows: list[Outcome] = []
    async with Journal(path) as journal:
        await journal.export(rows.append, only_final=only_final, is_complete=is_complete)
    return rows


async def test_an_export_has_all_outcomes_in_the_order_of_the_lines(path: Path) -> None:
    async with Journal(path) as journal:
        for line in (5, 3, 4):
            await journal.claim(record(line))
        settled = [
            await journal.settle(await journal.claim(record(2)), outcome(BatchResult.DECLINED, line=2)),
            await journal.settle(None, Outcome(line=1, result=BatchResult.INVALID, reference="unreadable")),
            await journal.settle(await journal.claim(record(6)), outcome(BatchResult.AUTHENTICATED, line=6)),
        ]
        during: list[Outcome] = []
        await journal.export(during.append)
    rows = await exported(path)
    assert [row.line for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [rows[0], rows[1], rows[5]] == [settled[1], settled[0], settled[2]]
    assert [row.result for row in rows[2:5]] == [BatchResult.UNKNOWN] * 3
    assert during == rows
    assert [row.line for row in await exported(path, only_final=True)] == [2, 6]


async def test_each_exported_row_names_its_journal(path: Path) -> None:
    async with Journal(path) as journal:
        claim = await journal.claim(record(1))
        await journal.claim(record(2))
        settled = await journal.settle(claim, outcome(BatchResult.DECLINED))
    name = str(settled.entry).rpartition("-")[0]
    assert [row.entry for row in await exported(path)] == [f"{name}-1", f"{name}-0"]


@pytest.mark.parametrize(("session_id", "advice"), [(None, "--retry-unknown"), (SID, "reads the session")])
async def test_what_has_no_outcome_yet_is_unknown_with_its_session(
    path: Path, session_id: str | None, advice: str
) -> None:
    await earlier_run(path, None, session_id=session_id)
    [row] = await exported(path)
    assert (row.result, row.session_id, row.reference) == (BatchResult.UNKNOWN, session_id, "ref-1")
    assert row.error is not None
    assert advice in row.error.message


@pytest.mark.parametrize("result", BatchResult)
async def test_an_earlier_record_of_a_line_stays_unless_it_was_not_sent(path: Path, result: BatchResult) -> None:
    await earlier_run(path, result, of=bare(1, 7))
    async with Journal(path) as journal:
        claim = await journal.claim(bare(1, 8), retry_unknown=True)
        assert claim.step is Step.SEND
        await journal.settle(claim, outcome(BatchResult.DECLINED))
    stays = [] if result in UNSENT else [result]
    assert [row.result for row in await exported(path)] == [*stays, BatchResult.DECLINED]


async def test_a_line_that_was_corrected_has_the_outcome_of_its_record_only(path: Path) -> None:
    async with Journal(path) as journal:
        await journal.settle(None, Outcome(line=1, result=BatchResult.INVALID))
    await earlier_run(path, BatchResult.DECLINED)
    assert [row.result for row in await exported(path)] == [BatchResult.DECLINED]


async def test_a_record_whose_line_cannot_be_read_any_more_stays_if_it_was_sent(path: Path) -> None:
    for line, result in enumerate([BatchResult.DECLINED, BatchResult.FAILED], start=1):
        await earlier_run(path, result, of=record(line))
        async with Journal(path) as journal:
            await journal.settle(None, Outcome(line=line, result=BatchResult.INVALID))
    found = [(row.line, row.result) for row in await exported(path)]
    assert sorted(found) == [(1, BatchResult.DECLINED), (1, BatchResult.INVALID), (2, BatchResult.INVALID)]


@pytest.mark.parametrize("is_complete", [False, True])
async def test_a_run_that_has_read_all_leaves_out_lines_that_only_an_earlier_input_had(
    path: Path, is_complete: bool
) -> None:
    async with Journal(path) as journal:
        await journal.settle(None, Outcome(line=1, result=BatchResult.INVALID))
        for line, result in [(2, BatchResult.FAILED), (3, BatchResult.DECLINED), (4, BatchResult.UNKNOWN)]:
            await journal.settle(await journal.claim(record(line)), outcome(result, None, line=line))
    lines = [row.line for row in await exported(path, is_complete=is_complete)]
    assert lines == ([3, 4] if is_complete else [1, 2, 3, 4])


async def test_an_error_of_the_output_is_raised_and_the_journal_goes_on(path: Path) -> None:
    def take(_row: Outcome) -> None:
        raise OSError(28, "No space left on device")

    async with Journal(path) as journal:
        for line in (1, 2):
            await journal.settle(await journal.claim(record(line)), outcome(BatchResult.DECLINED, line=line))
        with pytest.raises(OSError, match="No space left"):
            await journal.export(take)
        assert (await journal.claim(record(3))).step is Step.SEND


# What an output may know


async def named(path: Path) -> str:
    """The name of a journal, with one outcome in it."""
    async with Journal(path) as journal:
        return str((await journal.settle(None, Outcome(line=1, result=BatchResult.INVALID))).entry).rpartition("-")[0]


@pytest.mark.parametrize("number", [0, 1])
async def test_an_output_may_know_as_much_as_the_journal_or_less(path: Path, number: int) -> None:
    name = await named(path)
    async with Journal(path) as journal:
        await journal.require_exported(Path("out.jsonl"), dict)
        await journal.require_exported(Path("out.jsonl"), lambda: {name: number})


async def test_an_output_that_knows_more_than_the_journal_is_refused(path: Path) -> None:
    name = await named(path)
    async with Journal(path) as journal:
        with pytest.raises(BatchFileError, match=r"run\.journal is older than out\.jsonl.*Nothing was sent"):
            await journal.require_exported(Path("out.jsonl"), lambda: {name: 2})
        assert (await journal.claim(record())).step is Step.SEND, "it is no failure of the journal"


@pytest.mark.parametrize("other", ["0badc0de", ""])
async def test_an_output_of_another_journal_or_of_none_is_refused(path: Path, other: str) -> None:
    name = await named(path)
    async with Journal(path) as journal:
        with pytest.raises(BatchFileError, match=r"out\.jsonl has results of another journal than .*run\.journal"):
            await journal.require_exported(Path("out.jsonl"), lambda: {name: 1, other: 1})


# Purging


async def test_purging_removes_the_payment_data_of_old_outcomes_and_nothing_else(path: Path) -> None:
    known = replace(outcome(BatchResult.AUTHENTICATED), eci="05", xid="x", seconds=0.25)
    async with Journal(path) as journal:
        settled = await journal.settle(await journal.claim(record()), known)
        await journal.settle(await journal.claim(record(2)), outcome(BatchResult.DECLINED, line=2))
        assert await journal.purge(3600) == 0
        assert await journal.purge(0) == 2
        assert await journal.purge(0) == 0
    claim = await next_run(path)
    assert claim.step is Step.REPLAY
    assert claim.outcome == replace(settled, cryptogram=None, eci=None, xid=None, replayed=True)


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
        journal.record_session(claim, SID)


async def test_a_journal_is_opened_once_at_a_time_and_each_time_is_a_run(path: Path) -> None:
    journal = Journal(path)
    async with journal:
        await journal.claim(record())
        with pytest.raises(BatchFileError, match="is open already"):
            await journal.__aenter__()
        assert (await journal.claim(record(2))).step is Step.SEND, "the first use goes on"
    async with journal:
        assert (await journal.claim(record())).step is Step.HOLD


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
