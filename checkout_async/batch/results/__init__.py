"""The output of a run: files of JSON Lines, CSV or Parquet, which are exports of the journal.

Modules, low to high: rows, file.
"""

from __future__ import annotations

from checkout_async.batch.results.file import OutputFile

__all__ = ["OutputFile"]
