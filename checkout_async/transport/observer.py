"""Sends events of a call to the hooks.

The pipeline gets a `CallObserver` for each call and passes each step through it. Without hooks there is none.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import urlsplit

from checkout_async._core.abandoned import AbandonedCall
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

__all__ = ["CallObserver", "ObserverFactory"]

_log = logging.getLogger("checkout_async")

T = TypeVar("T")


class ObserverFactory:
    """Creates the observers of a client's calls. `tokens` is whether these calls fetch access tokens."""

    def __init__(self, hooks: Sequence[Hook], monotonic: Callable[[], float], *, tokens: bool = False) -> None:
        self._hooks = tuple(hooks)
        self._monotonic = monotonic
        self._event_types = (TokenFetchStarted, TokenFetchEnded) if tokens else (CallStarted, CallEnded)

    def create(self, operation: Operation[Any], http: HttpRequest) -> CallObserver | None:
        """Return the observer of one call, or None if there are no hooks."""
        if not self._hooks:
            return None
        url = urlsplit(http.url)
        call = CallInfo(
            operation=operation.name,
            method=http.method,
            path=operation.path,
            idempotency=operation.idempotency,
            server=url.hostname or "",
            port=url.port or (80 if url.scheme == "http" else 443),
        )
        return CallObserver(self._hooks, call, self._monotonic, *self._event_types)


class CallObserver:
    """The observer of one call: it runs each step and sends its events to the hooks."""

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
        self._event_types = started, ended
        self._attempts = 0
        self._reply: HttpResponse | None = None
        self._abandoned: AbandonedCall | None = None
        self._may_have_been_done = False

    async def call(self, execute: Callable[[], Awaitable[ApiResponse[T]]]) -> ApiResponse[T]:
        """Run the whole call."""
        started, ended = self._event_types
        began = self._monotonic()
        failure: CheckoutError | None = None
        response: ApiResponse[T] | None = None
        self._emit(started(call=self._call))
        try:
            response = await execute()
            return response  # noqa: TRY300 - `finally` uses it
        except CheckoutError as error:
            failure = error
            self._may_have_been_done = error.may_have_been_done
            raise
        finally:
            self._emit(
                ended(
                    call=self._call,
                    seconds=self._monotonic() - began,
                    attempts=self._attempts,
                    status=_status(self._reply),
                    request_id=_request_id(self._reply),
                    failure=failure,
                    cancelled=failure is None and response is None,
                    may_have_been_done=self._may_have_been_done,
                    abandoned=self._abandoned,
                    ignored=response.ignored if response is not None else (),
                )
            )

    async def attempt(self, exchange: Callable[[], Awaitable[HttpResponse]]) -> HttpResponse:
        """Run one HTTP exchange."""
        self._attempts += 1
        self._reply = None
        failure: CheckoutError | None = None
        began = self._monotonic()
        self._emit(AttemptStarted(call=self._call, attempt=self._attempts))
        try:
            self._reply = reply = await exchange()
            return reply  # noqa: TRY300 - `finally` uses it
        except CheckoutError as error:
            failure = error
            raise
        finally:
            self._emit(
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
        """Run a wait that precedes an exchange."""
        began = self._monotonic()
        try:
            return await wait()
        finally:
            seconds = self._monotonic() - began
            self._emit(Waited(call=self._call, attempt=self._attempts + 1, reason=reason, seconds=seconds))

    def retry(self, seconds: float, failure: CheckoutError) -> None:
        """Report that the next attempt starts in `seconds`."""
        self._emit(RetryScheduled(call=self._call, attempt=self._attempts, seconds=seconds, failure=failure))

    def abandon(self, abandoned: AbandonedCall | None, *, may_have_been_done: bool) -> None:
        """Note what the end of the call will report: that its caller may not see an exception."""
        self._abandoned, self._may_have_been_done = abandoned, may_have_been_done

    def _emit(self, event: Event) -> None:
        for hook in self._hooks:
            try:
                hook(event)
            except Exception as error:  # noqa: BLE001 - a hook must not end a call that moves money
                # Only the type: the text of a user's exception may contain a secret.
                _log.warning("a hook raised %s, which was ignored; the call goes on", type(error).__name__)


def _status(reply: HttpResponse | None) -> int | None:
    return reply.status if reply is not None else None


def _request_id(reply: HttpResponse | None) -> str | None:
    return reply.request_id if reply is not None else None
