"""A set of line numbers that takes a bit for each: the lines of the input that have a result already."""

from __future__ import annotations

from typing import Final

__all__ = ["LineSet"]

_PAGE: Final = 1 << 16
"""Lines of one page, which is allocated when the first of them is added."""


class LineSet:
    """A set of line numbers; a million of them, in any order, take some 130 KB."""

    def __init__(self) -> None:
        self._pages: dict[int, bytearray] = {}
        self._count = 0

    def add(self, line: int) -> None:
        """Add a line number."""
        if line in self:
            return
        page, bit = divmod(line, _PAGE)
        bits = self._pages.setdefault(page, bytearray(_PAGE // 8))
        bits[bit // 8] |= 1 << bit % 8
        self._count += 1

    def __contains__(self, line: object) -> bool:
        if not isinstance(line, int):
            return False
        page, bit = divmod(line, _PAGE)
        bits = self._pages.get(page)
        return bits is not None and bool(bits[bit // 8] >> bit % 8 & 1)

    def __len__(self) -> int:
        return self._count
