"""Run the matrix and print it: a line for each fault, a column for each class of operations, `once` and `always`.

A cell is how the call ended and how many requests the server saw; a cell that is not as the table says is marked.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator

from tests.faults.table import CLASSES, ROWS, Row
from tests.faults.test_matrix import ALWAYS, ONCE, SUBJECTS, tried

WIDTH = 24


async def endings(row: Row, mode: str) -> AsyncGenerator[tuple[str, str]]:
    """Yield what came out and what the table says, for each class."""
    retry, times = (ONCE, 1) if mode == "once" else (ALWAYS, None)
    for kind, expected in zip(CLASSES, getattr(row, mode), strict=True):
        yield (await tried(row, SUBJECTS[kind], retry, times)).cell, expected


async def main() -> int:
    show("fault", "times", *CLASSES)
    cells = wrong = 0
    for row in ROWS:
        for mode in ("once", "always"):
            if getattr(row, mode) is None:
                continue
            found = [pair async for pair in endings(row, mode)]
            cells += len(found)
            wrong += sum(cell != expected for cell, expected in found)
            show(row.name, mode, *(cell if cell == expected else f"{cell} !" for cell, expected in found))
    sys.stdout.write(f"{cells} cells, {wrong} not as the table says\n")
    return min(wrong, 1)


def show(fault: str, times: str, *columns: str) -> None:
    sys.stdout.write(f"{fault:<28}{times:<8}{''.join(f'{column:<{WIDTH}}' for column in columns)}".rstrip() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main()))
