"""Defects of idempotency keys, and of what is sent under them."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Final

import msgspec

from checkout_async import errors
from checkout_async._core import prepare
from checkout_async._core.wire import HttpRequest, HttpResponse
from checkout_async.config import Timeouts
from checkout_async.errors.base import attach_key
from checkout_async.transport import pipeline
from tests.simulation.defects.plant import Send, always, defect, replaced, sending

_KEY_HEADER: Final = "cko-idempotency-key"


@defect()
def key_made_per_attempt() -> Generator[None]:
    """Each attempt sends a key of its own."""
    numbers = itertools.count()

    def change(genuine: Send) -> Send:
        async def send(self: Any, request: HttpRequest, timeouts: Timeouts) -> HttpResponse:
            headers = dict(request.headers)
            for name in [name for name in headers if name.lower() == _KEY_HEADER]:
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
    """A call that is cancelled leaves its key nowhere."""
    genuine = pipeline.Pipeline.__init__

    def init(self: Any, *args: Any, **named: Any) -> None:
        genuine(self, *args, **named)
        self._on_abandoned = always(None)

    def attach(error: BaseException, key: str | None, expires_at: datetime | None) -> None:
        if isinstance(error, errors.CheckoutError):
            attach_key(error, key, expires_at)

    with replaced(pipeline.Pipeline, "__init__", init), replaced(pipeline, "attach_key", attach):
        yield


@defect()
def key_of_the_payment_sent() -> Generator[None]:
    """Captures and refunds of a payment are sent under one key, which is made of the payment's id."""

    def change(genuine: Send) -> Send:
        async def send(self: Any, request: HttpRequest, timeouts: Timeouts) -> HttpResponse:
            payment = request.url.split("/")[-2]
            if payment.startswith("pay_"):
                headers = {name: value for name, value in request.headers.items() if name.lower() != _KEY_HEADER}
                request = msgspec.structs.replace(request, headers=headers | {_KEY_HEADER: payment})
            return await genuine(self, request, timeouts)

        return send

    with sending(change):
        yield


def _changing_amounts(action: str, change_amount: Callable[[int], int]) -> AbstractContextManager[object]:
    def change(genuine: Send) -> Send:
        async def send(self: Any, request: HttpRequest, timeouts: Timeouts) -> HttpResponse:
            if request.url.endswith(action):
                body = msgspec.json.decode(request.body or b"{}")
                body["amount"] = change_amount(body["amount"])
                request = msgspec.structs.replace(request, body=msgspec.json.encode(body))
            return await genuine(self, request, timeouts)

        return send

    return sending(change)


@defect()
def amount_of_an_earlier_call_sent() -> Generator[None]:
    """A capture is sent with the amount of the smallest before it: they share a buffer."""
    seen = deque[int]()

    def change(amount: int) -> int:
        seen.append(amount)
        return min(seen)

    with _changing_amounts("/captures", change):
        yield


@defect()
def refund_of_another_amount() -> Generator[None]:
    """The amount of a partial refund is not sent as the caller gave it."""
    with _changing_amounts("/refunds", lambda amount: amount + 1):
        yield
