"""Defects of idempotency keys, and of what is sent under them."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Generator
from typing import Any

import msgspec

from checkout_async import errors
from checkout_async._core import prepare
from checkout_async._core.wire import HttpRequest, HttpResponse
from checkout_async.config import Timeouts
from checkout_async.transport import pipeline
from tests.simulation.defects.plant import Send, always, defect, replaced, sending


@defect()
def key_made_per_attempt() -> Generator[None]:
    """Each attempt sends a key of its own."""
    numbers = itertools.count()

    def change(genuine: Send) -> Send:
        async def send(self: Any, request: HttpRequest, timeouts: Timeouts) -> HttpResponse:
            headers = dict(request.headers)
            for name in [name for name in headers if name.lower() == "cko-idempotency-key"]:
                headers[name] = f"attempt-{next(numbers)}"
            return await genuine(self, msgspec.structs.replace(request, headers=headers), timeouts)

        return send

    with sending(change):
        yield


@defect()
def key_shared_by_calls() -> Generator[None]:
    """Two calls send the same key."""
    numbers = itertools.count()
    with replaced(prepare, "new_key", lambda: f"key-{next(numbers) // 2}"):
        yield


@defect()
def key_missing_on_the_error() -> Generator[None]:
    """The error that ends a call in doubt has no key, so the caller begins anew."""
    with replaced(errors.CheckoutError, "idempotency_key", None):
        yield


@defect(fix="Keep the key of a payment through every exit: cancellation, time-outs of the caller, Ctrl-C")
def key_lost_on_cancellation() -> Generator[None]:
    """A call that is cancelled leaves nothing behind."""
    genuine = pipeline.Pipeline.__init__

    def init(self: Any, *args: Any, **named: Any) -> None:
        genuine(self, *args[:6], **named)

    with replaced(pipeline.Pipeline, "__init__", init), replaced(pipeline, "attach_key", always(None)):
        yield


@defect()
def body_of_an_earlier_call_sent() -> Generator[None]:
    """Captures and refunds share one buffer, so that one may be sent with the amount of another."""
    buffers: dict[str, deque[bytes | None]] = {}

    def change(genuine: Send) -> Send:
        async def send(self: Any, request: HttpRequest, timeouts: Timeouts) -> HttpResponse:
            action = request.url.rpartition("/")[2]
            if action in {"captures", "refunds"}:
                buffer = buffers.setdefault(action, deque(maxlen=2))
                buffer.append(request.body)
                request = msgspec.structs.replace(request, body=buffer[0])
            return await genuine(self, request, timeouts)

        return send

    with sending(change):
        yield
