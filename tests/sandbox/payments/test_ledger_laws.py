"""Laws of the ledger: whatever is tried on a payment, the balances add up and a refusal changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from checkout_async.sandbox.core.errors import ApiRefusal
from checkout_async.sandbox.payments.actions import ActionType, EffectiveTime, FollowUpCodes
from checkout_async.sandbox.payments.codes import APPROVED
from checkout_async.sandbox.payments.ledger import PaymentLedger
from checkout_async.sandbox.payments.status import PaymentOperation, PaymentStatus

AMOUNTS = st.one_of(st.none(), st.integers(0, 20), st.integers(0, 10_000_000_000))
CODES = st.sampled_from([APPROVED, APPROVED, "20051"])
FINAL = {
    PaymentStatus.REFUNDED,
    PaymentStatus.VOIDED,
    PaymentStatus.DECLINED,
    PaymentStatus.EXPIRED,
    PaymentStatus.CANCELED,
}


@dataclass(frozen=True)
class Step:
    """Something that may be tried on a payment; `wait` seconds pass before it."""

    name: str
    amount: int | None
    code: str
    wait: int
    delay: int
    final: bool
    capture: int
    """Which capture a refund names, counted; beyond the last one, none."""


STEPS = st.lists(
    st.builds(
        Step,
        name=st.sampled_from(
            ["capture", "capture", "refund", "refund", "void", "reverse", "increment", "cancel", "lapse"]
        ),
        amount=AMOUNTS,
        code=CODES,
        wait=st.integers(0, 30),
        delay=st.sampled_from([0, 0, 20]),
        final=st.booleans(),
        capture=st.integers(0, 3),
    ),
    max_size=12,
)
LEDGERS = st.builds(
    PaymentLedger,
    scheme=st.sampled_from(["visa", "mastercard", "discover", None]),
    new_id=st.just(str),
    estimated=st.booleans(),
    follow_up_codes=st.builds(FollowUpCodes, capture=CODES, void=CODES, refund=CODES),
)


def authorize(ledger: PaymentLedger, amount: int, code: str = APPROVED) -> None:
    ledger.authorize(amount, code, EffectiveTime.immediately(0))


def carry_out(ledger: PaymentLedger, step: Step, now: float) -> None:
    captures = [action.id for action in ledger.actions if action.type is ActionType.CAPTURE]
    named = captures[step.capture] if step.capture < len(captures) else None
    moment = EffectiveTime(now, now + step.delay)
    deeds: dict[str, Callable[[], object]] = {
        "capture": lambda: ledger.capture(step.amount, moment, final=step.final),
        "refund": lambda: ledger.refund(step.amount, moment, named),
        "void": lambda: ledger.void(moment),
        "reverse": lambda: ledger.reverse(moment),
        "increment": lambda: ledger.increment(step.amount or 0, step.code, moment),
        "cancel": lambda: ledger.cancel_retry(moment),
        "lapse": ledger.expire_authorization,
    }
    deeds[step.name]()


def attempt(ledger: PaymentLedger, step: Step, now: float) -> ApiRefusal | None:
    try:
        carry_out(ledger, step, now)
    except ApiRefusal as refusal:
        return refusal
    return None


def snapshot(ledger: PaymentLedger) -> object:
    return list(ledger.actions), ledger.phase, ledger.expires_at


def check_balances(ledger: PaymentLedger, now: float) -> None:
    """Hold the balances at an instant to the laws, against sums made here from the actions."""
    done = [action for action in ledger.actions if action.processed_on <= now and action.approved]

    def total(kind: ActionType) -> int:
        return sum(action.amount for action in done if action.type is kind)

    balances = ledger.balances(now)
    assert balances.total_authorized == total(ActionType.AUTHORIZATION)
    assert balances.total_captured == total(ActionType.CAPTURE)
    assert balances.total_refunded == total(ActionType.REFUND)
    assert balances.total_voided == total(ActionType.VOID)
    assert 0 <= balances.total_refunded <= balances.total_captured <= balances.total_authorized
    assert balances.total_voided + balances.total_captured + balances.available_to_capture == balances.total_authorized
    assert balances.total_refunded + balances.available_to_refund == balances.total_captured
    assert balances.available_to_capture >= 0
    assert ledger.available_to_void(now) in {0, balances.available_to_capture}


@given(LEDGERS, st.integers(1, 30), CODES, STEPS)
def test_balances_hold_whatever_is_tried(ledger: PaymentLedger, amount: int, code: str, steps: list[Step]) -> None:
    authorize(ledger, amount, code)
    ledger.expires_at = 1_000
    now = 0.0
    for step in steps:
        now += step.wait
        before = snapshot(ledger)
        refusal = attempt(ledger, step, now)
        if refusal is not None:
            assert refusal.status in {403, 422}
            assert refusal.error_codes
            assert snapshot(ledger) == before
        for instant in (now, now + 20, float("inf")):
            check_balances(ledger, instant)


@given(LEDGERS, st.integers(1, 30), STEPS)
def test_a_capture_is_never_refunded_beyond_its_amount(ledger: PaymentLedger, amount: int, steps: list[Step]) -> None:
    authorize(ledger, amount)
    for number, step in enumerate(steps):
        attempt(ledger, step, number)
    captured = {a.id: a.amount for a in ledger.actions if a.type is ActionType.CAPTURE and a.approved}
    for action in ledger.actions:
        if action.type is ActionType.REFUND:
            assert sum(share for _, share in action.refunded_captures) == action.amount
    for capture_id, whole in captured.items():
        refunds = [a for a in ledger.actions if a.type is ActionType.REFUND and a.approved]
        shares = [share for refund in refunds for named, share in refund.refunded_captures if named == capture_id]
        assert sum(shares) <= whole


@given(LEDGERS, st.integers(1, 30), STEPS)
def test_actions_are_only_ever_added_and_take_effect_in_their_order(
    ledger: PaymentLedger, amount: int, steps: list[Step]
) -> None:
    authorize(ledger, amount)
    for number, step in enumerate(steps):
        before = list(ledger.actions)
        attempt(ledger, step, number)
        assert ledger.actions[: len(before)] == before
    assert len({action.id for action in ledger.actions}) == len(ledger.actions)
    assert [action.processed_on for action in ledger.actions] == sorted(a.processed_on for a in ledger.actions)


@given(LEDGERS, st.integers(1, 30), CODES, STEPS)
def test_a_final_status_stays(ledger: PaymentLedger, amount: int, code: str, steps: list[Step]) -> None:
    authorize(ledger, amount, code)
    for number, step in enumerate(steps):
        status = ledger.status()
        attempt(ledger, step, number)
        if status in FINAL:
            assert ledger.status() is status


@given(LEDGERS, st.integers(1, 30), STEPS)
def test_after_a_reversal_nothing_is_left(ledger: PaymentLedger, amount: int, steps: list[Step]) -> None:
    ledger.follow_up_codes = FollowUpCodes()
    authorize(ledger, amount)
    for number, step in enumerate(steps):
        attempt(ledger, step, number)
    if ledger.refusal_code(PaymentOperation.REVERSE) is not None:
        return
    outcome = ledger.reverse(EffectiveTime.immediately(100))

    assert not outcome.already_done
    assert (ledger.balances().available_to_capture, ledger.balances().available_to_refund) == (0, 0)
    assert ledger.status() in {PaymentStatus.VOIDED, PaymentStatus.REFUNDED}
    assert ledger.reverse(EffectiveTime.immediately(101)).already_done
