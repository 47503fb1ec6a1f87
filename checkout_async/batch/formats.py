"""The formats of input and results files, and which one a file's name speaks of."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Final

from checkout_async.errors import ConfigurationError

__all__ = ["GZIP_SUFFIX", "Format", "format_of"]

GZIP_SUFFIX: Final = ".gz"


class Format(StrEnum):
    """How a file holds one record, or one result, after the other."""

    JSONL = "jsonl"
    """One JSON object a line."""
    CSV = "csv"
    """A header of field paths, then one row each (RFC 4180)."""
    PARQUET = "parquet"
    """Columns of Apache Parquet; needs the extra `parquet`."""


_BY_SUFFIX: Final = {
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".csv": Format.CSV,
    ".parquet": Format.PARQUET,
}


def format_of(path: Path | None, given: Format | None = None) -> Format:
    """Return the format of a file: the one given, else by its name, and JSON Lines for a standard stream (None).

    Raises ConfigurationError where the name says nothing, or the format cannot be had there.
    """
    name = Path("-.jsonl" if path is None else path.name.lower())
    is_gzip = name.suffix == GZIP_SUFFIX
    found = given or _BY_SUFFIX.get((name.with_suffix("") if is_gzip else name).suffix)
    if found is None:
        formats = ", ".join(Format)
        raise ConfigurationError(
            f"the format of {path} is not known; give it (--input-format, --output-format): {formats}"
        )
    if found is Format.PARQUET and (path is None or is_gzip):
        where = "a standard stream" if path is None else f"a file within gzip ({path})"
        raise ConfigurationError(f"Parquet cannot be {where}: it needs a file of its own")
    return found
