"""The policies around a transport, in this order: retry( limit( authenticate( transport ) ) ).

Retry is outermost, so each attempt waits for a slot of its own and is freshly authenticated. One deadline covers
everything. What decides stands in `_core/retry.py` and `_core/outcome.py`; this file waits and counts.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

import anyio

from checkout_async._core.outcome import outcome
from checkout_async._core.prepare import checked_header_value, prepare
from checkout_async._core.retry import is_ambiguous, retry_wait, wait_for_key
from checkout_async._core.wire import (
    ApiRequest,
    ApiResponse,
    HttpRequest,
    HttpResponse,
    Idempotency,
    Operation,
    Transport,
)
from checkout_async._transport.clock import Clock
from checkout_async.config import RetryPolicy, Timeouts, require_kind
from checkout_async.credentials.base import Authenticator
from checkout_async.credentials.static import FixedAuthenticator
from checkout_async.errors import (
    CheckoutError,
    ConnectFailed,
    OutcomeUnknown,
    TransportError,
    UnexpectedResponse,
)

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

    @property
    def idempotency_key(self) -> str | None:
        """The key that every attempt carries."""
        return self.http.headers.get(self.operation.idempotency_header or "")


class Pipeline:
    """Carries out calls at one place with one authenticator. It is a Sender.

    `locate` turns an operation's path and query into a URL; `gate` gives the limiter of attempts in flight.
    """

    def __init__(
        self,
        transport: Transport,
        authenticator: Authenticator,
        gate: Callable[[], anyio.CapacityLimiter] | None,
        locate: Callable[[str], str],
        settings: Settings,
    ) -> None:
        self._transport = transport
        self._authenticator = authenticator
        self._gate = gate
        self._locate = locate
        self._settings = settings

    async def send(self, request: ApiRequest[T]) -> ApiResponse[T]:
        """Carry out a call. Raises InvalidRequest before anything is sent, and else what `errors` lists."""
        settings, options = self._settings, request.options
        require_kind("retry", options.retry or settings.retry, RetryPolicy)
        http = prepare(request, self._locate, settings.user_agent, validate=settings.validate_requests)
        call = _Call(
            operation=request.operation,
            http=http,
            authenticator=self._authenticator_for(request),
            retry=options.retry or settings.retry,
            timeouts=settings.timeouts.updated(options.timeout),
            started=settings.clock.monotonic(),
            own_key=options.idempotency_key is not None,
        )
        try:
            response = await self._repeated(call)
        except CheckoutError as error:
            error.note_key(call.idempotency_key)
            raise
        if response.ignored:
            members = ", ".join(response.ignored)
            _log.warning("%s: members of an unexpected type read as None: %s", call.operation.name, members)
        return response

    def _authenticator_for(self, request: ApiRequest[Any]) -> Authenticator:
        secret = request.options.session_secret
        if secret is None:
            return self._authenticator
        return FixedAuthenticator(checked_header_value(request.operation.name, "session_secret", secret))

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
            kind = call.operation.idempotency
            wait = wait_for_key(kind, call.retry, failure, known_key=may_have_been_done or call.own_key)
            if wait is None:
                counted += 1
                wait = retry_wait(kind, call.retry, counted, failure, clock.draw())
            elif wait >= self._left(call):
                failure.args = (f"{failure}; its idempotency key is in use: ask again with it in {wait:g} s",)
            if wait is None or wait >= self._left(call):
                raise _final(call.operation, failure, attempt, may_have_been_done=may_have_been_done)
            may_have_been_done = may_have_been_done or is_ambiguous(failure)
            await clock.sleep(wait)

    async def _attempt(self, call: _Call[T]) -> ApiResponse[T]:
        """Wait for a slot, then exchange; a 401 is answered once with a new credential where there can be one."""
        limiter = self._gate() if self._gate is not None else None
        if limiter is not None:
            await self._acquire(limiter, call)
        try:
            authorization = await self._authorized(call)
            response = await self._exchange(call, authorization)
            if response.status == 401 and call.authenticator.rejected(authorization):
                response = await self._exchange(call, await self._authorized(call))
        finally:
            if limiter is not None:
                limiter.release_on_behalf_of(call)
        return outcome(call.operation, response, self._settings.clock.now())

    async def _acquire(self, limiter: anyio.CapacityLimiter, call: _Call[Any]) -> None:
        try:
            limiter.acquire_on_behalf_of_nowait(call)
        except anyio.WouldBlock:
            await self._within(call, limiter.acquire_on_behalf_of, call, doing="waiting for a free slot")

    async def _authorized(self, call: _Call[Any]) -> str:
        authorization = call.authenticator.current()
        if authorization is not None:
            return authorization
        return await self._within(call, call.authenticator.authorize, doing="waiting for an access token")

    async def _exchange(self, call: _Call[Any], authorization: str) -> HttpResponse:
        left, timeouts, http = self._left(call), call.timeouts, call.http
        if left <= 0:
            raise _too_late(call, "before sending")
        if left < timeouts.attempt:
            timeouts = replace(timeouts, attempt=left, connect=min(timeouts.connect, left))
        headers = {**http.headers, "Authorization": authorization}
        return await self._transport.send(
            HttpRequest(method=http.method, url=http.url, headers=headers, body=http.body), timeouts
        )

    async def _within(self, call: _Call[Any], do: Callable[..., Awaitable[T]], *args: object, doing: str) -> T:
        """Do something before sending; when the deadline passes meanwhile, nothing was sent."""
        with anyio.move_on_after(max(0.0, self._left(call))):
            return await do(*args)
        raise _too_late(call, doing)

    def _left(self, call: _Call[Any]) -> float:
        return call.started + call.timeouts.total - self._settings.clock.monotonic()


def _too_late(call: _Call[Any], doing: str) -> ConnectFailed:
    return ConnectFailed(f"the deadline of {call.timeouts.total:g} s passed {doing}; nothing was sent")


def _final(
    operation: Operation[Any], failure: CheckoutError, attempts: int, *, may_have_been_done: bool
) -> CheckoutError:
    """Return the error to raise. Where an earlier attempt may have been carried out, the last failure hides that."""
    says_done = isinstance(failure, UnexpectedResponse) and 200 <= failure.status < 300
    hides = may_have_been_done and not says_done and not is_ambiguous(failure)
    if hides and operation.idempotency is not Idempotency.SAFE:
        unknown = OutcomeUnknown(f"an earlier attempt may have been carried out; the last one ended with: {failure}")
        unknown.__cause__ = failure
        failure = unknown
    if not isinstance(failure, TransportError):
        if is_ambiguous(failure):
            failure.args = (f"{failure}{_ADVICE[operation.idempotency]}",)
        return failure
    described = type(failure)(
        f"{operation.name}: {failure}{_advice(operation, failure)}",
        operation=operation.name,
        attempts=attempts,
    )
    described.__cause__ = failure.__cause__
    return described


# What to do where the operation may have been carried out.
_ADVICE = {
    Idempotency.SAFE: "; calling again is safe",
    Idempotency.NATURAL: "; calling again does no harm",
    Idempotency.KEY: "; call again with the same idempotency key (it is on this error)",
    Idempotency.NONE: "; look up what became of it before calling again",
}


def _advice(operation: Operation[Any], failure: TransportError) -> str:
    return _ADVICE[operation.idempotency] if isinstance(failure, OutcomeUnknown) else ""
