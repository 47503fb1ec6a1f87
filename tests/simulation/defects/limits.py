"""Defects of limits: slots, rates and deadlines."""

from __future__ import annotations

import asyncio
import dataclasses
import math
from collections.abc import Generator
from typing import Any

import anyio
from anyio import CapacityLimiter

from checkout_async._core.wire import HttpRequest, HttpResponse
from checkout_async.config import Timeouts
from checkout_async.limits import RedisRateLimiter
from checkout_async.limits.limiter import Throttle
from checkout_async.transport import pipeline
from checkout_async.transport.deadlines import Deadline, Deadlines
from tests.simulation.defects.plant import Send, always, defect, replaced, sending


@defect()
def slot_kept_on_cancellation() -> Generator[None]:
    """A cancelled call does not give its slot back."""
    with replaced(anyio, "CapacityLimiter", _Slots):
        yield


class _Slots:
    """Slots that a cancelled task does not give back."""

    def __init__(self, total: int) -> None:
        self._slots = CapacityLimiter(total)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_slots"], name)

    def release_on_behalf_of(self, borrower: object) -> None:
        task = asyncio.current_task()
        if task is None or not task.cancelling():
            self._slots.release_on_behalf_of(borrower)


@defect()
def deadline_for_each_attempt() -> Generator[None]:
    """Each attempt starts the deadline anew."""

    def remaining(_self: Any, call: Any) -> float:
        return float(call.timeouts.total)

    with replaced(pipeline.Pipeline, "_remaining", remaining):
        yield


@defect()
def no_deadline_while_reading() -> Generator[None]:
    """A server that stops in the middle of a reply is waited for without end."""

    def change(genuine: Send) -> Send:
        async def send(self: Any, request: HttpRequest, timeouts: Timeouts) -> HttpResponse:
            return await genuine(self, request, dataclasses.replace(timeouts, attempt=1e6))

        return send

    with sending(change):
        yield


@defect(fix="Mend what a review of the money path found")
def deadline_rounded_up() -> Generator[None]:
    """A deadline more than five seconds away is rounded up to a whole second, as aiohttp does by default."""
    genuine = Deadlines.start

    def start(self: Deadlines, seconds: float) -> Deadline:
        now = asyncio.get_running_loop().time()
        return genuine(self, math.ceil(now + seconds) - now if seconds > 5 else seconds)

    with replaced(Deadlines, "start", start):
        yield


@defect()
def rate_ignored() -> Generator[None]:
    """Requests are sent as fast as callers make them."""
    with replaced(Throttle, "try_acquire", always(True)):
        yield


@defect()
def wait_for_a_permit_skipped() -> Generator[None]:
    """A request that finds no permit is sent at once."""

    async def acquire(_self: Throttle) -> None:
        pass

    with replaced(Throttle, "acquire", acquire):
        yield


@defect()
def rates_not_shared() -> Generator[None]:
    """Redis is asked for each permit, and its answer is ignored."""

    async def acquire(*_args: object) -> float:
        return 0.0

    with replaced(RedisRateLimiter, "acquire", acquire):
        yield
