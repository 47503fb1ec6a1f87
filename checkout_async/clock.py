"""Time and chance as one value, so that tests can bring their own."""

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
    """Everything of time and chance that carrying out a call uses; seconds throughout."""

    monotonic: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep
    draw: Callable[[], float] = random.random
