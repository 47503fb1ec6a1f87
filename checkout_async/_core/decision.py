"""The decisions of a call: whether and when an attempt is repeated, which error ends the call, which key it carries.

Pure functions: a failure and a random number come in, a wait or an error goes out. Retry follows the operation, not the
HTTP verb. A failure that proves that nothing was done may always be repeated; an ambiguous one only where a repetition
has no second effect.

A key is made once for a call, before its first attempt, and is the same on every attempt. Only operations that honour a
key carry one; to the others a key would promise what the API does not keep.
"""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

from checkout_async._core.wire import Idempotency, Operation
from checkout_async.config import RetryPolicy
from checkout_async.errors import (
    ApiError,
    CheckoutError,
    Conflict,
    ConnectFailed,
    InvalidRequest,
    OutcomeUnknown,
    RateLimited,
    TransportError,
    UnexpectedResponse,
)
from checkout_async.redaction import Secret

__all__ = ["attach_key", "check_key", "final_error", "is_ambiguous", "key_conflict_wait", "new_key", "retry_wait"]

# RFC 9110 section 15. Of all server errors only "not implemented" and "version not supported" say that nothing was
# done: gateways have codes of their own for replies that they did not get in time.
_REQUEST_TIMEOUT = 408
_UNSUPPORTED = frozenset({501, 505})
# RFC 8470: "too early" promises that the request was not processed.
_NOT_PROCESSED = frozenset({425, 429})


def is_ambiguous(failure: CheckoutError) -> bool:
    """Whether the operation may have been carried out in spite of the failure."""
    if isinstance(failure, ApiError):
        return failure.status == _REQUEST_TIMEOUT or (failure.status >= 500 and failure.status not in _UNSUPPORTED)
    return isinstance(failure, OutcomeUnknown)


def key_conflict_wait(
    idempotency: Idempotency, policy: RetryPolicy, failure: CheckoutError, *, key_may_be_known: bool
) -> float | None:
    """Return how many seconds to wait while the call's idempotency key is in use, or None if that is not the failure.

    The API says so by 409, or, as older documents have it, by 429; the latter is taken so where the API may know the
    key (an earlier attempt may have arrived, or the caller chose the key) and no `Retry-After` speaks of a rate limit.
    Such waits are not counted as attempts.
    """
    if policy.attempts == 1 or idempotency is not Idempotency.KEY or not isinstance(failure, Conflict | RateLimited):
        return None
    if isinstance(failure, RateLimited) and not (key_may_be_known and failure.retry_after is None):
        return None
    return max(policy.conflict_wait, failure.retry_after or 0.0)


def retry_wait(
    idempotency: Idempotency, policy: RetryPolicy, attempt: int, failure: CheckoutError, draw: float
) -> float | None:
    """Return how many seconds to wait before repeating, or None if the failure is final.

    `attempt` is the number of the attempt that failed, from 1; `draw` a random number from 0 to 1.
    """
    if attempt >= policy.attempts or not _may_retry(idempotency, failure):
        return None
    wait = draw * min(policy.max_backoff, policy.backoff * 2.0 ** min(attempt - 1, 60))
    asked = failure.retry_after if isinstance(failure, ApiError) else None
    if asked is None:
        return wait
    return None if asked > policy.max_retry_after else max(asked, wait)


def _may_retry(idempotency: Idempotency, failure: CheckoutError) -> bool:
    if isinstance(failure, ConnectFailed | RateLimited):
        return True
    if isinstance(failure, ApiError) and failure.status in _NOT_PROCESSED:
        return True
    return is_ambiguous(failure) and idempotency is not Idempotency.NONE


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


# The API reference names no limit; longer ones are a mistake, and what is not printable cannot be a header value.
_KEY = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?")


def new_key() -> str:
    """Return a new key: a version 4 UUID, as the API reference advises."""
    return Secret(uuid4())


def check_key(operation: str, key: str) -> str:
    """Return a caller's own key, or raise InvalidRequest without showing it."""
    if not _KEY.fullmatch(key):
        reason = "must be 1 to 255 printable ASCII characters without outer spaces"
        raise InvalidRequest(
            f"{operation}: idempotency_key {reason}", operation=operation, path="idempotency_key", reason=reason
        )
    return key


def attach_key(error: CheckoutError, key: str | None) -> None:
    """Attach the idempotency key that the call was sent with; `error.idempotency_key` returns it."""
    # `Secret`, so that a traceback that shows slots shows no key.
    error._idempotency_key = None if key is None else Secret(key)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - only this module sets it
