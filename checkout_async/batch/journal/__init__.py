"""The journal of a batch: records are written to it before they are sent, outcomes before they are reported.

Modules, low to high: rules, rows, fingerprint, operations, database, opening, store, writer, journal,
merge.
"""

from __future__ import annotations

from checkout_async.batch.journal.fingerprint import RecordKeys
from checkout_async.batch.journal.journal import Journal
from checkout_async.batch.journal.operations import Claim
from checkout_async.batch.journal.rules import Step

__all__ = ["Claim", "Journal", "RecordKeys", "Step"]
