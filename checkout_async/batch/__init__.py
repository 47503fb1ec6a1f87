"""Authenticate many cards: takes records, yields one outcome for each, at bounded concurrency.

    async with CheckoutClient.from_env() as checkout, Journal("nightly.journal") as journal:
        async with aclosing(batch.run(checkout, requests, journal=journal)) as outcomes:
            async for outcome in outcomes:
                ...

docs/batch.md is the guide; docs/architecture.md lists the modules. Only the command shows progress, which needs the
`cli` extra.
"""

from __future__ import annotations

from checkout_async.batch.backlog import PendingCalls
from checkout_async.batch.file_run import run_file
from checkout_async.batch.flow import FAKE_BROWSER_DATA
from checkout_async.batch.journal import Journal
from checkout_async.batch.options import DEFAULT_OUTAGE_BACKOFF, Backoff, BatchOptions, SharedChannelData
from checkout_async.batch.outcome import INVALID_RECORD, BatchResult, ErrorInfo, Outcome
from checkout_async.batch.records import InvalidRecord, Record
from checkout_async.batch.report import Report, Summary, read_report, write_report
from checkout_async.batch.runner import run

__all__ = [
    "DEFAULT_OUTAGE_BACKOFF",
    "FAKE_BROWSER_DATA",
    "INVALID_RECORD",
    "Backoff",
    "BatchOptions",
    "BatchResult",
    "ErrorInfo",
    "InvalidRecord",
    "Journal",
    "Outcome",
    "PendingCalls",
    "Record",
    "Report",
    "SharedChannelData",
    "Summary",
    "read_report",
    "run",
    "run_file",
    "write_report",
]
