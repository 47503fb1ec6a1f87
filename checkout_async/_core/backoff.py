"""Patience: the waits between polls of a session that is not settled yet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from checkout_async.errors import ConfigurationError

__all__ = ["Patience"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How a session that is `processing` is polled, in seconds.

    Waits begin with `first` and double up to `longest`. When they add up to `total`, the session is reported as it is.
    """

    first: float = 0.2
    longest: float = 5.0
    total: float = 60.0

    def __post_init__(self) -> None:
        if not (self.first > 0 and self.longest > 0):
            raise ConfigurationError("Patience: first and longest must be above 0 seconds, or it would never end")

    def waits(self) -> Iterator[float]:
        """Yield the waits before each poll."""
        wait, waited = self.first, 0.0
        while waited < self.total:
            yield wait
            waited += wait
            wait = min(2 * wait, self.longest)
