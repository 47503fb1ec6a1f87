"""The records of a run, one at a time: from any iterable, numbered, until it ends, fails or nobody wants more."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from typing import cast

import anyio

from checkout_async.batch.records import BadLine, Record
from checkout_async.models import sessions

__all__ = ["Item", "Reader", "Records"]

Item = Record | BadLine | sessions.SessionRequest | Mapping[str, object]
"""What may be authenticated; a bare request counts as a record whose line is its position, from 1."""

Records = Iterable[Item] | AsyncIterable[Item]


class Reader:
    """Reads for any number of workers. `position` counts the records read; `failure` is what the iterable raised."""

    def __init__(self, records: Records) -> None:
        self._iterator: Iterator[Item] | AsyncIterator[Item]
        self._iterator = aiter(records) if isinstance(records, AsyncIterable) else iter(records)
        self._turn = anyio.Lock()
        self._waiting: anyio.CancelScope | None = None
        self._ended = False
        self.position = 0
        self.failure: Exception | None = None

    def stop(self) -> None:
        """Read no more, also where a silent iterable is being waited for."""
        self._ended = True
        if self._waiting is not None:
            self._waiting.cancel()

    async def take(self) -> tuple[int, Record | BadLine] | None:
        """Return the next record and its number, from 0; None at the end."""
        if isinstance(self._iterator, Iterator):
            item = self._next(self._iterator)
        else:
            async with self._turn:
                item = await self._anext(self._iterator)
        if item is None:
            return None
        self.position += 1
        return self.position - 1, _as_record(item, self.position)

    def _next(self, iterator: Iterator[Item]) -> Item | None:
        if self._ended:
            return None
        try:
            return next(iterator)
        except StopIteration:
            self._ended = True
        except Exception as error:  # noqa: BLE001  # anybody's iterable; raised when what was read is done
            self._end_with(error)
        return None

    async def _anext(self, iterator: AsyncIterator[Item]) -> Item | None:
        if self._ended:
            return None
        with anyio.CancelScope() as self._waiting:
            try:
                return await anext(iterator)
            except StopAsyncIteration:
                self._ended = True
            except Exception as error:  # noqa: BLE001  # as above
                self._end_with(error)
        return None

    def _end_with(self, error: Exception) -> None:
        self._ended = True
        self.failure = error


def _as_record(item: object, number: int) -> Record | BadLine:
    if isinstance(item, Record | BadLine):
        return item
    if isinstance(item, sessions.SessionRequest | Mapping):
        return Record.of(number, cast("sessions.SessionRequest | Mapping[str, object]", item))
    return BadLine(line=number, reason=f"a record must be a SessionRequest or a mapping, not {type(item).__name__}")
