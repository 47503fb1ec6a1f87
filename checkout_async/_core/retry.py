"""When a failed attempt is repeated, and after how long. Pure: failure and random draw come in, a wait goes out.

Retry follows the operation, not the HTTP verb. A failure that proves that nothing was done may always be repeated; an
ambiguous one only where a repetition has no second effect.
"""

from __future__ import annotations

from checkout_async._core.wire import Idempotency
from checkout_async.config import RetryPolicy
from checkout_async.errors import ApiError, CheckoutError, Conflict, ConnectFailed, OutcomeUnknown, RateLimited

__all__ = ["is_ambiguous", "retry_wait", "wait_for_key"]

# RFC 9110 section 15. Of all server errors only "not implemented" and "version not supported" say that nothing was
# done: gateways have codes of their own for replies that they did not get in time.
_REQUEST_TIMEOUT = 408
_NOT_UNDERSTOOD = frozenset({501, 505})
# RFC 8470: "too early" promises that the request was not processed.
_NOT_DONE = frozenset({425, 429})


def is_ambiguous(failure: CheckoutError) -> bool:
    """Whether the operation may have been carried out in spite of the failure."""
    if isinstance(failure, ApiError):
        return failure.status == _REQUEST_TIMEOUT or (failure.status >= 500 and failure.status not in _NOT_UNDERSTOOD)
    return isinstance(failure, OutcomeUnknown)


def wait_for_key(
    idempotency: Idempotency, policy: RetryPolicy, failure: CheckoutError, *, known_key: bool
) -> float | None:
    """Return how many seconds to wait while the call's idempotency key is in use, or None if that is not the failure.

    The API says so by 409, or, as older documents have it, by 429; the latter is taken so where the API may know the
    key (an earlier attempt may have arrived, or the caller chose the key) and no `Retry-After` speaks of a rate limit.
    Such waits are not counted as attempts.
    """
    if policy.attempts == 1 or idempotency is not Idempotency.KEY or not isinstance(failure, Conflict | RateLimited):
        return None
    if isinstance(failure, RateLimited) and not (known_key and failure.retry_after is None):
        return None
    return max(policy.key_in_use, failure.retry_after or 0.0)


def retry_wait(
    idempotency: Idempotency, policy: RetryPolicy, attempt: int, failure: CheckoutError, draw: float
) -> float | None:
    """Return how many seconds to wait before repeating, or None if the failure is final.

    `attempt` is the number of the attempt that failed, from 1; `draw` a random number from 0 to 1.
    """
    if attempt >= policy.attempts or not _may_repeat(idempotency, failure):
        return None
    wait = draw * min(policy.max_backoff, policy.backoff * 2.0 ** min(attempt - 1, 60))
    asked = failure.retry_after if isinstance(failure, ApiError) else None
    if asked is None:
        return wait
    return None if asked > policy.max_retry_after else max(asked, wait)


def _may_repeat(idempotency: Idempotency, failure: CheckoutError) -> bool:
    if isinstance(failure, ConnectFailed | RateLimited):
        return True
    if isinstance(failure, ApiError) and failure.status in _NOT_DONE:
        return True
    return is_ambiguous(failure) and idempotency is not Idempotency.NONE
