"""The formats of input and output files, and how a file's name selects one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from checkout_async.errors import BatchFileError

__all__ = ["GZIP_SUFFIX", "NOTE", "CsvDialect", "Format", "format_of", "suffix_format"]

GZIP_SUFFIX: Final = ".gz"

NOTE: Final = "#"
"""Columns, and members of a line of JSON, whose names begin with this are notes, which are not read."""


class Format(StrEnum):
    """The format of a file of records or results."""

    JSONL = "jsonl"
    """One JSON object a line."""
    CSV = "csv"
    """A header of field paths, then one row each (RFC 4180)."""
    PARQUET = "parquet"
    """Columns of Apache Parquet; needs the extra `parquet`."""


@dataclass(frozen=True, slots=True)
class CsvDialect:
    """How a CSV file is written: the separator of its cells, the end of its lines, and whether it has a BOM."""

    delimiter: str = ","
    newline: str = "\r\n"
    has_bom: bool = False

    @property
    def decimal(self) -> str:
        """The decimal separator. Spreadsheets separate cells by semicolons where the comma is the decimal separator."""
        return "," if self.delimiter == ";" else "."


_BY_SUFFIX: Final = {
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".csv": Format.CSV,
    ".parquet": Format.PARQUET,
}


def format_of(path: Path | None, given: Format | None = None) -> Format:
    """Return the format of a file: `given`, else by the suffix of its name. A standard stream (None) is JSON Lines.

    Raises BatchFileError for an unknown suffix, and for Parquet in a standard stream or within gzip.
    """
    found = given or (Format.JSONL if path is None else suffix_format(path))
    if found is None:
        formats = ", ".join(Format)
        raise BatchFileError(
            f"the format of {path} is unknown; set it with --input-format or --output-format: {formats}"
        )
    if found is Format.PARQUET and (path is None or path.suffix.lower() == GZIP_SUFFIX):
        where = "a standard stream" if path is None else f"a file within gzip ({path})"
        raise BatchFileError(f"Parquet cannot be {where}; name a plain file")
    return found


def suffix_format(path: Path) -> Format | None:
    """Return the format that the suffix of a name says; None for any other suffix."""
    name = Path(path.name.lower())
    return _BY_SUFFIX.get((name.with_suffix("") if name.suffix == GZIP_SUFFIX else name).suffix)
