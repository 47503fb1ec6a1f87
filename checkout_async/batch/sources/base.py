"""The interface of an input: a `Source` of records, read without blocking the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, Self, TypeVar

import msgspec

from checkout_async.batch.formats import CsvDialect
from checkout_async.batch.records import InvalidRecord, Record
from checkout_async.redaction import SecretStruct

if TYPE_CHECKING:
    from pyarrow import RecordBatch, Schema

__all__ = ["InputLines", "RawRow", "Source", "in_thread"]

T = TypeVar("T")


class InputLines(msgspec.Struct, kw_only=True):
    """What the lines were that have been read of a text: each counts once.

    A row of CSV begins in a line of `records` or `header`; its other lines are `continued`.
    """

    header: int = 0
    records: int = 0
    continued: int = 0
    blank: int = 0

    @property
    def total(self) -> int:
        """The number of lines."""
        return self.header + self.records + self.continued + self.blank

    def merge(self, other: InputLines) -> InputLines:
        """Return the counts of both."""
        mine, others = msgspec.structs.asdict(self), msgspec.structs.asdict(other)
        return InputLines(**{name: count + others[name] for name, count in mine.items()})


class RawRow(SecretStruct, frozen=True):
    """A row as it is in the input, a text without its line end, and its number as a spreadsheet shows it, from 1."""

    __hidden__: ClassVar[tuple[str, ...]] = ("content",)

    number: int
    content: bytes | RecordBatch = b""


class Source(ABC):
    """An open input. Close it after reading, or use it as a context manager.

    If `rows` is a dict, reading puts each row into it, by the line of the record; take out what you have used. `header`
    and `dialect` are those of CSV, as soon as its header is read; `schema` is that of Parquet.
    """

    rows: dict[int, RawRow] | None = None
    header: bytes = b""
    dialect: CsvDialect | None = None
    schema: Schema | None = None

    @abstractmethod
    def records(self) -> AsyncGenerator[Record | InvalidRecord]:
        """Read to the end, once and in bounded memory.

        Raises OSError with a `strerror` if reading fails, and BatchFileError if a column is not a field of a
        session request.
        """

    @property
    def lines(self) -> InputLines | None:
        """What the lines read so far were; None for a format that has no lines."""
        return None

    @abstractmethod
    def total(self) -> int | None:
        """Return the number of records; None if counting is not possible before reading. Blocks; raises OSError."""

    @abstractmethod
    def fileno(self) -> int:
        """Return the file descriptor, to compare the file with another."""

    @abstractmethod
    def close(self) -> None:
        """Close the file; standard input stays open."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


async def in_thread(call: Callable[[], T]) -> T:
    """Run a blocking call in a daemon thread: a pool's thread would keep the process alive while a pipe is silent."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def deliver(settle: Callable[[], None]) -> None:
        # The loop is closed if the run ended while the call was waiting.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(lambda: None if future.done() else settle())

    def run() -> None:
        try:
            result = call()
        except Exception as error:  # noqa: BLE001  # raised where the result is awaited
            failure = error
            deliver(lambda: future.set_exception(failure))
        else:
            deliver(lambda: future.set_result(result))

    threading.Thread(target=run, name="checkout_async input", daemon=True).start()
    return await future
