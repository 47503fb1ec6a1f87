"""The input of a batch: files or standard input, as JSON Lines, CSV or Parquet, the first two also within gzip.

Modules, low to high: base, lines, jsonl, csv_rows, csv, parquet.
"""

from __future__ import annotations

from pathlib import Path

from checkout_async.batch.formats import Format, format_of
from checkout_async.batch.sources.base import RawRow, Source
from checkout_async.batch.sources.csv import CsvTable
from checkout_async.batch.sources.jsonl import JsonLines
from checkout_async.batch.sources.parquet import ParquetTable
from checkout_async.errors import BatchFileError

__all__ = ["RawRow", "Source", "open_source"]


def open_source(path: Path | None, format: Format | None = None) -> Source:  # noqa: A002  # the field's own word
    """Open a file, or standard input (None). Without a `format`, the suffix of the name selects it.

    Raises BatchFileError if it cannot be read, and for columns that are not fields of a session request.
    """
    found = format_of(path, format)
    try:
        if found is Format.PARQUET:
            assert path is not None
            return ParquetTable(path)
        return JsonLines(path) if found is Format.JSONL else CsvTable(path)
    except OSError as error:
        where = "standard input" if path is None else f"the input file {path}"
        raise BatchFileError(f"cannot read {where}: {error.strerror}") from None
