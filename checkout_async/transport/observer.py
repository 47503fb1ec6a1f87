"""Tells hooks what happens during a call. Where there are no hooks, no event is made and nothing is measured."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import urlsplit

from checkout_async._core.events import (
    AttemptEnded,
    AttemptStarted,
    CallEnded,
    CallInfo,
    CallStarted,
    Event,
    Hook,
    RetryScheduled,
    TokenFetchEnded,
    TokenFetchStarted,
    Waited,
    WaitReason,
)
from checkout_async._core.wire import ApiResponse, HttpRequest, HttpResponse, Operation
from checkout_async.errors import CheckoutError

__all__ = ["Observer", "Watch"]

_log = logging.getLogger("checkout_async")

T = TypeVar("T")


class Watch:
    """The observation of one call by nobody: every step is passed through as it is."""

    def call(self, carry_out: Callable[[], Awaitable[ApiResponse[T]]]) -> Awaitable[ApiResponse[T]]:
        """Watch the whole call."""
        return carry_out()

    def attempt(self, exchange: Callable[[], Awaitable[HttpResponse]]) -> Awaitable[HttpResponse]:
        """Watch one HTTP exchange."""
        return exchange()

    def wait(self, _reason: WaitReason, wait: Callable[[], Awaitable[T]]) -> Awaitable[T]:
        """Watch something that has to be waited for before an exchange."""
        return wait()

    def retry(self, seconds: float, failure: CheckoutError) -> None:
        """Take note that there will be another attempt in so many seconds."""


class Observer:
    """Makes the watches of a client's calls; `tokens` says that the calls fetch access tokens."""

    def __init__(self, hooks: Sequence[Hook], monotonic: Callable[[], float], *, tokens: bool = False) -> None:
        self._hooks = tuple(hooks)
        self._monotonic = monotonic
        self._kinds = (TokenFetchStarted, TokenFetchEnded) if tokens else (CallStarted, CallEnded)

    def watch(self, operation: Operation[Any], http: HttpRequest) -> Watch:
        """Return the watch of one call."""
        if not self._hooks:
            return _NOBODY
        where = urlsplit(http.url)
        call = CallInfo(
            operation=operation.name,
            method=http.method,
            path=operation.path,
            idempotency=operation.idempotency,
            server=where.hostname or "",
            port=where.port or (80 if where.scheme == "http" else 443),
        )
        return _HookedWatch(self._hooks, call, self._monotonic, *self._kinds)


_NOBODY = Watch()


class _HookedWatch(Watch):
    """The observation of one call by hooks."""

    def __init__(
        self,
        hooks: tuple[Hook, ...],
        call: CallInfo,
        monotonic: Callable[[], float],
        started: type[CallStarted],
        ended: type[CallEnded],
    ) -> None:
        self._hooks = hooks
        self._call = call
        self._monotonic = monotonic
        self._kinds = started, ended
        self._attempts = 0
        self._reply: HttpResponse | None = None

    async def call(self, carry_out: Callable[[], Awaitable[ApiResponse[T]]]) -> ApiResponse[T]:
        started, ended = self._kinds
        began = self._monotonic()
        failure: CheckoutError | None = None
        response: ApiResponse[T] | None = None
        self._tell(started(call=self._call))
        try:
            response = await carry_out()
            return response  # noqa: TRY300 - `finally` tells of it
        except CheckoutError as error:
            failure = error
            raise
        finally:
            self._tell(
                ended(
                    call=self._call,
                    seconds=self._monotonic() - began,
                    attempts=self._attempts,
                    status=_status(self._reply),
                    request_id=_request_id(self._reply),
                    failure=failure,
                    cancelled=failure is None and response is None,
                    ignored=response.ignored if response is not None else (),
                )
            )

    async def attempt(self, exchange: Callable[[], Awaitable[HttpResponse]]) -> HttpResponse:
        self._attempts += 1
        self._reply = None
        failure: CheckoutError | None = None
        began = self._monotonic()
        self._tell(AttemptStarted(call=self._call, attempt=self._attempts))
        try:
            self._reply = reply = await exchange()
            return reply  # noqa: TRY300 - `finally` tells of it
        except CheckoutError as error:
            failure = error
            raise
        finally:
            self._tell(
                AttemptEnded(
                    call=self._call,
                    attempt=self._attempts,
                    seconds=self._monotonic() - began,
                    status=_status(self._reply),
                    request_id=_request_id(self._reply),
                    failure=failure,
                    cancelled=failure is None and self._reply is None,
                )
            )

    async def wait(self, reason: WaitReason, wait: Callable[[], Awaitable[T]]) -> T:
        began = self._monotonic()
        try:
            return await wait()
        finally:
            seconds = self._monotonic() - began
            self._tell(Waited(call=self._call, attempt=self._attempts + 1, reason=reason, seconds=seconds))

    def retry(self, seconds: float, failure: CheckoutError) -> None:
        self._tell(RetryScheduled(call=self._call, attempt=self._attempts, seconds=seconds, failure=failure))

    def _tell(self, event: Event) -> None:
        for hook in self._hooks:
            try:
                hook(event)
            except Exception as error:  # noqa: BLE001 - a hook must not end a call that moves money
                # Only the type: what a stranger's exception says may be anything.
                _log.warning("a hook raised %s and was passed over", type(error).__name__)


def _status(reply: HttpResponse | None) -> int | None:
    return reply.status if reply is not None else None


def _request_id(reply: HttpResponse | None) -> str | None:
    return reply.request_id if reply is not None else None
