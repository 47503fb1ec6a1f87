"""Test data of Payments: which card number or amount leads to which outcome, as one table.

`PAYMENT_SCENARIOS` are the rows. A row has a card number in every scheme (`payment_card`) and an amount
(`payment_amount`) for sources and destinations whose card number the sandbox does not see. Any other number or amount
is approved. The numbers differ from those of the Sessions table, so a card of that table authenticates as it says there
and its payment is approved.
"""

from __future__ import annotations

from dataclasses import dataclass

from checkout_async.sandbox.payments.actions import ALWAYS_APPROVE, FollowUpCodes
from checkout_async.sandbox.payments.codes import APPROVED, APPROVED_IN_PART, APPROVED_RISKY, AUTHENTICATION_REQUIRED
from checkout_async.sandbox.sessions.scenarios import SCHEMES, number_of_row


@dataclass(frozen=True, slots=True)
class PaymentScenario:
    """How issuer, acquirer and bank treat a payment."""

    row: int
    """Its two digits in the card number and the amount."""
    name: str
    summary: str
    response_code: str = APPROVED
    retries: tuple[str, ...] = ()
    """Response codes of scheduled retries; `response_code` after the last one, and if there are none."""
    follow_up_codes: FollowUpCodes = ALWAYS_APPROVE
    enrolled: bool = True
    """The issuer takes part in 3D Secure."""
    wants_authentication: bool = False
    """The issuer declines a payment that is not authenticated."""
    payout_returned: bool = False
    """A payout is returned."""
    failing: int | None = None
    """HTTP status of the refusal of the first of equal requests, which does nothing."""
    reply_lost: bool = False
    """The payment is made, but the connection breaks before its first reply arrives."""


PAYMENT_SCENARIOS = (
    PaymentScenario(31, "approved", "approved"),
    PaymentScenario(32, "risky", "approved, flagged as risky", APPROVED_RISKY),
    PaymentScenario(33, "in_part", "half is approved if `partial_authorization` allows it", APPROVED_IN_PART),
    PaymentScenario(34, "do_not_honour", "soft decline: do not honour", "20005"),
    PaymentScenario(35, "insufficient_funds", "soft decline: insufficient funds", "20051"),
    PaymentScenario(36, "expired_card", "soft decline: expired card", "20054"),
    PaymentScenario(37, "suspected_fraud", "soft decline: suspected fraud", "20059"),
    PaymentScenario(38, "timeout", "soft decline: the issuer was too slow", "20068"),
    PaymentScenario(39, "wrong_cvv", "soft decline: wrong CVV", "20087"),
    PaymentScenario(40, "issuer_unavailable", "soft decline: issuer not available", "20091"),
    PaymentScenario(41, "malfunction", "soft decline: system malfunction", "20096"),
    PaymentScenario(42, "lost_card", "hard decline: lost card", "30041"),
    PaymentScenario(43, "stolen_card", "hard decline: stolen card", "30043"),
    PaymentScenario(44, "risk", "stopped by the risk engine", "41301"),
    PaymentScenario(45, "recovers", "insufficient funds, the second retry is approved", "20051", ("20051", APPROVED)),
    PaymentScenario(46, "turns_hard", "insufficient funds, the first retry is a hard decline", "20051", ("30043",)),
    PaymentScenario(47, "comes_back", "issuer not available, the first retry is approved", "20091", (APPROVED,)),
    PaymentScenario(
        48,
        "sca_required",
        "declined without authentication, approved with it",
        AUTHENTICATION_REQUIRED,
        wants_authentication=True,
    ),
    PaymentScenario(49, "not_enrolled", "3D Secure is not possible: declined, or done without it", enrolled=False),
    PaymentScenario(
        50, "capture_declined", "approved, captures fail with `30401`", follow_up_codes=FollowUpCodes(capture="30401")
    ),
    PaymentScenario(
        51, "void_declined", "approved, voids fail with `20005`", follow_up_codes=FollowUpCodes(void="20005")
    ),
    PaymentScenario(
        52, "refund_declined", "approved, refunds fail with `50003`", follow_up_codes=FollowUpCodes(refund="50003")
    ),
    PaymentScenario(53, "payout_declined", "payouts and unreferenced refunds are declined", "50003"),
    PaymentScenario(54, "payout_returned", "a payout is paid, and returned a day later", payout_returned=True),
    PaymentScenario(55, "bad_gateway", "the first request fails with 502 and does nothing", failing=502),
    PaymentScenario(56, "too_many", "the first request fails with 429 and does nothing", failing=429),
    PaymentScenario(57, "reply_lost", "approved, but the connection breaks before the first reply", reply_lost=True),
)

_BY_NAME = {scenario.name: scenario for scenario in PAYMENT_SCENARIOS}
_BY_ROW = {scenario.row: scenario for scenario in PAYMENT_SCENARIOS}
_BY_NUMBER = {number_of_row(row.row, scheme): row for row in PAYMENT_SCENARIOS for scheme in SCHEMES}
DEFAULT = _BY_NAME["approved"]

_AMOUNT_MARK = 92


def payment_card(name: str, scheme: str = "visa") -> str:
    """Return the card number of a scenario; KeyError for an unknown name or scheme."""
    return number_of_row(_BY_NAME[name].row, scheme)


def payment_amount(name: str) -> int:
    """Return the smallest amount, in the minor unit, that selects a scenario; KeyError for an unknown name."""
    return _AMOUNT_MARK * 100 + _BY_NAME[name].row


def for_card(number: str) -> PaymentScenario:
    """Return the scenario of a card number, by default `approved`."""
    return _BY_NUMBER.get(number, DEFAULT)


def for_amount(minor_units: int) -> PaymentScenario:
    """Return the scenario of an amount: `92` and a row as its last four digits."""
    mark, row = divmod(minor_units % 10_000, 100)
    return _BY_ROW.get(row, DEFAULT) if mark == _AMOUNT_MARK else DEFAULT
