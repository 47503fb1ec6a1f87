"""What a run says to people. That nobody can read it, on a full disk or a closed pipe, is no reason to end the run."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import TextIO

__all__ = ["Tolerant", "say"]


def say(text: str, stream: TextIO) -> None:
    """Print a text, or let it be where the stream takes none; what would be said later is then let be as well."""
    with _tolerating(stream):
        print(text, file=stream, flush=True)


class Tolerant:
    """As much of a stream as rich writes to; that it takes no more, as a terminal that is gone, is not heard of."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @property
    def encoding(self) -> str:
        """That of the stream, by which its characters are chosen."""
        return self._stream.encoding

    def write(self, text: str, /) -> int:
        """Write a text, or let it be."""
        with _tolerating(self._stream):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Hand over what was written, or let it be."""
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
        # What is left in the buffer would fail again at the end of the process.
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, stream.fileno())
        os.close(silence)
