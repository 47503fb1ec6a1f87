"""Backoff: the waits between polls of a session that is not settled yet, and between tries during an outage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from checkout_async.errors import ConfigurationError

__all__ = ["Backoff"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Waits that grow, in seconds.

    The first wait is `initial`; each next one is twice as long, up to `maximum`. The waits end when they add up to
    `give_up_after`. Raises ConfigurationError unless `initial` and `maximum` are above 0.
    """

    initial: float = 0.2
    maximum: float = 5.0
    give_up_after: float = 60.0

    def __post_init__(self) -> None:
        if not (self.initial > 0 and self.maximum > 0):
            raise ConfigurationError("initial and maximum of a Backoff must be above 0 seconds, or it never ends")

    def waits(self) -> Iterator[float]:
        """Yield the waits, the first one first."""
        wait, waited = self.initial, 0.0
        while waited < self.give_up_after:
            yield wait
            waited += wait
            wait = min(2 * wait, self.maximum)
