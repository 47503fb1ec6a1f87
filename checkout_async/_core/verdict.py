"""What a call ends with when it fails: the last failure, or OutcomeUnknown where an earlier attempt may have been done.

Pure. The text says what to do next, which depends on what a repetition would do.
"""

from __future__ import annotations

from typing import Any

from checkout_async._core.retry import is_ambiguous
from checkout_async._core.wire import Idempotency, Operation
from checkout_async.errors import CheckoutError, ConnectFailed, OutcomeUnknown, TransportError, UnexpectedResponse

__all__ = ["final_error"]

# What to do where the operation may have been carried out.
_ADVICE = {
    Idempotency.SAFE: "; calling again is safe",
    Idempotency.NATURAL: "; calling again does no harm",
    Idempotency.KEY: "; call again with the same idempotency key (it is on this error)",
    Idempotency.NONE: "; look up what became of it before calling again",
}


def final_error(
    operation: Operation[Any], failure: CheckoutError, attempts: int, *, may_have_been_done: bool, note: str = ""
) -> CheckoutError:
    """Return the error to raise. Where an earlier attempt may have been carried out, the last failure hides that.

    `note` says why the call was not repeated, where that is not plain from the failure.
    """
    if note:
        failure.args = (f"{failure}; {note}",)
    says_done = isinstance(failure, UnexpectedResponse) and 200 <= failure.status < 300
    hides = may_have_been_done and not says_done and not is_ambiguous(failure)
    if hides and operation.idempotency is not Idempotency.SAFE:
        unknown = OutcomeUnknown(f"an earlier attempt may have been carried out; the last one ended with: {failure}")
        unknown.__cause__ = failure
        failure = unknown
    if not isinstance(failure, TransportError):
        if is_ambiguous(failure):
            failure.args = (f"{failure}{_ADVICE[operation.idempotency]}",)
        return failure
    advice = _ADVICE[operation.idempotency] if isinstance(failure, OutcomeUnknown) else ""
    kind = ConnectFailed if isinstance(failure, ConnectFailed) else OutcomeUnknown
    described = kind(f"{operation.name}: {failure}{advice}", operation=operation.name, attempts=attempts)
    described.__cause__ = failure.__cause__
    return described
