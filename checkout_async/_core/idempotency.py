"""Idempotency keys: made once for a call, before its first attempt, and the same on every attempt.

Only operations that honour a key carry one; to the others a key would promise what the API does not keep.
"""

from __future__ import annotations

import re
from uuid import uuid4

from checkout_async.errors import InvalidRequest
from checkout_async.redaction import Secret

__all__ = ["checked_key", "new_key"]

# The API reference names no limit; longer ones are a mistake, and what is not printable cannot be a header value.
_KEY = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?")


def new_key() -> str:
    """Return a new key: a version 4 UUID, as the API reference advises."""
    return Secret(uuid4())


def checked_key(operation: str, key: str) -> str:
    """Return a caller's own key, or raise InvalidRequest without showing it."""
    if not _KEY.fullmatch(key):
        reason = "must be 1 to 255 printable ASCII characters without outer spaces"
        raise InvalidRequest(
            f"{operation}: idempotency_key {reason}", operation=operation, path="idempotency_key", reason=reason
        )
    return key
