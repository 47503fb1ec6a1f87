"""Planted defects: mistakes that a payments client can make, each of which the oracles must find.

Most are planted where they survive a refactoring: in a transport between the client and aiohttp, in the settings of a
client, in the tables that the compiler writes, or by what a public class promises. A defect that is not found means
that an oracle, or a fault, is missing.
"""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
from collections.abc import Awaitable, Callable, Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, Final, TypeVar
from unittest import mock

import anyio
import msgspec
from aiohttp.client_proto import ResponseHandler
from anyio import CapacityLimiter
from checkout_async.batch.journal.operations import JournalOperation

import checkout_async._core.decision as decision
import checkout_async.auth.oauth as oauth
import checkout_async.auth.token_cache as token_cache
import checkout_async.limits.limiter as limiter
import checkout_async.transport.aiohttp as transport
import checkout_async.transport.pipeline as pipeline
from checkout_async import errors
from checkout_async._core.wire import HttpRequest, HttpResponse, Idempotency
from checkout_async._generated.operations import sessions as session_operations
from checkout_async.auth.token_store import AccessToken
from checkout_async.batch.journal import Claim, Journal
from checkout_async.batch.journal.writer import JournalWriter
from checkout_async.batch.records import Record
from checkout_async.config import Timeouts
from checkout_async.limits import RedisRateLimiter
from checkout_async.transport.guards import GuardedHandler

T = TypeVar("T")

Defect = Callable[[], AbstractContextManager[object]]

DEFECTS: Final[dict[str, Defect]] = {}


def defect(plant: Callable[[], Generator[None]]) -> Defect:
    """Register a defect under the name of its function."""
    made = contextmanager(plant)
    DEFECTS[plant.__name__] = made
    return made


def _always(value: T) -> Callable[..., T]:
    """Return a function that returns the value whatever it is called with."""
    return lambda *_args, **_named: value


_Send = Callable[[Any, HttpRequest, Timeouts], Awaitable[HttpResponse]]


def _sending(change: Callable[[_Send], _Send]) -> AbstractContextManager[object]:
    """Replace how a request is sent: `change` takes the genuine function and returns the other one."""
    return mock.patch.object(transport.AiohttpTransport, "send", change(transport.AiohttpTransport.send))


@defect
def key_made_per_attempt() -> Generator[None]:
    """Each attempt sends a key of its own."""
    numbers = itertools.count()

    def change(genuine: _Send) -> _Send:
        async def send(self: Any, request: HttpRequest, timeouts: Timeouts) -> HttpResponse:
            headers = dict(request.headers)
            for name in [name for name in headers if name.lower() == "cko-idempotency-key"]:
                headers[name] = f"attempt-{next(numbers)}"
            return await genuine(self, msgspec.structs.replace(request, headers=headers), timeouts)

        return send

    with _sending(change):
        yield


@defect
def key_shared_by_calls() -> Generator[None]:
    """Two calls send the same key."""
    numbers = itertools.count()
    with mock.patch("checkout_async._core.prepare.new_key", lambda: f"key-{next(numbers) // 2}"):
        yield


@defect
def unknown_outcome_taken_for_not_sent() -> Generator[None]:
    """A connection that breaks while the reply is awaited counts as if nothing had been sent."""

    def change(genuine: _Send) -> _Send:
        async def send(self: Any, request: HttpRequest, timeouts: Timeouts) -> HttpResponse:
            try:
                return await genuine(self, request, timeouts)
            except errors.OutcomeUnknown as error:
                raise errors.ConnectFailed(str(error)) from error

        return send

    with _sending(change):
        yield


@defect
def server_error_taken_for_not_done() -> Generator[None]:
    """A 5xx counts as if nothing had been done."""

    def change(genuine: Any) -> Any:
        def init(self: Any, *args: Any, **named: Any) -> None:
            genuine(self, *args, **named)
            if self.status >= 500:
                self.may_have_been_done = False

        return init

    with mock.patch.object(errors.ApiError, "__init__", change(errors.ApiError.__init__)):
        yield


@defect
def request_timeout_taken_for_not_done() -> Generator[None]:
    """A 408 counts as if nothing had been done."""
    with mock.patch("checkout_async.errors.calls._REQUEST_TIMEOUT", 0):
        yield


@defect
def earlier_attempt_forgotten() -> Generator[None]:
    """The last attempt alone decides whether a call may have been carried out."""
    genuine = decision.final_error

    def final_error(*args: Any, may_have_been_done: bool, **named: Any) -> Any:
        return genuine(*args, may_have_been_done=False, **named)

    with mock.patch.object(pipeline, "final_error", final_error):
        yield


@defect
def operation_without_key_retried() -> Generator[None]:
    """A session is requested again after an attempt whose outcome is unknown."""
    with ExitStack() as stack:
        for name, value in vars(session_operations).items():
            if getattr(value, "name", "") == "request_session":
                stack.enter_context(
                    mock.patch.object(
                        session_operations, name, dataclasses.replace(value, idempotency=Idempotency.NATURAL)
                    )
                )
        yield


@defect
def reply_that_came_before_believed() -> Generator[None]:
    """A reply that the server sends twice is taken for the reply to the next request."""

    def change(genuine: _Send) -> _Send:
        async def send(self: Any, request: HttpRequest, timeouts: Timeouts) -> HttpResponse:
            return msgspec.structs.replace(await genuine(self, request, timeouts), is_first=True)

        return send

    with (
        _sending(change),
        mock.patch.object(GuardedHandler, "is_clean", _always(True)),
        mock.patch.object(transport, "_is_repeated", _always(False)),
        mock.patch.object(GuardedHandler, "data_received", ResponseHandler.data_received),
        mock.patch.object(pipeline, "mismatch", _always(None)),
        mock.patch.object(pipeline, "answers_another_read", _always(False)),
    ):
        yield


@defect
def slot_kept_on_cancellation() -> Generator[None]:
    """A cancelled call does not give its slot back."""
    with mock.patch.object(anyio, "CapacityLimiter", _Slots):
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


@defect
def refused_token_kept() -> Generator[None]:
    """A token that the API has refused stays in use."""
    with mock.patch.object(token_cache.TokenCache, "drop", _always(None)):
        yield


@defect
def token_fetched_by_every_call() -> Generator[None]:
    """The token of a reply is not kept."""
    with mock.patch.object(token_cache.TokenCache, "_set", _always(None)):
        yield


@defect
def token_fetched_by_every_waiter() -> Generator[None]:
    """Each call that waits for a token fetches one."""

    def start(self: Any) -> Any:
        return asyncio.create_task(self._renew())

    with mock.patch.object(token_cache.TokenCache, "_start_fetch", start):
        yield


@defect
def token_that_never_expires() -> Generator[None]:
    """A 401 is final, and a token is used beyond its lifetime."""
    with (
        mock.patch.object(token_cache, "_expiry_margin", _always(-1e9)),
        mock.patch.object(token_cache, "_refresh_margin", _always(-1e9)),
        mock.patch.object(oauth.OAuthAuthenticator, "on_unauthorized", _always(False)),
    ):
        yield


@defect
def deadline_for_each_attempt() -> Generator[None]:
    """Each attempt starts the deadline anew."""

    def remaining(_self: Any, call: Any) -> float:
        return float(call.timeouts.total)

    with mock.patch.object(pipeline.Pipeline, "_remaining", remaining):
        yield


@defect
def no_deadline_while_reading() -> Generator[None]:
    """A server that stops in the middle of a reply is waited for without end."""

    def change(genuine: _Send) -> _Send:
        async def send(self: Any, request: HttpRequest, timeouts: Timeouts) -> HttpResponse:
            return await genuine(self, request, dataclasses.replace(timeouts, attempt=1e6))

        return send

    with _sending(change):
        yield


@defect
def rate_ignored() -> Generator[None]:
    """Requests are sent as fast as callers make them."""
    with mock.patch.object(limiter.Throttle, "try_acquire", _always(True)):
        yield


@defect
def permit_never_consumed() -> Generator[None]:
    """A permit is granted for each time that somebody asks, and never consumed."""
    with mock.patch.object(limiter._Gcra, "consume", _always(None)):
        yield


@defect
def unknown_status_taken_for_success() -> Generator[None]:
    """A status that nobody defined is a success."""

    def change(genuine: _Send) -> _Send:
        async def send(self: Any, request: HttpRequest, timeouts: Timeouts) -> HttpResponse:
            reply = await genuine(self, request, timeouts)
            if reply.status == 599:
                return msgspec.structs.replace(reply, status=202, body=b'{"id": "pay_aaaaaaaaaaaaaaaaaaaaaaaaaa"}')
            return reply

        return send

    with _sending(change):
        yield


@defect
def broken_reply_taken_for_success() -> Generator[None]:
    """A 2xx whose body breaks off is a success without a value, and is returned as one."""

    def change(genuine: _Send) -> _Send:
        async def send(self: Any, request: HttpRequest, timeouts: Timeouts) -> HttpResponse:
            try:
                return await genuine(self, request, timeouts)
            except errors.OutcomeUnknown:
                return HttpResponse(status=200, headers={}, body=b'{"id": "pay_aaaaaaaaaaaaaaaaaaaaaaaaaa"}')

        return send

    with _sending(change):
        yield


@defect
def key_missing_on_the_error() -> Generator[None]:
    """The error that ends a call in doubt has no key, so the caller begins anew."""
    with mock.patch.object(pipeline, "attach_key", _always(None)):
        yield


@defect
def connections_left_open() -> Generator[None]:
    """Closing the client leaves its connections open."""

    async def aclose(self: Any) -> None:
        self._closed = True

    with mock.patch.object(transport.AiohttpTransport, "aclose", aclose):
        yield


@defect
def cancelled_waiter_cancels_the_fetch() -> Generator[None]:
    """A cancelled call cancels the token fetch that others wait for."""

    async def await_fetch(_self: Any, fetch: asyncio.Task[AccessToken]) -> str:
        return (await fetch).value

    with mock.patch.object(token_cache.TokenCache, "_await_fetch", await_fetch):
        yield


@defect
def repeated_reply_believed() -> Generator[None]:
    """A reply with the same request id as an earlier one of its connection is believed."""
    with mock.patch.object(transport, "_is_repeated", _always(False)):
        yield


@defect
def surplus_bytes_ignored() -> Generator[None]:
    """A connection on which bytes arrived while it was idle is used again, and they are taken for the next reply."""
    with (
        mock.patch.object(GuardedHandler, "is_clean", _always(True)),
        mock.patch.object(GuardedHandler, "data_received", ResponseHandler.data_received),
        mock.patch.object(transport, "_is_repeated", _always(False)),
    ):
        yield


@defect
def claim_not_on_disk_before_the_request() -> Generator[None]:
    """The journal confirms that a record is about to be sent before this is on the disk."""

    def write(self: JournalWriter, operation: JournalOperation) -> asyncio.Future[None]:
        self.add(operation)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.set_result(None)
        return future

    with mock.patch.object(JournalWriter, "write", write):
        yield


@defect
def record_in_doubt_sent_again() -> Generator[None]:
    """A resumed batch sends records again that an earlier run may have sent."""
    genuine = Journal.claim

    async def claim(self: Journal, record: Record, **_named: bool) -> Claim:
        return await genuine(self, record, retry_unknown=True)

    with mock.patch.object(Journal, "claim", claim):
        yield


@defect
def rates_not_shared() -> Generator[None]:
    """Redis is asked for each permit, and its answer is ignored."""

    async def acquire(*_args: object) -> float:
        return 0.0

    with mock.patch.object(RedisRateLimiter, "acquire", acquire):
        yield
