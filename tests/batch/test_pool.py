"""A run with a journal: what is on disk when something is sent or reported, and what a second run makes of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path

import pytest
from msgspec.structs import replace

from checkout_async.batch import Backoff, BatchResult, InvalidRecord, Outcome, Record
from checkout_async.batch.journal import Journal
from checkout_async.batch.journal.operations import ClaimOp, JournalOperation, SettleOp
from checkout_async.batch.journal.store import JournalStore
from checkout_async.errors import (
    Conflict,
    ConnectFailed,
    JournalError,
    NotFound,
    OutcomeUnknown,
    ServerError,
    UnprocessableEntity,
)
from checkout_async.models import sessions
from checkout_async.operations import ApiRequest
from tests.batch.support import SID, Answer, ScriptedSender, in_turn, lines_of, record, reference_of, request, session
from tests.batch.support import run as run_batch

AT_ONCE = Backoff(initial=0.001, maximum=0.001, give_up_after=0.005)
CRYPTOGRAM = "c" * 28
METHOD = {"three_ds_method_url": {"href": "https://acs.example/method"}}
FailAfter = Callable[[type[ClaimOp | SettleOp], int], None]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.journal"


def numbered(*lines: int) -> list[Record]:
    """Records whose reference is their line."""
    return [Record(line=line, request=record(line, reference=str(line)).request, reference=str(line)) for line in lines]


def approved() -> ScriptedSender:
    """A sender that makes a session of its own for every request."""

    def answer(request: ApiRequest[object]) -> sessions.Session:
        if request.operation.name == "request_session":
            return session(id=session_of(reference_of(request)))
        return session()

    return ScriptedSender(answer)


def session_of(reference: str) -> str:
    return f"sid_{reference:a>26}"


async def run(
    sender: ScriptedSender, records: Sequence[Record | InvalidRecord], journal: Journal, *, retry_unknown: bool = False
) -> list[Outcome]:
    """Run records to their end, one at a time."""
    return [outcome async for outcome in outcomes_of(sender, records, journal, retry_unknown=retry_unknown)]


def outcomes_of(
    sender: ScriptedSender,
    records: Sequence[Record | InvalidRecord],
    journal: Journal,
    *,
    concurrency: int = 1,
    retry_unknown: bool = False,
) -> AsyncGenerator[Outcome]:
    return run_batch(
        sender,
        records,
        concurrency=concurrency,
        poll=AT_ONCE,
        outage_backoff=AT_ONCE,
        journal=journal,
        retry_unknown=retry_unknown,
    )


async def run_once(
    sender: ScriptedSender, records: Sequence[Record | InvalidRecord], path: Path, *, retry_unknown: bool = False
) -> list[Outcome]:
    """Open the journal, run, close it."""
    async with Journal(path) as journal:
        return await run(sender, records, journal, retry_unknown=retry_unknown)


def only(outcomes: Sequence[Outcome]) -> Outcome:
    [outcome] = outcomes
    return outcome


@pytest.fixture
def fail_after(monkeypatch: pytest.MonkeyPatch) -> FailAfter:
    """Let the disk be full after so many claims, or outcomes, have been written: the whole batch of the next fails."""

    def prepare(kind: type[ClaimOp | SettleOp], left: int) -> None:
        apply, seen = JournalStore.apply, 0

        def limited(store: JournalStore, operations: Sequence[JournalOperation]) -> None:
            nonlocal seen
            seen += sum(isinstance(operation, kind) for operation in operations)
            if seen > left:
                raise JournalError("the journal failed: disk full")
            apply(store, operations)

        monkeypatch.setattr(JournalStore, "apply", limited)

    return prepare


class TestOrderOfThings:
    async def test_claimed_before_sent_and_settled_before_reported(self, path: Path) -> None:
        async with Journal(path) as journal:
            held: list[object] = []

            async def answer(_request: ApiRequest[object]) -> Answer:
                held.append(await journal.counts())
                return session()

            async for _ in outcomes_of(ScriptedSender(answer), [record()], journal):
                held.append(await journal.counts())  # noqa: PERF401  # at the moment of its delivery
        assert held == [{None: 1}, {BatchResult.AUTHENTICATED: 1}]

    async def test_an_outcome_that_the_consumer_did_not_take_is_reported_by_the_next_run(self, path: Path) -> None:
        async with Journal(path) as journal:
            sender = ScriptedSender(lambda _: Conflict("409", status=409))
            async with aclosing(outcomes_of(sender, numbered(1, 2), journal)) as outcomes:
                await anext(outcomes)
        sender = approved()
        outcomes_again = await run_once(sender, numbered(1, 2), path)
        assert [(outcome.line, outcome.replayed) for outcome in outcomes_again] == [(1, False), (2, False)]


class TestASecondRun:
    async def test_what_is_known_is_replayed_with_its_cryptogram_and_entry_and_nothing_is_sent(
        self, path: Path
    ) -> None:
        [reported] = await run_once(approved(), numbered(1), path)
        sender = approved()
        again = only(await run_once(sender, numbered(1), path))
        assert sender.calls == []
        assert reported.entry is not None
        assert again == replace(reported, replayed=True)
        assert again.cryptogram == CRYPTOGRAM

    async def test_so_is_what_was_settled_and_not_reported(self, path: Path) -> None:
        async with Journal(path) as journal:
            [item] = numbered(1)
            await journal.settle(await journal.claim(item), Outcome.of(item, session()))
        sender = approved()
        again = only(await run_once(sender, numbered(1), path))
        assert (again.replayed, again.result, again.cryptogram) == (True, BatchResult.AUTHENTICATED, CRYPTOGRAM)
        assert sender.calls == []

    @pytest.mark.parametrize(
        "error", [NotFound("404", status=404), ServerError("500", status=500), ConnectFailed("no route")]
    )
    async def test_a_session_that_cannot_be_read_is_unknown_and_the_next_run_reads_it_once_more(
        self, path: Path, error: Exception
    ) -> None:
        await self.interrupted_after_the_first_reply(path)
        async with Journal(path) as journal:
            outcomes = outcomes_of(ScriptedSender(lambda _: error), numbered(1), journal)
            again = await anext(outcomes)
        assert (again.result, again.session_id, again.cryptogram) == (BatchResult.UNKNOWN, SID, None)
        assert again.error is not None
        sender = ScriptedSender(lambda _: session())
        at_last = only(await run_once(sender, numbered(1), path))
        assert (at_last.result, at_last.cryptogram) == (BatchResult.AUTHENTICATED, CRYPTOGRAM)
        assert sender.operations == ["get_session"]

    async def test_a_session_in_doubt_is_asked_for_and_goes_on_from_where_it_is(self, path: Path) -> None:
        await self.interrupted_after_the_first_reply(path)
        sender = in_turn(session("pending", "issuer_fingerprint", _links=METHOD), session())
        again = only(await run_once(sender, numbered(1), path))
        assert sender.operations == ["get_session", "update_three_ds_method_completion"]
        assert (again.result, again.session_id, again.cryptogram) == (BatchResult.AUTHENTICATED, SID, CRYPTOGRAM)

    async def test_a_session_in_doubt_that_is_gone_is_made_again_only_if_a_person_says_so(self, path: Path) -> None:
        await self.interrupted_after_the_first_reply(path)
        sender = ScriptedSender(lambda _: NotFound("no such session", status=404))
        again = only(await run_once(sender, numbered(1), path))
        assert sender.operations == ["get_session"]
        assert (again.result, again.session_id) == (BatchResult.UNKNOWN, SID)
        assert again.error is not None
        assert again.error.kind == "NotFound"
        sender = approved()
        again = only(await run_once(sender, numbered(1), path, retry_unknown=True))
        assert (again.result, sender.operations) == (BatchResult.AUTHENTICATED, ["request_session"])

    async def test_what_may_have_arrived_is_sent_again_only_if_a_person_says_so(self, path: Path) -> None:
        lost = ScriptedSender(lambda _: OutcomeUnknown("the connection was lost"))
        assert only(await run_once(lost, numbered(1), path)).result is BatchResult.UNKNOWN
        sender = approved()
        again = only(await run_once(sender, numbered(1), path))
        assert (again.result, again.session_id, sender.calls) == (BatchResult.UNKNOWN, None, [])
        again = only(await run_once(sender, numbered(1), path, retry_unknown=True))
        assert (again.result, sender.operations) == (BatchResult.AUTHENTICATED, ["request_session"])

    @pytest.mark.parametrize("gone", [False, True])
    async def test_what_was_in_doubt_stays_so_when_sending_it_again_fails_before_it_is_sent(
        self, path: Path, gone: bool
    ) -> None:
        """That the second request never left says nothing about the first: the next run may not send a third."""
        if gone:
            await self.interrupted_after_the_first_reply(path)
            await run_once(ScriptedSender(lambda _: NotFound("no such session", status=404)), numbered(1), path)
        else:
            await run_once(ScriptedSender(lambda _: OutcomeUnknown("the connection was lost")), numbered(1), path)
        unreachable = ScriptedSender(lambda _: Conflict("409", status=409))
        again = only(await run_once(unreachable, numbered(1), path, retry_unknown=True))
        assert (again.result, unreachable.operations) == (BatchResult.UNKNOWN, ["request_session"])
        sender = ScriptedSender(lambda _: NotFound("no such session", status=404))
        assert only(await run_once(sender, numbered(1), path)).result is BatchResult.UNKNOWN
        assert "request_session" not in sender.operations

    async def test_what_the_api_refused_is_sent_again(self, path: Path) -> None:
        refusing = ScriptedSender(lambda _: Conflict("409", status=409))
        await run_once(refusing, numbered(1), path)
        assert only(await run_once(approved(), numbered(1), path)).result is BatchResult.AUTHENTICATED

    async def interrupted_after_the_first_reply(self, path: Path) -> None:
        async with Journal(path) as journal:
            journal.record_session(await journal.claim(*numbered(1)), SID)


class TestRecordsThatAreNotSent:
    async def test_a_reference_that_appears_twice_is_sent_once(self, path: Path) -> None:
        [first] = numbered(1)
        second = Record(line=2, request=first.request, reference=first.reference)
        sender = approved()
        outcomes = await run_once(sender, [first, second], path)
        assert sender.operations == ["request_session"]
        assert [outcome.result for outcome in outcomes] == [BatchResult.AUTHENTICATED, BatchResult.INVALID]
        assert outcomes[1].error is not None
        assert outcomes[1].error.message == "the same reference as line 1; give each record its own"

    async def test_a_refused_one_does_not_touch_what_is_known_of_the_first(self, path: Path) -> None:
        [first] = numbered(1)
        second = Record(line=2, request=first.request, reference=first.reference)
        await run_once(approved(), [first, second], path)
        sender = approved()
        [again] = await run_once(sender, [first], path)
        assert (again.replayed, again.result, sender.calls) == (True, BatchResult.AUTHENTICATED, [])

    async def test_a_reference_that_was_used_for_another_request_is_refused(self, path: Path) -> None:
        await run_once(approved(), numbered(1), path)
        other = Record(line=1, request=record(1, reference="1", amount=7).request, reference="1")
        sender = approved()
        outcome = only(await run_once(sender, [other], path))
        assert (outcome.result, sender.calls) == (BatchResult.INVALID, [])
        assert outcome.error is not None
        assert "used for another request" in outcome.error.message

    @pytest.mark.parametrize("member", [object(), {1: 2}, "\ud800"], ids=["object", "key", "half a character"])
    async def test_a_request_that_cannot_be_sent_does_not_stop_the_run(self, path: Path, member: object) -> None:
        bad = Record(line=1, request={"reference": "1", "amount": member}, reference="1")
        outcomes = await run_once(approved(), [bad, *numbered(2)], path)
        assert [(outcome.line, outcome.result) for outcome in outcomes] == [
            (1, BatchResult.INVALID),
            (2, BatchResult.AUTHENTICATED),
        ]

    async def test_nor_does_one_that_contains_itself(self, path: Path) -> None:
        endless: dict[str, object] = {"reference": "1"}
        endless["metadata"] = endless
        bad = Record(line=1, request=endless, reference="1")
        outcomes = await run_once(approved(), [bad, *numbered(2)], path)
        assert [outcome.result for outcome in outcomes] == [BatchResult.INVALID, BatchResult.AUTHENTICATED]


class TestAJournalThatFails:
    """A full disk: what is not written down is not sent, and what was sent is reported."""

    async def test_when_a_claim_cannot_be_written_nothing_more_is_sent(self, path: Path, fail_after: FailAfter) -> None:
        fail_after(ClaimOp, 2)
        sender = approved()
        outcomes = await self.run_into(sender, path)
        assert sent_by(sender) == ["1", "2"]
        assert [outcome.result for outcome in outcomes] == [
            BatchResult.AUTHENTICATED,
            BatchResult.AUTHENTICATED,
            BatchResult.FAILED,
        ]
        assert outcomes[-1].error is not None
        assert outcomes[-1].error.kind == "JournalError"
        assert "disk full" in outcomes[-1].error.message

    @pytest.mark.parametrize("concurrency", [1, 8])
    async def test_when_an_outcome_cannot_be_written_it_is_reported_all_the_same(
        self, path: Path, fail_after: FailAfter, concurrency: int
    ) -> None:
        fail_after(SettleOp, 10)
        sender = approved()
        outcomes = await self.run_into(sender, path, concurrency)
        reported = [str(outcome.line) for outcome in outcomes if outcome.result is BatchResult.AUTHENTICATED]
        assert sorted(reported) == sorted(sent_by(sender))
        assert 11 <= len(reported) < 100
        # The journal does not have the last ones: they have no entry, and are in no output.
        numbers = [int(outcome.entry.partition("-")[2]) for outcome in outcomes if outcome.entry is not None]
        assert sorted(numbers) == [*range(1, len(numbers) + 1)]
        assert len(numbers) <= 10

    @pytest.mark.parametrize("kind", [ClaimOp, SettleOp])
    async def test_every_record_that_was_read_has_one_outcome(
        self, path: Path, fail_after: FailAfter, kind: type[ClaimOp | SettleOp]
    ) -> None:
        fail_after(kind, 20)
        outcomes = await self.run_into(approved(), path, 8)
        assert sorted(lines_of(outcomes)) == list(range(1, len(outcomes) + 1))
        assert {outcome.result for outcome in outcomes} <= {BatchResult.AUTHENTICATED, BatchResult.FAILED}

    async def test_the_next_run_sends_nothing_again_that_was_sent(
        self, path: Path, fail_after: FailAfter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, second = approved(), approved()
        fail_after(SettleOp, 2)
        await self.run_into(first, path)
        monkeypatch.undo()
        outcomes = await run_once(second, numbered(1, 2, 3, 4, 5), path)
        assert lines_of(outcomes) == [1, 2, 3, 4, 5]
        assert sorted([*sent_by(first), *sent_by(second)]) == ["1", "2", "3", "4", "5"]

    async def run_into(self, sender: ScriptedSender, path: Path, concurrency: int = 1) -> list[Outcome]:
        """Run a hundred records into the failure; return what was reported."""
        reported: list[Outcome] = []
        async with Journal(path) as journal:
            with pytest.raises(JournalError, match="disk full"):
                await gather_into(
                    reported, outcomes_of(sender, numbered(*range(1, 101)), journal, concurrency=concurrency)
                )
        return reported


def sent_by(sender: ScriptedSender) -> list[str]:
    """The references of the sessions that were asked for."""
    return [body["reference"] for name, body in sender.calls if name == "request_session" and isinstance(body, dict)]


async def gather_into(reported: list[Outcome], coming: AsyncIterator[Outcome]) -> None:
    async for outcome in coming:
        reported.append(outcome)  # noqa: PERF401  # what came before an error counts


async def test_a_journal_waits_for_a_run_that_was_left_without_being_closed(path: Path) -> None:
    answered = asyncio.Event()

    async def answer(request: ApiRequest[object]) -> Answer:
        if reference_of(request) != "1":
            await answered.wait()
        return session()

    async with Journal(path) as journal:
        outcomes = outcomes_of(ScriptedSender(answer), numbered(1, 2, 3), journal, concurrency=3)
        await anext(outcomes)
        asyncio.get_running_loop().call_later(0.05, answered.set)
    again = await run_once(approved(), numbered(1, 2, 3), path)
    assert {outcome.result for outcome in again} == {BatchResult.AUTHENTICATED}


async def test_a_reply_with_bytes_that_are_not_text_fails_no_other_record(path: Path) -> None:
    odd = UnprocessableEntity("422", operation="request_session", status=422, request_id="\udcff")
    sender = ScriptedSender(lambda request: odd if reference_of(request) == "2" else session())
    outcomes = await run_once(sender, numbered(1, 2, 3, 4), path)
    assert [outcome.result for outcome in outcomes].count(BatchResult.AUTHENTICATED) == 3


class Text(str):
    """A subclass of `str`, as numpy, lxml and markupsafe have one."""

    __slots__ = ()


async def test_half_a_surrogate_pair_in_a_reference_fails_no_other_record(path: Path) -> None:
    references = {1: "1", 2: "\ud800", 3: "3"}
    records = [Record.of(line, request(reference=reference)) for line, reference in references.items()]
    outcomes = {outcome.line: outcome for outcome in await run_once(approved(), records, path)}
    assert [outcomes[line].result for line in (1, 2, 3)] == ["authenticated", "invalid", "authenticated"]
    error = outcomes[2].error
    assert error is not None
    assert (error.path, "surrogate" in error.message) == ("$.reference", True)


async def test_a_text_of_another_class_is_a_text(path: Path) -> None:
    """And the record is the same one as with a plain text, so that it is not sent twice."""
    bodies = [request(reference=of("1"), currency=of("GBP")) for of in (Text, str)]
    outcomes = [await run_once(approved(), [Record.of(1, body)], path) for body in bodies]
    assert [outcome.result for (outcome,) in outcomes] == [BatchResult.AUTHENTICATED] * 2
    assert [outcome.replayed for (outcome,) in outcomes] == [False, True]
    assert type(outcomes[0][0].reference) is str
