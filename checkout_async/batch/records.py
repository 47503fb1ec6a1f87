"""From JSON Lines to records: one session request a line, read in bounded memory and without blocking the event loop.

A line that is no JSON object becomes a `BadLine` with its number and the reason; it never stops the reading.
"""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import threading
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol, TypeVar

import msgspec

from checkout_async.models import sessions

__all__ = [
    "LONGEST_LINE",
    "BadLine",
    "LineSplitter",
    "Readable",
    "Record",
    "count_records",
    "parse_line",
    "read_records",
]

T = TypeVar("T")

LONGEST_LINE: Final = 1 << 20
"""Bytes a line may have; many times the largest request that the API's limits allow."""

_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A session to authenticate: the request, a Struct or a mapping of the same shape, and where it comes from."""

    line: int
    request: sessions.SessionRequest | Mapping[str, object] = field(repr=False)
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BadLine:
    """A line that holds no request. `reason` never shows its content; `path` is the JSON path of what is wrong."""

    line: int
    reason: str
    path: str | None = None
    reference: str | None = None


class Readable(Protocol):
    """An unbuffered binary file: `read` returns what is there, and nothing only at the end."""

    def read(self, size: int, /) -> bytes | None:
        """Return at most `size` bytes."""
        ...


def parse_line(number: int, line: bytes | None) -> Record | BadLine | None:
    """Return the record of a line, or what is wrong with it; None for a blank line. A line of None was too long."""
    if line is None:
        return BadLine(line=number, reason=f"the line is longer than {LONGEST_LINE} bytes")
    if not line.strip():
        return None
    try:
        request = msgspec.json.decode(line, type=dict[str, object])
    except UnicodeDecodeError:
        return BadLine(line=number, reason="the line is not valid UTF-8")
    except RecursionError:
        return BadLine(line=number, reason="the line is nested too deeply")
    except msgspec.ValidationError:
        return BadLine(line=number, reason="the line is not a JSON object")
    except msgspec.DecodeError as error:
        return BadLine(line=number, reason=f"the line is not valid JSON: {error}")
    reference = request.get("reference")
    return Record(line=number, request=request, reference=reference if isinstance(reference, str) else None)


class LineSplitter:
    """Cuts chunks of bytes into lines, wherever the chunks begin and end. A line that is too long comes out as None."""

    def __init__(self) -> None:
        self._part = bytearray()
        self._too_long = False

    def feed(self, chunk: bytes) -> list[bytes | None]:
        """Return the lines that this chunk completes."""
        *ends, rest = chunk.split(b"\n")
        lines = [self._completed(end) for end in ends]
        self._keep(rest)
        return lines

    def finish(self) -> bytes | None:
        """Return the last line: what follows the last line feed, often nothing."""
        return self._completed(b"")

    def _completed(self, end: bytes) -> bytes | None:
        self._keep(end)
        line = None if self._too_long else bytes(self._part)
        self._part.clear()
        self._too_long = False
        return line

    def _keep(self, part: bytes) -> None:
        self._part += part
        if len(self._part) > LONGEST_LINE:
            self._too_long = True
            self._part.clear()


async def read_records(source: Readable) -> AsyncGenerator[Record | BadLine]:
    """Read a JSON Lines file (UTF-8, with or without a byte order mark) to its end. Blank lines are passed over.

    Raises OSError where the file cannot be read.
    """
    number = 0
    async for line in _lines(source):
        number += 1
        content = line.removeprefix(codecs.BOM_UTF8) if line and number == 1 else line
        parsed = parse_line(number, content)
        if parsed is not None:
            yield parsed


async def _lines(source: Readable) -> AsyncGenerator[bytes | None]:
    splitter = LineSplitter()
    while chunk := await _in_thread(lambda: source.read(_CHUNK)):
        for line in splitter.feed(chunk):
            yield line
    yield splitter.finish()


async def _in_thread(call: Callable[[], T]) -> T:
    """Run a blocking call in a daemon thread: a pooled one would keep the process alive while a pipe is silent."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def deliver(settle: Callable[[], None]) -> None:
        # The loop is gone when the run was ended while the call was waiting.
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


def count_records(path: Path) -> int:
    """Count the lines of a file that are not blank. Raises OSError."""
    with path.open("rb") as file:
        return sum(1 for line in file if line.strip())
