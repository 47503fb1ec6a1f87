"""Authenticating many cards: records in, one outcome each out, at bounded concurrency.

    async with CheckoutClient.from_env() as checkout:
        async for outcome in authenticate(checkout, records):
            ...

Modules, low to high; each imports earlier ones only: records, outcome, flow, runner, latency, wording, waits, report,
charts, html, report_file, progress, sink, interrupt, job. What shows progress needs the `cli` extra and is imported by
the command alone.
"""

from __future__ import annotations

from checkout_async.batch.flow import DEFAULT_CHANNEL_DATA, Patience, SharedChannelData
from checkout_async.batch.outcome import MALFORMED_LINE, Failure, Outcome, Result
from checkout_async.batch.records import BadLine, Record, parse_line, read_records
from checkout_async.batch.report import Report, Summary
from checkout_async.batch.report_file import check_report_path, read_report, write_report
from checkout_async.batch.runner import authenticate
from checkout_async.batch.waits import Waits

__all__ = [
    "DEFAULT_CHANNEL_DATA",
    "MALFORMED_LINE",
    "BadLine",
    "Failure",
    "Outcome",
    "Patience",
    "Record",
    "Report",
    "Result",
    "SharedChannelData",
    "Summary",
    "Waits",
    "authenticate",
    "check_report_path",
    "parse_line",
    "read_records",
    "read_report",
    "write_report",
]
