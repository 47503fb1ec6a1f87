"""How a payment moves: its first answer, what time brings about, what the customer does.

Time does not run on timers: whoever looks at a payment calls `tick` first, which brings it to where it must be by now,
event by event in the order of their instants.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from checkout_async.sandbox.payments import retries
from checkout_async.sandbox.payments.actions import Action, Moment, Note
from checkout_async.sandbox.payments.authentication import Proof, integrated_proof
from checkout_async.sandbox.payments.codes import (
    APPROVED,
    APPROVED_IN_PART,
    AUTHENTICATION_FAILED,
    AUTHENTICATION_REQUIRED,
    AUTHENTICATION_TIMED_OUT,
    NOT_ENROLLED,
    PAYOUT_RETURNED,
    is_approval,
)
from checkout_async.sandbox.payments.instruments import Instrument
from checkout_async.sandbox.payments.payment import Payment
from checkout_async.sandbox.payments.scenarios import PaymentScenario
from checkout_async.sandbox.payments.status import Deed, PaymentStatus

THREE_DS_LIFETIME = 15 * 60
"""Seconds the customer has for 3D Secure."""
REDIRECT_LIFETIME = 60 * 60
"""Seconds the customer has on another method's page."""


def begin(payment: Payment, proof: Proof | None, now: float, delay: float) -> None:
    """Give a new payment its first answer; what follows by itself comes `delay` seconds later."""
    order = payment.order
    if proof is not None:
        payment.three_ds = proof.shown
        payment.authentication_id = proof.session_id
    if order.pays_out:
        _begin_payout(payment, now, delay)
    elif order.kind == "apm":
        _redirect(payment, now + REDIRECT_LIFETIME)
    elif proof is not None and proof.refusal is not None:
        payment.ledger.authorize(order.amount, proof.refusal, _moment(payment, now))
    elif _sends_to_three_ds(payment, proof):
        _begin_three_ds(payment, now, delay)
    else:
        _charge(payment, now, delay, authenticated=proof is not None and proof.authenticated)


def tick(payment: Payment, now: float) -> None:
    """Let everything happen that time alone brings about."""
    while True:
        due, event = min(_agenda(payment), key=lambda entry: entry[0])
        if due > now:
            return
        event(payment, due)


def due(payment: Payment) -> float:
    """Return when time alone brings something about; infinity for never."""
    return min(instant for instant, _ in _agenda(payment))


def customer_succeeds(payment: Payment, now: float, delay: float) -> None:
    """Let the customer finish what the redirect page asks for."""
    payment.deadline, payment.returned_at = math.inf, now
    instrument = payment.order.instrument
    if instrument is None:
        _authorize_apm(payment, now)
        return
    cryptogram, xid = payment.mint.base64(20, "cryptogram"), payment.mint.base64(20, "xid").rstrip("=")
    payment.three_ds = integrated_proof(cryptogram, xid, instrument.scheme).shown | payment.three_ds
    _charge(payment, now, delay, authenticated=True)


def customer_fails(payment: Payment, now: float) -> None:
    """Let the customer fail: authentication or the method refuses."""
    payment.deadline, payment.returned_at = math.inf, now
    by_card = payment.order.instrument is not None
    if by_card:
        payment.three_ds |= {"authentication_response": "N", "challenged": True}
    code = AUTHENTICATION_FAILED if by_card else "20046"
    payment.ledger.authorize(payment.order.amount, code, _moment(payment, now))


def customer_cancels(payment: Payment, now: float) -> None:
    """Let the customer give up."""
    payment.deadline, payment.returned_at = math.inf, now
    payment.ledger.phase = PaymentStatus.CANCELED


def _agenda(payment: Payment) -> list[tuple[float, Callable[[Payment, float], None]]]:
    retry = payment.retry
    waits = retry is not None and payment.ledger.status() is PaymentStatus.RETRY_SCHEDULED
    open_amount = payment.ledger.balances().available_to_capture
    return [
        (payment.deadline, _time_out),
        (payment.capture_at, _capture),
        (retry.next_at if retry is not None and waits else math.inf, _retry),
        (payment.ledger.expires_at if open_amount else math.inf, _lapse),
        (payment.settle_at, _settle_payout),
        (payment.return_at, _return_payout),
    ]


def _moment(payment: Payment, now: float) -> Moment:
    return Moment(now, now, Note(payment.order.reference))


def _sends_to_three_ds(payment: Payment, proof: Proof | None) -> bool:
    """Tell whether 3D Secure runs now: it was asked for, is not done yet, and there is a cardholder to do it."""
    asked = payment.order.three_ds.get("enabled") is True
    return asked and proof is None and not payment.order.merchant_initiated


def _begin_three_ds(payment: Payment, now: float, delay: float) -> None:
    payment.three_ds = {"downgraded": False, "enrolled": "Y"}
    if payment.order.scenario.enrolled:
        _redirect(payment, now + THREE_DS_LIFETIME)
        return
    downgraded = payment.order.three_ds.get("attempt_n3d") is True
    payment.three_ds = {"downgraded": downgraded, "enrolled": "N"}
    if downgraded:
        _charge(payment, now, delay, authenticated=False)
    else:
        payment.ledger.authorize(payment.order.amount, NOT_ENROLLED, _moment(payment, now))


def _redirect(payment: Payment, deadline: float) -> None:
    payment.redirected = True
    payment.deadline = deadline


def _charge(payment: Payment, now: float, delay: float, *, authenticated: bool) -> None:
    """Ask the issuer, of the fallback card too if the first one is refused."""
    order = payment.order
    code = _issuer_answer(payment, order.scenario, authenticated=authenticated)
    if code == AUTHENTICATION_REQUIRED and order.three_ds.get("allow_upgrade") is True:
        payment.three_ds = {"downgraded": False, "enrolled": "Y", "upgrade_reason": "sca_retry"}
        _redirect(payment, now + THREE_DS_LIFETIME)
        return
    action = _authorize(payment, code, now)
    if not action.approved and order.fallback is not None:
        action = _fall_back(payment, order.fallback, now, authenticated=authenticated)
    if action.approved:
        _plan_capture(payment, now, delay)
    else:
        _plan_retry(payment, action.response_code, now)


def _issuer_answer(payment: Payment, scenario: PaymentScenario, *, authenticated: bool) -> str:
    if scenario.wants_authentication and (authenticated or payment.order.merchant_initiated):
        return APPROVED
    if scenario.response_code == APPROVED_IN_PART:
        whole = payment.order.amount < 2
        return APPROVED if whole else APPROVED_IN_PART if payment.order.partial_allowed else "20051"
    return scenario.response_code


def _authorize(payment: Payment, code: str, now: float) -> Action:
    amount = payment.order.amount
    return payment.ledger.authorize(amount // 2 if code == APPROVED_IN_PART else amount, code, _moment(payment, now))


def _fall_back(payment: Payment, instrument: Instrument, now: float, *, authenticated: bool) -> Action:
    scenario = instrument.scenario_for(payment.order.amount)
    action = _authorize(payment, _issuer_answer(payment, scenario, authenticated=authenticated), now)
    payment.fallback_used = action.approved
    if action.approved:
        payment.ledger.scheme, payment.ledger.answers = instrument.scheme, scenario.answers
    return action


def _authorize_apm(payment: Payment, now: float) -> None:
    """Let the method answer; methods other than cards capture at once."""
    action = _authorize(payment, _issuer_answer(payment, payment.order.scenario, authenticated=True), now)
    if action.approved:
        _plan_capture(payment, now, 0)


def _plan_capture(payment: Payment, now: float, delay: float) -> None:
    if payment.order.capture and payment.order.amount:
        payment.capture_at = max(payment.order.capture_on or now, now) + delay


def _capture(payment: Payment, now: float) -> None:
    payment.capture_at = math.inf
    if payment.ledger.obstacle(Deed.CAPTURE) is None:
        payment.ledger.capture(None, Moment.at(now))


def _plan_retry(payment: Payment, code: str, now: float) -> None:
    payment.retry = retries.plan(payment.order, code, now)
    if payment.retry is not None:
        payment.ledger.phase = PaymentStatus.RETRY_SCHEDULED


def _retry(payment: Payment, now: float) -> None:
    """Repeat a declined payment; the last attempt, or a hard decline, ends it."""
    plan = payment.retry
    assert plan is not None
    code = retries.code_of_attempt(payment.order, plan.attempts_made)
    plan.attempt(now)
    action = payment.ledger.authorize(payment.order.amount, code, _moment(payment, now))
    if action.approved:
        _plan_capture(payment, now, 0)
    elif plan.goes_on_after(code):
        payment.ledger.phase = PaymentStatus.RETRY_SCHEDULED


def _time_out(payment: Payment, now: float) -> None:
    payment.deadline = math.inf
    if payment.order.instrument is not None:
        payment.ledger.authorize(payment.order.amount, AUTHENTICATION_TIMED_OUT, _moment(payment, now))
    payment.ledger.phase = PaymentStatus.EXPIRED


def _lapse(payment: Payment, _now: float) -> None:
    payment.ledger.lapse()


def _begin_payout(payment: Payment, now: float, delay: float) -> None:
    """Take a payout on; an unreferenced refund is judged at once."""
    payment.settle_at = now + delay
    if payment.order.kind != "unreferenced_refund":
        return
    payment.ledger.phase = PaymentStatus.ACCEPTED
    if not is_approval(payment.order.scenario.response_code):
        _settle_payout(payment, now)
        payment.ledger.phase = PaymentStatus.REJECTED


def _settle_payout(payment: Payment, now: float) -> None:
    payment.settle_at = math.inf
    payment.ledger.pay_out(payment.order.amount, payment.order.scenario.response_code, _moment(payment, now))
    if payment.order.scenario.payout_returned:
        payment.return_at = now + retries.DAY


def _return_payout(payment: Payment, now: float) -> None:
    payment.return_at = math.inf
    payment.ledger.take_back(payment.order.amount, PAYOUT_RETURNED, Moment.at(now))
