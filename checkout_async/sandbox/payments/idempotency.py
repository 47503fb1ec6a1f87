"""Idempotency keys as the API treats them: a successful reply is repeated, and nothing is done twice.

A key belongs to one operation and path. Only 2XX replies are stored, for 24 hours of the sandbox's clock; after a
refusal the request is processed again. A key that comes again with another body gets the first reply, too: the call
notes the mismatch, so that a client's mistake shows. `OperationHolds` keeps requests waiting, so that a test can see
what happens while a key is in use.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from hashlib import blake2b

import msgspec

from checkout_async.sandbox.core.calls import ApiCall, ApiReply, CallNotes
from checkout_async.sandbox.core.clock import SandboxClock
from checkout_async.sandbox.core.errors import key_in_use, payment_invalid

HEADER = "Cko-Idempotency-Key"
RETENTION = 24 * 60 * 60
"""Seconds for which a reply is stored."""

_Slot = tuple[str, str, str]
"""Operation, identifier in the path, and key."""


@dataclass(slots=True)
class KeyReservation:
    """A key in use by one request; `reply` is the stored reply, or the one to store."""

    digest: bytes
    reply: ApiReply | None = None
    stored_at: float = 0.0


class IdempotencyKeys:
    """The keys in use and the stored replies."""

    def __init__(self, clock: SandboxClock, *, refuse_mismatch: bool = False) -> None:
        self._clock = clock
        self._refuse_mismatch = refuse_mismatch
        self._reservations: dict[_Slot, KeyReservation] = {}

    @contextmanager
    def reserve(self, call: ApiCall) -> Generator[KeyReservation, None, None]:
        """Reserve the call's key, if it has one, while the call is processed; `reply` is stored if it is set.

        Raises 409 while another request uses the key. If mismatches are refused, raises 422 `idempotency_key_reused`
        for a key that came before with another body.
        """
        key = call.headers.get(HEADER)
        takes_key = any(parameter.name == HEADER for parameter in call.operation.parameters_in("header"))
        if not key or not takes_key:
            yield KeyReservation(b"")
            return
        slot = (call.operation.id, call.resource_id, key)
        reservation = self._find(slot, _digest(call.body), call.notes)
        if reservation.reply is not None:
            call.notes.replayed = True
            yield reservation
            return
        self._reservations[slot] = reservation
        try:
            yield reservation
        finally:
            reservation.stored_at = self._clock.now()
            if reservation.reply is None:
                del self._reservations[slot]

    def _find(self, slot: _Slot, digest: bytes, notes: CallNotes) -> KeyReservation:
        known = self._reservations.get(slot)
        if known is None or (known.reply is not None and self._clock.now() >= known.stored_at + RETENTION):
            return KeyReservation(digest)
        notes.key_mismatch = known.digest != digest
        if notes.key_mismatch and self._refuse_mismatch:
            raise payment_invalid("idempotency_key_reused")
        if known.reply is None:
            raise key_in_use()
        return known


class HeldOperation:
    """An operation whose requests wait."""

    def __init__(self) -> None:
        self.arrived: asyncio.Event = asyncio.Event()
        """Set once a request waits."""
        self.released: asyncio.Event = asyncio.Event()


class OperationHolds:
    """The operations whose requests wait now."""

    def __init__(self) -> None:
        self._held: dict[str, HeldOperation] = {}

    @asynccontextmanager
    async def hold(self, operation_id: str) -> AsyncGenerator[HeldOperation, None]:
        """Keep requests of an operation waiting until the block is left; ValueError if they wait already."""
        if operation_id in self._held:
            raise ValueError(f"{operation_id} is held up already")
        held = self._held[operation_id] = HeldOperation()
        try:
            yield held
        finally:
            del self._held[operation_id]
            held.released.set()

    async def wait(self, operation_id: str) -> None:
        """Wait while the operation is held."""
        held = self._held.get(operation_id)
        if held is not None:
            held.arrived.set()
            await held.released.wait()


def _digest(body: bytes) -> bytes:
    """Hash a JSON body so that spacing and the order of members make no difference."""
    with suppress(msgspec.DecodeError, RecursionError):
        body = msgspec.json.encode(msgspec.json.decode(body), order="deterministic")
    return blake2b(body, digest_size=16).digest()
