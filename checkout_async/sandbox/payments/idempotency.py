"""Idempotency keys as the API keeps them: a successful answer is given again, a second effect never happens.

A key belongs to one endpoint, its path included, and counts only on operations that take one. Only 2XX answers are
kept, for 24 hours of the sandbox's clock; after a refusal the request is processed anew. One key with another body is
refused, so that a client's mistake shows.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import blake2b

import msgspec

from checkout_async.sandbox.core.call import Call, Reply
from checkout_async.sandbox.core.clock import SandboxClock
from checkout_async.sandbox.core.errors import key_in_use, payment_invalid

HEADER = "Cko-Idempotency-Key"
RETENTION = 24 * 60 * 60
"""Seconds for which an answer is kept."""

_Slot = tuple[str, str, str]


@dataclass(slots=True)
class Claim:
    """A key taken for one request; `reply` is the answer kept from before, or the one to keep."""

    digest: bytes
    reply: Reply | None = None
    stored_at: float = 0.0


class IdempotencyKeys:
    """The keys in use and the answers kept."""

    def __init__(self, clock: SandboxClock) -> None:
        self._clock = clock
        self._claims: dict[_Slot, Claim] = {}

    @contextmanager
    def claim(self, call: Call) -> Generator[Claim, None, None]:
        """Hold the call's key, if it has one, while it is processed; what is put into the claim's `reply` is kept.

        Raises 409 while another request has the key, 422 `idempotency_key_reused` if it had another body.
        """
        key = call.headers.get(HEADER)
        honoured = any(parameter.name == HEADER for parameter in call.operation.parameters_in("header"))
        if key is None or not honoured:
            yield Claim(b"")
            return
        slot = (call.operation.id, call.resource_id, key)
        claim = self._find(slot, _digest(call.body))
        if claim.reply is not None:
            yield claim
            return
        self._claims[slot] = claim
        try:
            yield claim
        finally:
            claim.stored_at = self._clock.now()
            if claim.reply is None:
                del self._claims[slot]

    def _find(self, slot: _Slot, digest: bytes) -> Claim:
        known = self._claims.get(slot)
        if known is None or (known.reply is not None and self._clock.now() >= known.stored_at + RETENTION):
            return Claim(digest)
        if known.digest != digest:
            raise payment_invalid("idempotency_key_reused")
        if known.reply is None:
            raise key_in_use()
        return known


def _digest(body: bytes) -> bytes:
    """Recognise a JSON body whatever its spacing and order of members."""
    with suppress(msgspec.DecodeError, RecursionError):
        body = msgspec.json.encode(msgspec.json.decode(body), order="deterministic")
    return blake2b(body, digest_size=16).digest()
