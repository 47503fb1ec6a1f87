"""Authenticating many cards: records in, one outcome each out, at bounded concurrency.

    async with CheckoutClient.from_env() as checkout:
        async for outcome in authenticate(checkout, records):
            ...

Modules, low to high; each imports earlier ones only: records, outcome, flow, runner, progress, report, sink,
interrupt, job. What shows progress needs the `cli` extra and is imported by the command alone.
"""

from __future__ import annotations

from checkout_async.batch.flow import DEFAULT_CHANNEL_DATA, Patience, SharedChannelData
from checkout_async.batch.outcome import MALFORMED_LINE, Failure, Outcome
from checkout_async.batch.records import BadLine, Record
from checkout_async.batch.report import Summary
from checkout_async.batch.runner import authenticate

__all__ = [
    "DEFAULT_CHANNEL_DATA",
    "MALFORMED_LINE",
    "BadLine",
    "Failure",
    "Outcome",
    "Patience",
    "Record",
    "SharedChannelData",
    "Summary",
    "authenticate",
]
