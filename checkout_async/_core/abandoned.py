"""AbandonedCall: what is left of a call with an idempotency key that ended without an exception for its caller.

An exception carries the key of its call (`errors.idempotency_key`). But a task group drops the cancellations of its
tasks when one of them fails, `anyio.move_on_after` drops its own, and nobody waits any longer for a task behind
`asyncio.shield`. A record of such calls is then the only place where the key is left.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, cast

import msgspec

from checkout_async._core.wire import Operation
from checkout_async.redaction import Secret

__all__ = ["AbandonedCall", "abandoned_call", "key_expires_at"]


class AbandonedCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call that was cancelled, or cut off by `aclose()`, after its request may have reached the API.

    It may have been carried out. Until `key_expires_at`, the same call with the same `idempotency_key` has no second
    effect and returns the result. After that, look the result up by its `reference` first. Times are in UTC.
    """

    operation: str
    idempotency_key: str
    """A secret: with the key and the account's credential anyone can read the reply. `repr` masks it."""
    key_expires_at: datetime | None
    """As on an error: None for a key of the caller's own."""
    abandoned_at: datetime
    reference: str | None = None
    """The merchant's reference in the body of the request, or None if it has none. `repr` leaves it out."""

    def __rich_repr__(self) -> list[tuple[str, object]]:
        """Return what may be shown (the protocol of the rich library)."""
        return [(name, getattr(self, name)) for name in self.__struct_fields__ if name != "reference"]

    def __repr__(self) -> str:
        return f"AbandonedCall({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"


def abandoned_call(
    operation: Operation[Any], body: bytes | None, key: str, expires_at: datetime | None, now: datetime
) -> AbandonedCall:
    """Return the record of a call that is abandoned now. `body` is the JSON that was sent."""
    return AbandonedCall(
        operation=operation.name,
        idempotency_key=Secret(key),
        key_expires_at=expires_at,
        abandoned_at=now,
        reference=_reference(operation, body),
    )


def key_expires_at(operation: Operation[Any], first_attempt: datetime) -> datetime:
    """Return when the API forgets a key that came with an attempt at the given time."""
    return first_attempt + timedelta(seconds=operation.key_lifetime)


def _reference(operation: Operation[Any], body: bytes | None) -> str | None:
    if operation.reference is None or not body:
        return None
    members = msgspec.json.decode(body)
    found = cast("dict[str, object]", members).get(operation.reference) if isinstance(members, dict) else None
    return found if isinstance(found, str) else None
