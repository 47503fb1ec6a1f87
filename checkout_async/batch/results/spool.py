"""Results as Parquet: written at once at the end, from a spool of JSON Lines that the run fills next to the file.

The spool is `<file>.rows.jsonl`. While it exists it has all results, and the Parquet file is older or missing.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Final

from checkout_async.batch.arrow import ParquetWriter, arrow_errors, open_parquet
from checkout_async.batch.formats import Format
from checkout_async.batch.outcome import Outcome
from checkout_async.batch.results.rows import COLUMNS, as_row, outcomes_in, read_row, refuse
from checkout_async.batch.sources.lines import chunks_now
from checkout_async.files import atomic_write

__all__ = ["in_parquet", "spool_of", "to_parquet"]

_ROWS_AT_ONCE: Final = 8192


def spool_of(path: Path) -> Path:
    """Return the path of the spool of a Parquet file."""
    return path.with_name(f"{path.name}.rows.jsonl")


def to_parquet(spool: Path, path: Path) -> None:
    """Write the Parquet file of a spool, replace what is there, and remove the spool. Raises OSError."""
    with io.FileIO(spool) as file, atomic_write(path) as output, arrow_errors():
        outcomes = outcomes_in(spool, chunks_now(file), Format.JSONL)
        with closing(ParquetWriter(output, COLUMNS)) as writer:
            while rows := [as_row(each) for each in islice(outcomes, _ROWS_AT_ONCE)]:
                writer.write(rows)
    spool.unlink()


def in_parquet(path: Path) -> Iterator[Outcome]:
    """Yield the outcomes in a Parquet output. Raises OSError; BatchFileError for any other Parquet file."""
    line = 0
    with closing(open_parquet(path)) as table:
        if [column.name for column in table.schema_arrow] != [*COLUMNS]:
            refuse(path, 1)
        with arrow_errors():
            for batch in table.iter_batches(_ROWS_AT_ONCE):
                for row in batch.to_pylist():
                    line += 1
                    yield read_row(row) or refuse(path, line)
