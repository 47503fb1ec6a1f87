"""The policies around a transport, from the outside in: retry, concurrency limit, authentication, rate limit.

The order matters:

- Retry is outermost. So each attempt acquires its own slot, gets a fresh credential and counts towards the rates. A
  call that waits before a retry occupies no slot.
- The slot is acquired before the token is fetched. So calls that wait for a token count as in progress, too.
- The rate permit is acquired last. So a permit is used at once, and a request repeated after a 401 takes another one.

One deadline covers all of it. This file connects the parts: `_core/decision.py` decides on retries and the final error,
`_core/response.py` reads a reply, `correlation.py` checks that it is the one to the call, `limits/limiter.py` limits,
and `observer.py` sends events to hooks.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

import anyio
from msgspec.structs import replace as replace_struct

from checkout_async._core.abandoned import AbandonedCall
from checkout_async._core.decision import final_error, is_ambiguous, key_conflict_wait, retry_wait
from checkout_async._core.events import Hook, WaitReason
from checkout_async._core.prepare import check_header_value, prepare
from checkout_async._core.response import parse_response, parse_success
from checkout_async._core.sent_secrets import black_out, sent_secrets
from checkout_async._core.wire import (
    ApiRequest,
    ApiResponse,
    HttpResponse,
    Transport,
)
from checkout_async.auth.base import Authenticator
from checkout_async.auth.static import FixedAuthenticator
from checkout_async.clock import Clock
from checkout_async.config import RetryPolicy, Timeouts, Validation
from checkout_async.errors import (
    CheckoutError,
    ClientClosed,
    ConnectFailed,
    RateLimited,
)
from checkout_async.errors.base import attach_key
from checkout_async.limits.limiter import Limiter
from checkout_async.redaction import clears_frames
from checkout_async.transport.call_state import CallState
from checkout_async.transport.correlation import check_reply, likely_mistake
from checkout_async.transport.observer import ObserverFactory

__all__ = ["Pipeline", "Settings"]

_log = logging.getLogger("checkout_async")

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of a client's calls. The options of a call override some of them."""

    user_agent: str
    timeouts: Timeouts = field(default_factory=Timeouts)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    validate: Validation = "shape"
    clock: Clock
    hooks: tuple[Hook, ...] = ()


class Pipeline:
    """Executes calls to one server with one authenticator. It is a Sender.

    `locate` returns the URL for an operation's path and query. `limiter` is None for the pipeline that fetches access
    tokens: a token request must not wait for a slot, because the call that waits for the token occupies one.
    `check_open` raises an error when the client is closed. `on_abandoned` takes the calls with an idempotency key whose
    caller may not see an exception.
    """

    def __init__(
        self,
        transport: Transport,
        authenticator: Authenticator,
        limiter: Limiter | None,
        locate: Callable[[str], str],
        settings: Settings,
        check_open: Callable[[], None] = lambda: None,
        on_abandoned: Callable[[AbandonedCall], None] = lambda _abandoned: None,
    ) -> None:
        self._transport = transport
        self._authenticator = authenticator
        self._limiter = limiter
        self._locate = locate
        self._settings = settings
        self._check_open = check_open
        self._on_abandoned = on_abandoned
        self._observers = ObserverFactory(settings.hooks, settings.clock.monotonic, tokens=limiter is None)

    async def send(self, request: ApiRequest[T]) -> ApiResponse[T]:
        """Execute a call. Raises InvalidRequest before it sends anything, later the other errors of `errors`."""
        settings, options = self._settings, request.options
        retry = settings.retry if options.retry is None else settings.retry.merged(options.retry)
        http = prepare(request, self._locate, settings.user_agent, validate=settings.validate)
        call = CallState(
            request,
            http,
            self._authenticator if options.session_secret is None else self._authenticator_for(request),
            retry,
            settings.timeouts if options.timeout is None else settings.timeouts.merged(options.timeout),
            settings.clock.monotonic(),
            self._observers.create(request.operation, http),
        )
        # Without hooks no step goes through an observer: its functions and coroutines take 3 us a call.
        if call.observer is None:
            response = await self._execute(call)
        else:
            response = await call.observer.call(partial(self._execute, call))
        if response.ignored:
            _log_ignored(call.operation.name, response.ignored)
        return response

    async def _execute(self, call: CallState[T]) -> ApiResponse[T]:
        if self._limiter is not None:
            self._limiter.budget.deposit()
        try:
            return await self._retry_loop(call)
        except CheckoutError as error:
            attach_key(error, call.idempotency_key, call.key_expires_at)
            if self._is_closed():
                self._abandon(call, may_have_been_done=error.may_have_been_done)
            raise
        # A cancellation, Ctrl-C, or the end of a coroutine that nobody awaits any longer.
        except BaseException as error:
            attach_key(error, call.idempotency_key, call.key_expires_at)
            self._abandon(call, may_have_been_done=call.may_have_been_done)
            raise

    def _is_closed(self) -> bool:
        try:
            self._check_open()
        except CheckoutError as error:
            return isinstance(error, ClientClosed)
        return False

    def _abandon(self, call: CallState[Any], *, may_have_been_done: bool) -> None:
        """Record a call whose caller may not see an exception, if it has a key and may have been carried out."""
        abandoned = call.abandoned(self._settings.clock.now()) if may_have_been_done else None
        if abandoned is not None:
            self._on_abandoned(abandoned)
        if call.observer is not None:
            call.observer.abandon(abandoned, may_have_been_done=may_have_been_done)

    @clears_frames
    def _authenticator_for(self, request: ApiRequest[Any]) -> Authenticator:
        secret = request.options.session_secret or ""
        return FixedAuthenticator(check_header_value(request.operation.name, "session_secret", secret))

    async def _retry_loop(self, call: CallState[T]) -> ApiResponse[T]:
        """Attempt the call until it succeeds, the failure is final, or the deadline leaves no time for the wait.

        `attempt` counts all attempts. `counted` leaves out those that failed because the idempotency key was in use:
        `RetryPolicy.attempts` does not limit them.
        """
        clock = self._settings.clock
        attempt = counted = 0
        in_doubt = False
        conflict: CheckoutError | None = None
        while True:
            attempt += 1
            try:
                response = await self._attempt(call, is_first=attempt == 1)
                return response if attempt == 1 else replace_struct(response, attempts=attempt)
            except CheckoutError as error:
                failure = self._what_is_known(call, error, conflict)
            # Kept across attempts: a later, clear failure does not prove that an earlier attempt was not carried out.
            earlier, in_doubt = in_doubt, in_doubt or is_ambiguous(failure)
            kind, note = call.operation.idempotency, ""
            # The API may know the key if an earlier attempt may have arrived or found it in use, or if the caller may
            # have used it before.
            key_may_be_known = earlier or conflict is not None or call.caller_supplied_key
            wait = key_conflict_wait(kind, call.retry, failure, key_may_be_known=key_may_be_known)
            # A 429 for a key in use is not a rate limit: it slows down no other call.
            if wait is None and isinstance(failure, RateLimited):
                self._slow_down(call, failure)
            if wait is not None:
                conflict = failure
            elif conflict is not None:
                # The request that held the key is this payment too: it may have been done, even if no other was sent.
                earlier = in_doubt = True
            call.is_in_flight, call.may_earlier_have_been_done = False, in_doubt or conflict is not None
            if wait is None:
                counted += 1
                wait = None if call.lacks_token else retry_wait(kind, call.retry, counted, failure, clock.draw())
                # A retry is taken out of the budget only if the deadline leaves time for it.
                if wait is not None and wait < self._remaining(call) and not self._withdraw_retry():
                    wait, note = None, "not retried: retry budget exhausted"
            elif wait >= self._remaining(call):
                note = (
                    "another request with this idempotency key may still be in progress; retry with the same key after "
                    f"{wait:g} s"
                )
            if wait is None or wait >= self._remaining(call):
                raise final_error(
                    call.operation,
                    likely_mistake(call, failure),
                    attempt,
                    may_have_been_done=earlier,
                    was_refused=call.was_refused,
                    key_may_be_known=key_may_be_known,
                    note=note,
                )
            await self._wait_to_retry(call, wait, failure)

    async def _wait_to_retry(self, call: CallState[Any], wait: float, failure: CheckoutError) -> None:
        on_unsent = call.request.options.on_unsent
        if on_unsent is not None and not call.may_earlier_have_been_done:
            on_unsent()
        if call.observer is not None:
            call.observer.retry(wait, failure)
        await self._settings.clock.sleep(wait)

    def _what_is_known(
        self, call: CallState[Any], failure: CheckoutError, conflict: CheckoutError | None
    ) -> CheckoutError:
        """Return the conflict of an earlier attempt if the deadline passed before the key could be tried again."""
        is_over = isinstance(failure, ConnectFailed) and self._remaining(call) <= 0
        return conflict if conflict is not None and is_over else failure

    def _withdraw_retry(self) -> bool:
        return self._limiter is None or self._limiter.budget.try_withdraw()

    def _slow_down(self, call: CallState[Any], failure: RateLimited) -> None:
        """Make all calls wait as long as the reply asks for, but no longer than a call would wait for its own retry."""
        if self._limiter is not None:
            self._limiter.slow_down(min(failure.retry_after or 0.0, call.retry.max_retry_after))

    async def _attempt(self, call: CallState[T], *, is_first: bool) -> ApiResponse[T]:
        """Acquire a slot, then send the request. After a 401, send it once more if there can be a new credential."""
        if not is_first:  # before the first attempt, the client has just done it
            self._check_open()
        slots = self._limiter.slots if self._limiter is not None else None
        if slots is not None:
            try:
                slots.acquire_on_behalf_of_nowait(call)
            except anyio.WouldBlock:
                await self._await_with_deadline(call, WaitReason.SLOT, partial(slots.acquire_on_behalf_of, call))
        try:
            authorization = call.authenticator.current() or await self._authorize(call)
            response = await self._exchange(call, authorization)
            # A 401 proves that nothing was done, so this is safe for every operation. It is not a counted retry.
            if response.status == 401 and call.authenticator.on_unauthorized(authorization):
                authorization = call.authenticator.current() or await self._authorize(call)
                response = await self._exchange(call, authorization)
        finally:
            if slots is not None:
                slots.release_on_behalf_of(call)
        if response.status < 400:
            parsed = parse_success(call.operation, response)
        else:
            parsed = parse_response(call.operation, response, self._settings.clock.now(), partial(_conceal, call))
        check_reply(call, response, parsed)
        return parsed

    async def _authorize(self, call: CallState[Any]) -> str:
        """Wait for an access token."""
        try:
            return await self._await_with_deadline(call, WaitReason.TOKEN, call.authenticator.authorize)
        except CheckoutError:
            # Else an outage of the token endpoint would multiply the call's attempts by those of the token request.
            call.lacks_token = True
            raise

    async def _exchange(self, call: CallState[Any], authorization: str) -> HttpResponse:
        """Wait for a rate permit, then send one HTTP request."""
        if self._limiter is not None:
            throttle = self._limiter.throttle(call.http.method)
            if not throttle.try_acquire():
                await self._await_with_deadline(call, WaitReason.RATE, throttle.acquire)
        # The client may have been closed while this call waited. The transport may be another client's too.
        self._check_open()
        if (before_send := call.request.options.before_send) is not None:
            # Nothing is waited for any more: what the caller records here is really about to be sent. The deadline is
            # for the API, and does not count this.
            began = self._settings.clock.monotonic()
            await before_send()
            call.deadline += self._settings.clock.monotonic() - began
        remaining, timeouts = self._remaining(call), call.timeouts
        if remaining <= 0:
            raise _deadline_error(call, "before sending")
        if remaining < timeouts.attempt:
            timeouts = replace(timeouts, attempt=remaining, connect=min(timeouts.connect, remaining))
        request = call.http.with_authorization(authorization)
        if call.first_attempt is None and call.idempotency_key is not None:
            call.first_attempt = self._settings.clock.now()
        # Not in a `finally`: if the exchange fails, its failure decides what it leaves open.
        call.is_in_flight = True
        if call.observer is None:
            response = await self._transport.send(request, timeouts)
        else:
            response = await call.observer.attempt(partial(self._transport.send, request, timeouts))
        call.is_in_flight = False
        call.was_refused = call.was_refused or response.status >= 400
        return response

    async def _await_with_deadline(
        self, call: CallState[Any], reason: WaitReason, wait: Callable[[], Awaitable[T]]
    ) -> T:
        """Wait before sending. Raises ConnectFailed at the deadline: nothing was sent."""
        with anyio.move_on_after(max(0.0, self._remaining(call))):
            return await (wait() if call.observer is None else call.observer.wait(reason, wait))
        raise _deadline_error(call, _WAIT_TEXTS[reason])

    def _remaining(self, call: CallState[Any]) -> float:
        """Return the seconds until the call's deadline."""
        return call.deadline - self._settings.clock.monotonic()


_MAX_PATHS_SHOWN = 20
_WAIT_TEXTS = {
    WaitReason.SLOT: "waiting for a free slot",
    WaitReason.RATE: "waiting for the rate limit",
    WaitReason.TOKEN: "waiting for an access token",
}


def _conceal(call: CallState[Any], text: str) -> str:
    return black_out(text, sent_secrets(call.request, call.http.body))


def _log_ignored(operation: str, paths: tuple[str, ...]) -> None:
    shown = ", ".join(paths[:_MAX_PATHS_SHOWN]) + (" and more" if len(paths) > _MAX_PATHS_SHOWN else "")
    # If a log filter or handler of the application raises, the caller must still get the reply to a payment.
    with suppress(Exception):
        _log.warning("%s: members of an unexpected type were replaced by None: %s", operation, shown)


def _deadline_error(call: CallState[Any], phase: str) -> ConnectFailed:
    return ConnectFailed(f"the deadline of {call.timeouts.total:g} s passed {phase}; nothing was sent")
