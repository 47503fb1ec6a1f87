"""Error labels of exchanges and calls. Logs, spans and metrics share them, and there are few different ones."""

from __future__ import annotations

from checkout_async._core.events import AttemptEnded, CallEnded
from checkout_async.errors import CheckoutError
from checkout_async.redaction import scrub

__all__ = ["CANCELLED", "attempt_error", "call_error", "error_text"]

CANCELLED = "cancelled"


def attempt_error(event: AttemptEnded) -> str | None:
    """Return the label of an exchange: its HTTP status from 400 on, an error's class, `cancelled`, or None."""
    if event.status is not None and event.status >= 400:
        return str(event.status)
    return _error(event.failure, cancelled=event.cancelled)


def call_error(event: CallEnded) -> str | None:
    """Return the label of a call: the class of the error it raised, `cancelled`, or None if it succeeded."""
    return _error(event.failure, cancelled=event.cancelled)


def error_text(failure: CheckoutError) -> str:
    """Return an error's text, masked once more: a user's transport may have put anything into it."""
    return scrub(str(failure))


def _error(failure: CheckoutError | None, *, cancelled: bool) -> str | None:
    if failure is not None:
        return type(failure).__name__
    return CANCELLED if cancelled else None
