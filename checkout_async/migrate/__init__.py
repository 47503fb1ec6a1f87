"""Rewrites programs that use checkout-sdk: `python -m checkout_async.migrate PATH`. It needs the extra `migrate`.

It rewrites what is mechanical, and lists what a person has to decide.
"""

from __future__ import annotations

__all__: list[str] = []
