"""Backoff: the waits between polls of an unsettled session, and between attempts during an outage."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from checkout_async.errors import ConfigurationError

__all__ = ["Backoff"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Exponential waits, in seconds.

    The first wait is `initial`. Each following wait is twice as long, up to `maximum`. There are no more waits once
    they add up to `give_up_after`. Raises ConfigurationError unless `initial` and `maximum` are above 0.
    """

    initial: float = 0.2
    maximum: float = 5.0
    give_up_after: float = 60.0

    def __post_init__(self) -> None:
        if not (self.initial > 0 and self.maximum > 0):
            raise ConfigurationError("initial and maximum of a Backoff must be above 0 seconds, or it never ends")
        if math.isnan(self.give_up_after):
            raise ConfigurationError("give_up_after of a Backoff must be a number of seconds, not nan")

    def waits(self) -> Iterator[float]:
        """Yield the waits in order."""
        wait, waited = self.initial, 0.0
        while waited < self.give_up_after:
            yield wait
            waited += wait
            wait = min(2 * wait, self.maximum)
