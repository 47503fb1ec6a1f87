"""Print messages best-effort: a full disk or a closed pipe behind the stream does not end the run."""

from __future__ import annotations

import os
import re
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final, TextIO

__all__ = ["BestEffortStream", "echo", "printable", "printable_json"]

_CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def echo(text: str, stream: TextIO) -> None:
    """Print best-effort: on a write error, redirect the stream to /dev/null so that later writes succeed silently.

    Control characters, as a file name may have, are escaped.
    """
    with _tolerating(stream):
        print(printable(text), file=stream, flush=True)


def printable(text: str) -> str:
    """Return a text without control characters except line feeds and tabs: a terminal would obey them."""
    return _CONTROL.sub(lambda each: ascii(each[0])[1:-1], text)


def printable_json(text: str) -> str:
    """Return a JSON text as `printable` does, but with the escapes of JSON, so that it can still be read as JSON."""
    return _CONTROL.sub(lambda each: f"\\u{ord(each[0]):04x}", text)


class BestEffortStream:
    """The part of a stream that rich uses, written best-effort: write errors, as of a closed terminal, are ignored."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @property
    def encoding(self) -> str:
        """The encoding of the stream, by which rich chooses its characters."""
        return self._stream.encoding

    def write(self, text: str, /) -> int:
        """Write a text; ignore write errors."""
        with _tolerating(self._stream):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush the stream; ignore write errors."""
        with _tolerating(self._stream):
            self._stream.flush()

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Return the descriptor of the stream."""
        return self._stream.fileno()


@contextmanager
def _tolerating(stream: TextIO) -> Generator[None]:
    try:
        yield
    except OSError:
        # Without this, the text left in the buffer would fail again when the process ends.
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, stream.fileno())
        os.close(silence)
