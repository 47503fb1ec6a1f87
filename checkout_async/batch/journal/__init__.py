"""The journal of a batch: records are written to it before they are sent, outcomes before they are reported.

Modules, low to high: fingerprint, claim, database, ledger, writer, journal, merge.
"""

from __future__ import annotations

from checkout_async.batch.journal.claim import Claim, Step
from checkout_async.batch.journal.journal import Journal

__all__ = ["Claim", "Journal", "Step"]
