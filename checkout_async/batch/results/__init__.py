"""The output of a run: files of JSON Lines, CSV or Parquet, which a later run can resume.

Modules, low to high: line_set, rows, spool, file.
"""

from __future__ import annotations

from checkout_async.batch.results.file import ResultFile
from checkout_async.batch.results.line_set import LineSet

__all__ = ["LineSet", "ResultFile"]
