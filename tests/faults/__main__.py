"""Run the matrix and print it: two lines for each fault (`once`, `always`), one column for each class of operations.

A cell shows how the call ended and how many requests the server received. A `!` marks a cell that differs from the
table in `table.py`.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator

from tests.faults.table import CLASSES, ROWS, Row
from tests.faults.test_matrix import ALWAYS, ONCE, SUBJECTS, try_call

WIDTH = 24


async def compare(row: Row, mode: str) -> AsyncGenerator[tuple[str, str]]:
    """Yield for each class the cell that the run gives, and the cell of the table."""
    retry, times = (ONCE, 1) if mode == "once" else (ALWAYS, None)
    for kind, expected in zip(CLASSES, getattr(row, mode), strict=True):
        yield (await try_call(row, SUBJECTS[kind], retry, times)).cell, expected


async def main() -> int:
    print_row("fault", "times", *CLASSES)
    cells = differing = 0
    for row in ROWS:
        for mode in ("once", "always"):
            if getattr(row, mode) is None:
                continue
            found = [pair async for pair in compare(row, mode)]
            cells += len(found)
            differing += sum(cell != expected for cell, expected in found)
            print_row(row.name, mode, *(cell if cell == expected else f"{cell} !" for cell, expected in found))
    sys.stdout.write(f"{cells} cells, {differing} differ from the table\n")
    return min(differing, 1)


def print_row(fault: str, times: str, *columns: str) -> None:
    sys.stdout.write(f"{fault:<28}{times:<8}{''.join(f'{column:<{WIDTH}}' for column in columns)}".rstrip() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main()))
