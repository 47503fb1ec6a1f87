"""The send-once rule: every combination of its table, against promises that are stated here without the table."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from checkout_async.batch.journal import Claim, Journal, Step
from checkout_async.batch.journal.rules import RULES, Reason, Rule, State, rule_for
from checkout_async.batch.outcome import BatchResult, ErrorInfo, Outcome
from checkout_async.batch.records import Record
from tests.batch.support import SID, request

COMBINATIONS = list(product(State, [False, True], [False, True]))

MAY_HAVE_ARRIVED = {State.SUSPECT, State.IN_DOUBT, State.OPEN, State.GONE, State.FINISHED}
HAS_SESSION = {State.OPEN, State.GONE}
HAS_OUTCOME = {State.REFUSED, State.FINISHED}
IN_DOUBT = {State.IN_DOUBT, State.OPEN, State.GONE}


def step(state: State, *, changed: bool, retries: bool) -> Step:
    return rule_for(state, is_changed=changed, retries=retries).step


def matching(state: State, changed: bool, retries: bool) -> Iterator[Rule]:
    for rule in RULES:
        if rule.state is state and rule.is_changed in {None, changed} and rule.retries in {None, retries}:
            yield rule


def test_exactly_one_row_matches() -> None:
    for state, changed, retries in COMBINATIONS:
        [rule] = matching(state, changed, retries)
        assert rule_for(state, is_changed=changed, retries=retries) is rule


def test_what_may_have_arrived_is_sent_again_only_at_a_persons_word() -> None:
    for state, changed, retries in COMBINATIONS:
        if step(state, changed=changed, retries=retries) is Step.SEND:
            assert retries or state not in MAY_HAVE_ARRIVED


def test_what_is_finished_is_open_or_came_before_is_never_sent() -> None:
    for state, changed, retries in COMBINATIONS:
        if state in {State.FINISHED, State.OPEN, State.REPEATED}:
            assert step(state, changed=changed, retries=retries) is not Step.SEND


def test_a_word_about_a_record_in_doubt_does_not_cover_another_request() -> None:
    for state, changed, retries in COMBINATIONS:
        if state in IN_DOUBT and changed:
            assert step(state, changed=True, retries=retries) is Step.HOLD


def test_a_changed_record_never_gets_the_session_or_the_outcome_of_another() -> None:
    for state, changed, retries in COMBINATIONS:
        if changed:
            assert step(state, changed=True, retries=retries) not in {Step.READ, Step.REPLAY}


def test_only_a_known_session_is_read_and_only_a_known_outcome_is_replayed() -> None:
    for state, changed, retries in COMBINATIONS:
        found = step(state, changed=changed, retries=retries)
        assert found is not Step.READ or state in HAS_SESSION
        assert found is not Step.REPLAY or state in HAS_OUTCOME


def test_what_was_not_sent_is_sent() -> None:
    for state, changed, retries in COMBINATIONS:
        if state in {State.NEW, State.NOT_CREATED} or (state is State.REFUSED and changed):
            assert step(state, changed=changed, retries=retries) is Step.SEND


def test_a_persons_word_only_ever_sends() -> None:
    for state, changed, retries in COMBINATIONS:
        if retries:
            without = step(state, changed=changed, retries=False)
            assert step(state, changed=changed, retries=True) in {without, Step.SEND}


def test_what_is_held_or_refused_has_a_reason_and_nothing_else_has() -> None:
    for state, changed, retries in COMBINATIONS:
        rule = rule_for(state, is_changed=changed, retries=retries)
        assert (rule.reason is not None) is (rule.step in {Step.HOLD, Step.REFUSE})


def test_a_reason_names_the_option_exactly_where_it_helps() -> None:
    for state, changed, retries in COMBINATIONS:
        rule = rule_for(state, is_changed=changed, retries=retries)
        if rule.step is Step.HOLD and rule.reason is not None and not retries:
            helps = step(state, changed=changed, retries=True) is Step.SEND
            assert ("--retry-unknown" in rule.reason.value) is helps
            assert "look it up" in rule.reason.value


def test_every_step_and_every_reason_is_used() -> None:
    assert {rule.step for rule in RULES} == set(Step)
    # A record without a reference has a text of its own for the same reason.
    assert {rule.reason for rule in RULES} - {None} == set(Reason) - {Reason.REPEATED_WITHOUT_REFERENCE}


# The journal finds each of these states

NOT_FOUND = ErrorInfo(kind="NotFound", message="get_session: 404", status=404)
REFUSAL = ErrorInfo(kind="UnprocessableEntity", message="request_session: 422", status=422)

HISTORIES: dict[State, list[Outcome | None]] = {
    State.NEW: [],
    State.NOT_CREATED: [
        Outcome(line=1, result=BatchResult.FAILED),
        Outcome(line=1, result=BatchResult.INVALID, error=ErrorInfo(kind="InvalidRequest", message="local")),
    ],
    State.REFUSED: [Outcome(line=1, result=BatchResult.INVALID, error=REFUSAL)],
    State.IN_DOUBT: [None, Outcome(line=1, result=BatchResult.UNKNOWN)],
    State.OPEN: [Outcome(line=1, result=BatchResult.UNKNOWN, session_id=SID)],
    State.GONE: [Outcome(line=1, result=BatchResult.UNKNOWN, session_id=SID, error=NOT_FOUND)],
    State.FINISHED: [
        Outcome(line=1, result=result, session_id=session_id)
        for result in BatchResult
        if result.is_final
        for session_id in (SID, None)
    ],
}
"""What earlier runs knew of a record, by the state that it is in. None is a record that was claimed only."""

S, R, P, H, X = Step.SEND, Step.READ, Step.REPLAY, Step.HOLD, Step.REFUSE
EXPECTED: dict[State, tuple[Step, Step, Step, Step]] = {
    # as it was; the same with a person's word; changed; changed with a person's word
    State.NEW: (S, S, S, S),
    State.NOT_CREATED: (S, S, S, S),
    State.REFUSED: (P, P, S, S),
    State.IN_DOUBT: (H, S, H, H),
    State.OPEN: (R, R, H, H),
    State.GONE: (R, S, H, H),
    State.FINISHED: (P, P, X, X),
}
CASES = [
    pytest.param(known, changed, retries, expected, id=f"{state.name}-{number}-{changed:d}-{retries:d}")
    for state, expectations in EXPECTED.items()
    for number, known in enumerate(HISTORIES[state] or ["new"])
    for (changed, retries), expected in zip(product([False, True], [False, True]), expectations, strict=True)
]


def of(amount: int = 100, line: int = 1, reference: str | None = "A") -> Record:
    return Record(line=line, request=request(amount=amount), reference=reference)


async def claimed(path: Path, record: Record, *, retries: bool = False) -> Claim:
    async with Journal(path, durable=False) as journal:
        return await journal.claim(record, retry_unknown=retries)


@pytest.mark.costly
@pytest.mark.parametrize(("known", "changed", "retries", "expected"), CASES)
async def test_a_later_run_takes_the_step(
    tmp_path: Path, known: Outcome | str | None, changed: bool, retries: bool, expected: Step
) -> None:
    path = tmp_path / "run.journal"
    if known != "new":
        async with Journal(path, durable=False) as journal:
            claim = await journal.claim(of())
            if isinstance(known, Outcome):
                await journal.settle(claim, known)
    found = await claimed(path, of(7 if changed else 100), retries=retries)
    assert found.step is expected
    assert found.session_id == (SID if expected is Step.READ else None)
    assert (found.outcome is not None) is (expected in {Step.REPLAY, Step.HOLD, Step.REFUSE})


@pytest.mark.parametrize("reference", ["A", None])
@pytest.mark.parametrize("retries", [False, True])
async def test_the_second_of_two_equal_records_is_refused(tmp_path: Path, reference: str | None, retries: bool) -> None:
    async with Journal(tmp_path / "run.journal", durable=False) as journal:
        steps = [
            (await journal.claim(of(line=line, reference=reference), retry_unknown=retries)).step for line in (1, 2)
        ]
    assert steps == [Step.SEND, Step.REFUSE]


@pytest.mark.parametrize("retries", [False, True])
async def test_a_new_record_on_the_line_of_one_in_doubt_is_suspect(tmp_path: Path, retries: bool) -> None:
    path = tmp_path / "run.journal"
    await claimed(path, of(reference=None))
    found = await claimed(path, of(7, reference=None), retries=retries)
    assert found.step is (Step.SEND if retries else Step.HOLD)
    assert found.has_row is retries
