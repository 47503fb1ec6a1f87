"""One payment: its request, its ledger, what it waits for, and its plan of scheduled retries.

Only flow.py changes a payment. Defaults and limits of retries are those of the API reference; the interval between the
attempts is the sandbox's choice.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from checkout_async.sandbox.core.ids import DeterministicIds
from checkout_async.sandbox.core.payload import JsonObject, integer, member
from checkout_async.sandbox.payments.actions import ALWAYS_APPROVE, Action, ActionType
from checkout_async.sandbox.payments.codes import DOWNTIME, DUNNING
from checkout_async.sandbox.payments.ledger import PaymentLedger
from checkout_async.sandbox.payments.request import PaymentRequest

HOUR = 60 * 60
DAY = 24 * HOUR
_MAX_ATTEMPTS = 6
_DUNNING_DAYS = 30


@dataclass(slots=True)
class RetryPlan:
    """Scheduled retries of a declined payment; times are in seconds of the sandbox's clock."""

    interval: float
    max_attempts: int
    ends_at: float
    next_at: float
    attempts_made: int = 0

    def record_attempt(self, now: float) -> None:
        """Count an attempt, and schedule the next one."""
        self.attempts_made += 1
        self.next_at = now + self.interval

    def continues_after(self, code: str) -> bool:
        """Return whether another attempt follows one with this response code."""
        return code.startswith("2") and self.attempts_made < self.max_attempts and self.next_at <= self.ends_at


def plan_retries(request: PaymentRequest, code: str, now: float) -> RetryPlan | None:
    """Plan the retries that the request asks for and its decline allows; None if there are none."""
    dunning, downtime = member(request.retry, "dunning"), member(request.retry, "downtime")
    if dunning.get("enabled") is True and request.merchant_initiated and code in DUNNING:
        days = integer(dunning, "end_after_days") or _DUNNING_DAYS
        attempts = integer(dunning, "max_attempts") or _MAX_ATTEMPTS
        return RetryPlan(DAY, attempts, now + days * DAY, now + DAY)
    if downtime.get("enabled") is True and code in DOWNTIME:
        return RetryPlan(HOUR, _MAX_ATTEMPTS, now + DAY, now + HOUR)
    return None


def code_of_attempt(request: PaymentRequest, number: int) -> str:
    """Return the response code of an attempt, counted from 0."""
    codes = request.scenario.retries[number : number + 1]
    return codes[0] if codes else request.scenario.response_code


@dataclass(slots=True, eq=False)
class Payment:
    """A payment in the sandbox's memory."""

    ids: DeterministicIds = field(repr=False)
    request: PaymentRequest = field(repr=False)
    created_at: float
    id: str = field(init=False)
    session_id: str = field(init=False)
    """`sid_` identifier of the redirect; `get_payment` accepts it instead of the payment's identifier."""
    ledger: PaymentLedger = field(init=False)
    three_ds: JsonObject = field(default_factory=dict[str, object], repr=False)
    """The complete `3ds` block of replies."""
    authentication_id: str | None = None
    redirected: bool = False
    """The customer was redirected to a page."""
    returned_at: float | None = None
    """When the customer came back from it."""
    fallback_used: bool = False
    retry: RetryPlan | None = None
    deadline: float = math.inf
    """When waiting for the customer ends."""
    capture_at: float = math.inf
    settle_at: float = math.inf
    """When a payout is paid."""
    return_at: float = math.inf
    """When a payout is returned."""

    def __post_init__(self) -> None:
        self.id = self.ids.identifier("pay", "id")
        self.session_id = self.ids.identifier("sid", "visit")
        self.ledger = PaymentLedger(
            scheme=self.request.instrument.scheme if self.request.instrument and not self.request.is_payout else None,
            new_id=lambda name: self.ids.identifier("act", name),
            estimated=self.request.estimated,
            follow_up_codes=ALWAYS_APPROVE if self.request.is_payout else self.request.scenario.follow_up_codes,
        )

    @property
    def decision(self) -> Action | None:
        """The last authorization, verification or payout (not increment): it says whether the payment succeeded."""
        deciding = {ActionType.AUTHORIZATION, ActionType.CARD_VERIFICATION, ActionType.PAYOUT}
        actions = [action for action in self.ledger.actions if action.type in deciding]
        return next((action for action in reversed(actions) if action.authorization_type != "Incremental"), None)
