"""How a payment changes: its first decision, the changes by time, and what the customer does.

There are no timers: code that reads a payment calls `tick` first, which applies everything that is due by now, in the
order of the due times.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from checkout_async.sandbox.payments.actions import Action, EffectiveTime, Note
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
from checkout_async.sandbox.payments.payment import DAY, Payment, code_of_attempt, plan_retries
from checkout_async.sandbox.payments.scenarios import PaymentScenario
from checkout_async.sandbox.payments.status import PaymentOperation, PaymentStatus

THREE_DS_LIFETIME = 15 * 60
"""Seconds that the customer has for 3D Secure."""
REDIRECT_LIFETIME = 60 * 60
"""Seconds that the customer has on the page of another payment method."""


def begin(payment: Payment, proof: Proof | None, now: float, delay: float) -> None:
    """Decide a new payment; what follows by itself takes effect `delay` seconds later."""
    request = payment.request
    if proof is not None:
        payment.three_ds = proof.block
        payment.authentication_id = proof.session_id
    if request.is_payout:
        _begin_payout(payment, now, delay)
    elif request.kind == "apm":
        _redirect(payment, now + REDIRECT_LIFETIME)
    elif proof is not None and proof.refusal is not None:
        payment.ledger.authorize(request.amount, proof.refusal, _effective_time(payment, now))
    elif _needs_three_ds(payment, proof):
        _begin_three_ds(payment, now, delay)
    else:
        _charge(payment, now, delay, authenticated=proof is not None and proof.authenticated)


def tick(payment: Payment, now: float) -> None:
    """Apply all changes that are due by `now`."""
    while True:
        due_at, change = min(_agenda(payment), key=lambda entry: entry[0])
        if due_at > now:
            return
        change(payment, due_at)


def due(payment: Payment) -> float:
    """Return when time alone will change the payment; infinity for never."""
    return min(due_at for due_at, _ in _agenda(payment))


def customer_succeeds(payment: Payment, now: float, delay: float) -> None:
    """Let the customer complete the redirect page."""
    payment.deadline, payment.returned_at = math.inf, now
    instrument = payment.request.instrument
    if instrument is None:
        _authorize_apm(payment, now)
        return
    cryptogram, xid = payment.ids.base64(20, "cryptogram"), payment.ids.base64(20, "xid").rstrip("=")
    payment.three_ds = integrated_proof(cryptogram, xid, instrument.scheme).block | payment.three_ds
    _charge(payment, now, delay, authenticated=True)


def customer_fails(payment: Payment, now: float) -> None:
    """Let the customer fail: the authentication, or the payment with another method, is declined."""
    payment.deadline, payment.returned_at = math.inf, now
    by_card = payment.request.instrument is not None
    if by_card:
        payment.three_ds |= {"authentication_response": "N", "challenged": True}
    code = AUTHENTICATION_FAILED if by_card else "20046"
    payment.ledger.authorize(payment.request.amount, code, _effective_time(payment, now))


def customer_cancels(payment: Payment, now: float) -> None:
    """Let the customer cancel."""
    payment.deadline, payment.returned_at = math.inf, now
    payment.ledger.phase = PaymentStatus.CANCELED


def _agenda(payment: Payment) -> list[tuple[float, Callable[[Payment, float], None]]]:
    """List the changes by time that are ahead, each with the time when it is due."""
    retry = payment.retry
    is_waiting = retry is not None and payment.ledger.status() is PaymentStatus.RETRY_SCHEDULED
    open_amount = payment.ledger.balances().available_to_capture
    return [
        (payment.deadline, _time_out),
        (payment.capture_at, _capture),
        (retry.next_at if retry is not None and is_waiting else math.inf, _retry),
        (payment.ledger.expires_at if open_amount else math.inf, _expire_authorization),
        (payment.settle_at, _settle_payout),
        (payment.return_at, _return_payout),
    ]


def _effective_time(payment: Payment, now: float) -> EffectiveTime:
    return EffectiveTime(now, now, Note(payment.request.reference))


def _needs_three_ds(payment: Payment, proof: Proof | None) -> bool:
    """Return whether 3D Secure runs now: it was requested, is not done yet, and there is a cardholder."""
    is_requested = payment.request.three_ds.get("enabled") is True
    return is_requested and proof is None and not payment.request.merchant_initiated


def _begin_three_ds(payment: Payment, now: float, delay: float) -> None:
    payment.three_ds = {"downgraded": False, "enrolled": "Y"}
    if payment.request.scenario.enrolled:
        _redirect(payment, now + THREE_DS_LIFETIME)
        return
    downgraded = payment.request.three_ds.get("attempt_n3d") is True
    payment.three_ds = {"downgraded": downgraded, "enrolled": "N"}
    if downgraded:
        _charge(payment, now, delay, authenticated=False)
    else:
        payment.ledger.authorize(payment.request.amount, NOT_ENROLLED, _effective_time(payment, now))


def _redirect(payment: Payment, deadline: float) -> None:
    payment.redirected = True
    payment.deadline = deadline


def _charge(payment: Payment, now: float, delay: float, *, authenticated: bool) -> None:
    """Authorize the card, and the fallback card if the first one is declined."""
    request = payment.request
    code = _issuer_answer(payment, request.scenario, authenticated=authenticated)
    if code == AUTHENTICATION_REQUIRED and request.three_ds.get("allow_upgrade") is True:
        payment.three_ds = {"downgraded": False, "enrolled": "Y", "upgrade_reason": "sca_retry"}
        _redirect(payment, now + THREE_DS_LIFETIME)
        return
    action = _authorize(payment, code, now)
    if not action.approved and request.fallback is not None:
        action = _fall_back(payment, request.fallback, now, authenticated=authenticated)
    if action.approved:
        _plan_capture(payment, now, delay)
    else:
        _plan_retry(payment, action.response_code, now)


def _issuer_answer(payment: Payment, scenario: PaymentScenario, *, authenticated: bool) -> str:
    if scenario.wants_authentication and (authenticated or payment.request.merchant_initiated):
        return APPROVED
    if scenario.response_code == APPROVED_IN_PART:
        is_indivisible = payment.request.amount < 2
        return APPROVED if is_indivisible else APPROVED_IN_PART if payment.request.partial_allowed else "20051"
    return scenario.response_code


def _authorize(payment: Payment, code: str, now: float) -> Action:
    amount = payment.request.amount
    return payment.ledger.authorize(
        amount // 2 if code == APPROVED_IN_PART else amount, code, _effective_time(payment, now)
    )


def _fall_back(payment: Payment, instrument: Instrument, now: float, *, authenticated: bool) -> Action:
    scenario = instrument.scenario_for(payment.request.amount)
    action = _authorize(payment, _issuer_answer(payment, scenario, authenticated=authenticated), now)
    payment.fallback_used = action.approved
    if action.approved:
        payment.ledger.scheme, payment.ledger.follow_up_codes = instrument.scheme, scenario.follow_up_codes
    return action


def _authorize_apm(payment: Payment, now: float) -> None:
    """Authorize a method other than a card; it is captured at once."""
    action = _authorize(payment, _issuer_answer(payment, payment.request.scenario, authenticated=True), now)
    if action.approved:
        _plan_capture(payment, now, 0)


def _plan_capture(payment: Payment, now: float, delay: float) -> None:
    if payment.request.capture and payment.request.amount:
        payment.capture_at = max(payment.request.capture_on or now, now) + delay


def _capture(payment: Payment, now: float) -> None:
    payment.capture_at = math.inf
    if payment.ledger.refusal_code(PaymentOperation.CAPTURE) is None:
        payment.ledger.capture(None, _effective_time(payment, now))


def _plan_retry(payment: Payment, code: str, now: float) -> None:
    payment.retry = plan_retries(payment.request, code, now)
    if payment.retry is not None:
        payment.ledger.phase = PaymentStatus.RETRY_SCHEDULED


def _retry(payment: Payment, now: float) -> None:
    """Retry a declined payment; the last attempt, or a hard decline, ends the retries."""
    plan = payment.retry
    assert plan is not None
    code = code_of_attempt(payment.request, plan.attempts_made)
    plan.record_attempt(now)
    action = payment.ledger.authorize(payment.request.amount, code, _effective_time(payment, now))
    if action.approved:
        _plan_capture(payment, now, 0)
    elif plan.continues_after(code):
        payment.ledger.phase = PaymentStatus.RETRY_SCHEDULED


def _time_out(payment: Payment, now: float) -> None:
    payment.deadline = math.inf
    if payment.request.instrument is not None:
        payment.ledger.authorize(payment.request.amount, AUTHENTICATION_TIMED_OUT, _effective_time(payment, now))
    payment.ledger.phase = PaymentStatus.EXPIRED


def _expire_authorization(payment: Payment, _now: float) -> None:
    payment.ledger.expire_authorization()


def _begin_payout(payment: Payment, now: float, delay: float) -> None:
    """Accept a payout; an unreferenced refund is decided at once."""
    payment.settle_at = now + delay
    if payment.request.kind != "unreferenced_refund":
        return
    payment.ledger.phase = PaymentStatus.ACCEPTED
    if not is_approval(payment.request.scenario.response_code):
        _settle_payout(payment, now)
        payment.ledger.phase = PaymentStatus.REJECTED


def _settle_payout(payment: Payment, now: float) -> None:
    payment.settle_at = math.inf
    payment.ledger.record_payout(
        payment.request.amount, payment.request.scenario.response_code, _effective_time(payment, now)
    )
    if payment.request.scenario.payout_returned:
        payment.return_at = now + DAY


def _return_payout(payment: Payment, now: float) -> None:
    payment.return_at = math.inf
    payment.ledger.record_return(payment.request.amount, PAYOUT_RETURNED, EffectiveTime.immediately(now))
