"""The report of a run: counts and percentiles, as text, JSON and HTML.

Modules, low to high: latency, report, charts, html, file.
"""

from __future__ import annotations

from checkout_async.batch.report.file import check_report_path, read_report, write_report
from checkout_async.batch.report.report import PERCENTILES, Report, Summary, line_counts, table

__all__ = [
    "PERCENTILES",
    "Report",
    "Summary",
    "check_report_path",
    "line_counts",
    "read_report",
    "table",
    "write_report",
]
