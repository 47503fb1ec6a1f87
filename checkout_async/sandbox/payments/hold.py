"""Requests that wait: an operation can be held up, so that a test sees what happens while one is being processed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager


class Held:
    """An operation that is held up."""

    def __init__(self) -> None:
        self.arrived = asyncio.Event()
        """Set once a request waits."""
        self.released = asyncio.Event()


class Holds:
    """The operations that are held up now."""

    def __init__(self) -> None:
        self._held: dict[str, Held] = {}

    @asynccontextmanager
    async def hold(self, operation_id: str) -> AsyncGenerator[Held, None]:
        """Hold up an operation until the block is left; ValueError if it is held up already."""
        if operation_id in self._held:
            raise ValueError(f"{operation_id} is held up already")
        held = self._held[operation_id] = Held()
        try:
            yield held
        finally:
            del self._held[operation_id]
            held.released.set()

    async def wait(self, operation_id: str) -> None:
        """Wait where the operation is held up."""
        held = self._held.get(operation_id)
        if held is not None:
            held.arrived.set()
            await held.released.wait()
