"""Scheduled retries: which declines start them, how often they come, and what each brings.

Defaults and limits are those of the API reference; the interval between attempts is the sandbox's choice.
"""

from __future__ import annotations

from dataclasses import dataclass

from checkout_async.sandbox.core.payload import integer, member
from checkout_async.sandbox.payments.codes import DOWNTIME, DUNNING
from checkout_async.sandbox.payments.order import PaymentOrder

HOUR = 60 * 60
DAY = 24 * HOUR
_MAX_ATTEMPTS = 6
_DUNNING_DAYS = 30


@dataclass(slots=True)
class RetryPlan:
    """Repetitions of a declined payment; instants in seconds of the sandbox's clock."""

    interval: float
    max_attempts: int
    ends_at: float
    next_at: float
    attempts_made: int = 0

    def attempt(self, now: float) -> None:
        """Note an attempt, and when the next one would come."""
        self.attempts_made += 1
        self.next_at = now + self.interval

    def goes_on_after(self, code: str) -> bool:
        """Tell whether another attempt follows one with this response code."""
        return code.startswith("2") and self.attempts_made < self.max_attempts and self.next_at <= self.ends_at


def plan(order: PaymentOrder, code: str, now: float) -> RetryPlan | None:
    """Plan the repetitions that a request asked for and that its decline allows; None for none."""
    dunning, downtime = member(order.retry, "dunning"), member(order.retry, "downtime")
    if dunning.get("enabled") is True and order.merchant_initiated and code in DUNNING:
        days = integer(dunning, "end_after_days") or _DUNNING_DAYS
        attempts = integer(dunning, "max_attempts") or _MAX_ATTEMPTS
        return RetryPlan(DAY, attempts, now + days * DAY, now + DAY)
    if downtime.get("enabled") is True and code in DOWNTIME:
        return RetryPlan(HOUR, _MAX_ATTEMPTS, now + DAY, now + HOUR)
    return None


def code_of_attempt(order: PaymentOrder, number: int) -> str:
    """Return the issuer's answer to an attempt, counted from 0."""
    codes = order.scenario.retries[number : number + 1]
    return codes[0] if codes else order.scenario.response_code
