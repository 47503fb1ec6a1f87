"""What a batch may have sent, and what became of it: written before it is sent, and before it is told.

Modules, low to high: fingerprint, claim, database, ledger, writer, journal, merge.
"""

from __future__ import annotations

from checkout_async.batch.journal.claim import Claim, Step
from checkout_async.batch.journal.journal import Journal

__all__ = ["Claim", "Journal", "Step"]
