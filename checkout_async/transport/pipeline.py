"""The policies around a transport, in this order: retry( limit( authenticate( pace( transport ) ) ) ).

Retry is outermost, so each attempt waits for a slot of its own, is freshly authenticated and counted by the rates. One
deadline covers everything. What decides stands in `_core/retry.py`, `outcome.py` and `verdict.py`, what limits in
`limits.py`, what tells hooks in `observer.py`; this file puts them together.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Generic, TypeVar

import anyio

from checkout_async._core.decision import attach_key, final_error, is_ambiguous, key_conflict_wait, retry_wait
from checkout_async._core.events import Hook, WaitReason
from checkout_async._core.prepare import check_header_value, prepare
from checkout_async._core.response import parse_response
from checkout_async._core.wire import ApiRequest, ApiResponse, HttpRequest, HttpResponse, Operation, Transport
from checkout_async.auth.base import Authenticator
from checkout_async.auth.static import FixedAuthenticator
from checkout_async.clock import Clock
from checkout_async.config import RetryPolicy, Timeouts, require_type
from checkout_async.errors import CheckoutError, ConnectFailed, RateLimited
from checkout_async.limits.limiter import Limiter
from checkout_async.redaction import Headers
from checkout_async.transport.observer import Observer, Watch

__all__ = ["Pipeline", "Settings"]

_log = logging.getLogger("checkout_async")

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a client's calls have in common unless a call says otherwise."""

    user_agent: str
    timeouts: Timeouts = field(default_factory=Timeouts)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    validate_requests: bool = True
    clock: Clock = field(default_factory=Clock)
    hooks: tuple[Hook, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class _Call(Generic[T]):
    """One call under way: what all its attempts share."""

    operation: Operation[T]
    http: HttpRequest
    authenticator: Authenticator
    retry: RetryPolicy
    timeouts: Timeouts
    started: float
    own_key: bool
    watch: Watch

    @property
    def idempotency_key(self) -> str | None:
        """The key that every attempt carries."""
        return self.http.headers.get(self.operation.idempotency_header or "")


class Pipeline:
    """Carries out calls at one place with one authenticator. It is a Sender.

    `locate` turns an operation's path and query into a URL; `limiter` None means that the calls fetch access tokens:
    these wait for no slot, since a call that holds one waits for them. `check_open` raises once the client is closed.
    """

    def __init__(
        self,
        transport: Transport,
        authenticator: Authenticator,
        limiter: Limiter | None,
        locate: Callable[[str], str],
        settings: Settings,
        check_open: Callable[[], None] = lambda: None,
    ) -> None:
        self._transport = transport
        self._authenticator = authenticator
        self._limiter = limiter
        self._locate = locate
        self._settings = settings
        self._check_open = check_open
        self._observer = Observer(settings.hooks, settings.clock.monotonic, tokens=limiter is None)

    async def send(self, request: ApiRequest[T]) -> ApiResponse[T]:
        """Carry out a call. Raises InvalidRequest before anything is sent, and else what `errors` lists."""
        settings, options = self._settings, request.options
        retry = settings.retry if options.retry is None else options.retry
        require_type("retry", retry, RetryPolicy)
        http = prepare(request, self._locate, settings.user_agent, validate=settings.validate_requests)
        call = _Call(
            operation=request.operation,
            http=http,
            authenticator=self._authenticator_for(request),
            retry=retry,
            timeouts=settings.timeouts.merged(options.timeout),
            started=settings.clock.monotonic(),
            own_key=options.idempotency_key is not None,
            watch=self._observer.watch(request.operation, http),
        )
        response = await call.watch.call(partial(self._carried_out, call))
        if response.ignored:
            _tell_ignored(call.operation.name, response.ignored)
        return response

    async def _carried_out(self, call: _Call[T]) -> ApiResponse[T]:
        if self._limiter is not None:
            self._limiter.budget.note_call()
        try:
            return await self._repeated(call)
        except CheckoutError as error:
            attach_key(error, call.idempotency_key)
            raise

    def _authenticator_for(self, request: ApiRequest[Any]) -> Authenticator:
        secret = request.options.session_secret
        if secret is None:
            return self._authenticator
        return FixedAuthenticator(check_header_value(request.operation.name, "session_secret", secret))

    async def _repeated(self, call: _Call[T]) -> ApiResponse[T]:
        """Attempt the call until it succeeds, the failure is final, or the deadline leaves no room for a wait."""
        clock = self._settings.clock
        may_have_been_done = False
        attempt = counted = 0
        while True:
            attempt += 1
            try:
                response = await self._attempt(call)
                return response if attempt == 1 else replace(response, attempts=attempt)
            except CheckoutError as error:
                failure = error
            kind, note = call.operation.idempotency, ""
            wait = key_conflict_wait(kind, call.retry, failure, key_may_be_known=may_have_been_done or call.own_key)
            if wait is None and isinstance(failure, RateLimited):
                self._slow_down(call, failure)
            if wait is None:
                counted += 1
                wait = retry_wait(kind, call.retry, counted, failure, clock.draw())
                if wait is not None and wait < self._left(call) and not self._may_retry():
                    wait, note = None, "not repeated, because too many calls are: the retry budget is used up"
            elif wait >= self._left(call):
                note = f"its idempotency key may be in use: ask again with it in {wait:g} s"
            if wait is None or wait >= self._left(call):
                raise final_error(call.operation, failure, attempt, may_have_been_done=may_have_been_done, note=note)
            may_have_been_done = may_have_been_done or is_ambiguous(failure)
            call.watch.retry(wait, failure)
            await clock.sleep(wait)

    def _may_retry(self) -> bool:
        return self._limiter is None or self._limiter.budget.take()

    def _slow_down(self, call: _Call[Any], failure: RateLimited) -> None:
        """Let all calls wait as long as the reply asks for, but no longer than a call would wait for its own retry."""
        if self._limiter is not None:
            self._limiter.slow_down(min(failure.retry_after or 0.0, call.retry.max_retry_after))

    async def _attempt(self, call: _Call[T]) -> ApiResponse[T]:
        """Wait for a slot, then exchange; a 401 is answered once with a new credential where there can be one."""
        self._check_open()
        slots = self._limiter.slots if self._limiter is not None else None
        if slots is not None:
            await self._acquire(slots, call)
        try:
            authorization = await self._authorized(call)
            response = await self._exchange(call, authorization)
            if response.status == 401 and call.authenticator.on_unauthorized(authorization):
                response = await self._exchange(call, await self._authorized(call))
        finally:
            if slots is not None:
                slots.release_on_behalf_of(call)
        return parse_response(call.operation, response, self._settings.clock.now())

    async def _acquire(self, slots: anyio.CapacityLimiter, call: _Call[Any]) -> None:
        try:
            slots.acquire_on_behalf_of_nowait(call)
        except anyio.WouldBlock:
            await self._within(call, WaitReason.SLOT, partial(slots.acquire_on_behalf_of, call))

    async def _authorized(self, call: _Call[Any]) -> str:
        authorization = call.authenticator.current()
        if authorization is not None:
            return authorization
        return await self._within(call, WaitReason.TOKEN, call.authenticator.authorize)

    async def _exchange(self, call: _Call[Any], authorization: str) -> HttpResponse:
        await self._paced(call)
        left, timeouts, http = self._left(call), call.timeouts, call.http
        if left <= 0:
            raise _too_late(call, "before sending")
        if left < timeouts.attempt:
            timeouts = replace(timeouts, attempt=left, connect=min(timeouts.connect, left))
        headers = Headers({**http.headers, "Authorization": authorization})
        request = HttpRequest(method=http.method, url=http.url, headers=headers, body=http.body)
        return await call.watch.attempt(partial(self._transport.send, request, timeouts))

    async def _paced(self, call: _Call[Any]) -> None:
        """Wait until the rate limits allow one more request."""
        if self._limiter is None:
            return
        throttle = self._limiter.throttle(call.http.method)
        if not throttle.try_acquire():
            await self._within(call, WaitReason.RATE, throttle.acquire)

    async def _within(self, call: _Call[Any], reason: WaitReason, wait: Callable[[], Awaitable[T]]) -> T:
        """Wait for something before sending; when the deadline passes meanwhile, nothing was sent."""
        with anyio.move_on_after(max(0.0, self._left(call))):
            return await call.watch.wait(reason, wait)
        raise _too_late(call, _WAITING[reason])

    def _left(self, call: _Call[Any]) -> float:
        return call.started + call.timeouts.total - self._settings.clock.monotonic()


_PATHS_SHOWN = 20
_WAITING = {
    WaitReason.SLOT: "waiting for a free slot",
    WaitReason.RATE: "waiting for the rate limit",
    WaitReason.TOKEN: "waiting for an access token",
}


def _tell_ignored(operation: str, paths: tuple[str, ...]) -> None:
    shown = ", ".join(paths[:_PATHS_SHOWN]) + (" and more" if len(paths) > _PATHS_SHOWN else "")
    # A filter or handler of the application's that raises must not take the reply of a payment with it.
    with suppress(Exception):
        _log.warning("%s: members of an unexpected type read as None: %s", operation, shown)


def _too_late(call: _Call[Any], doing: str) -> ConnectFailed:
    return ConnectFailed(f"the deadline of {call.timeouts.total:g} s passed {doing}; nothing was sent")
