"""Time and randomness as one value, so that tests can replace them."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import anyio

__all__ = ["Clock"]


@dataclass(frozen=True, slots=True)
class Clock:
    """The clock, the sleep and the random numbers that a call uses. All times are in seconds.

    `draw` returns a random number from 0 to 1.
    """

    monotonic: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep
    draw: Callable[[], float] = random.random  # noqa: S311 - for the jitter of waits
