"""Where an input can be split: lines at which records begin, evenly spread, and the byte offsets of those lines."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

__all__ = ["Marks", "starts_of_lines"]

_MOST: Final = 1 << 15
_CHUNK: Final = 1 << 20


class Marks:
    """Takes the lines at which records begin, in their order; keeps at most `most` of them, evenly spread."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._every = 1
        self._lines: list[int] = []
        self._records = 0
        self._last = 0

    def add(self, line: int) -> None:
        """Note that the next record begins at this line."""
        if self._records % self._every == 0:
            self._lines.append(line)
            if len(self._lines) > self._most:
                del self._lines[1::2]
                self._every *= 2
        self._records += 1
        self._last = line

    def cut(self, parts: int) -> list[tuple[int, int, int]]:
        """Return at most `parts` parts of about equal size: first line, line after the last, records."""
        chosen = sorted({part * len(self._lines) // parts for part in range(parts)}) if self._lines else []
        begins = [(self._lines[index], index * self._every) for index in chosen]
        begins.append((self._last + 1, self._records))
        return [(first, end, after - before) for (first, before), (end, after) in pairwise(begins)]


def starts_of_lines(path: Path, lines: Sequence[int]) -> list[int]:
    """Return the byte at which each of these lines begins; they ascend, and the first is 1. Raises OSError."""
    wanted, starts = deque(lines), list[int]()
    number, position = 1, 0
    with path.open("rb", buffering=0) as file:
        while wanted and (chunk := file.read(_CHUNK)):
            at = 0
            while wanted and chunk.count(b"\n", at) >= wanted[0] - number:
                at = _after(chunk, at, wanted[0] - number)
                number = wanted.popleft()
                starts.append(position + at)
            number += chunk.count(b"\n", at)
            position += len(chunk)
    return starts


def _after(chunk: bytes, at: int, line_feeds: int) -> int:
    """Return the position after this many line feeds."""
    for _ in range(line_feeds):
        at = chunk.index(b"\n", at) + 1
    return at
