"""Where outcomes go: files of JSON Lines, CSV or Parquet, that a later run can go on with.

Modules, low to high: line_set, rows, spool, file.
"""

from __future__ import annotations

from checkout_async.batch.results.file import ResultFile
from checkout_async.batch.results.line_set import LineSet

__all__ = ["LineSet", "ResultFile"]
