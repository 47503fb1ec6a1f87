"""One call against every sequence of results that its attempts can have, with a cancellation at every step.

The table of results says what each one means for the caller; it is taken from RFC 9110, RFC 8470 and the documentation
of the API, and knows nothing of how the package decides.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final
from unittest import mock

import pytest

pytest.importorskip("simloom", reason="simloom needs Python 3.12: use `make test-simulation`")

import anyio

import checkout_async.client
from checkout_async import CheckoutClient, Limits, OAuthCredentials, RetryPolicy, Timeouts, errors
from checkout_async._core.wire import HttpRequest, HttpResponse
from checkout_async.clock import Clock
from tests.simulation.shop import session_request
from tests.simulation.systematic.schedules import Steps, every_schedule

pytestmark = pytest.mark.timeout(600)

TOTAL: Final = 100.0
CONFLICT_WAIT: Final = 40.0
_ID: Final = "sid_" + "a" * 26
_CARD: Final = {"type": "card", "number": "4242424242424242", "expiry_month": 6, "expiry_year": 2040}


class Effect(Enum):
    """What an attempt did."""

    NONE = "certainly nothing"
    MAYBE = "perhaps all"
    ALL = "certainly all"


@dataclass(frozen=True)
class Result:
    """How an attempt ends: a status, or 0 for no reply at all. `repeat` says when it is worth another attempt."""

    name: str
    effect: Effect
    repeat: bool = False
    status: int = 0
    retry_after: int | None = None
    seconds: float = 0.01
    readable: bool = True


_N, _M, _A = Effect.NONE, Effect.MAYBE, Effect.ALL

SUCCESS: Final = Result("success", _A, status=200)
TRANSIENT: Final = (
    Result("refused connection", _N, repeat=True),
    Result("reset after the request", _M, repeat=True),
    Result("silence", _M, repeat=True, seconds=30.0),
    Result("408", _M, repeat=True, status=408),
    Result("425", _N, repeat=True, status=425),
    Result("429 with a wait", _N, repeat=True, status=429, retry_after=2),
    Result("429 with a long wait", _N, status=429, retry_after=3600),
    Result("429", _N, repeat=True, status=429),
    Result("500", _M, repeat=True, status=500),
    Result("503 with a wait", _M, repeat=True, status=503, retry_after=2),
    Result("503 with a long wait", _M, status=503, retry_after=3600),
    Result("520", _M, repeat=True, status=520),
    Result("600", _M, repeat=True, status=600),
)
FINAL: Final = (
    SUCCESS,
    Result("unreadable success", _A, status=200, readable=False),
    Result("307", _N, status=307),
    Result("400", _N, status=400),
    Result("404", _N, status=404),
    Result("422", _N, status=422),
    Result("501", _N, status=501),
    Result("505", _N, status=505),
)
UNAUTHORIZED: Final = Result("401", _N, status=401)
IN_USE: Final = Result("409", _N, status=409)
_CONFLICTS: Final = (IN_USE, TRANSIENT[7])


@dataclass(frozen=True)
class Kind:
    """A class of operations, by one of them."""

    name: str
    call: Callable[[CheckoutClient], Awaitable[Any]]
    reply: dict[str, Any]
    status: int
    repeatable: bool = True
    reads: bool = False
    keyed: bool = False


_SESSION: Final = {"id": _ID, "status": "approved"}
_PAYMENT: Final = {
    "id": "pay_" + "a" * 26,
    "action_id": "act_" + "a" * 26,
    "amount": 1000,
    "currency": "GBP",
    "approved": True,
    "status": "Authorized",
    "response_code": "10000",
    "processed_on": "2024-01-01T00:00:00Z",
    "reference": "order",
}
_REQUEST: Final[Any] = {"source": _CARD, "amount": 1000, "currency": "GBP", "reference": "order"}

KINDS: Final = (
    Kind("safe", lambda client: client.sessions.get_session(_ID), _SESSION, 200, reads=True),
    Kind(
        "natural",
        lambda client: client.sessions.update_three_ds_method_completion(_ID, {"three_ds_method_completion": "N"}),
        _SESSION,
        200,
    ),
    Kind("keyed", lambda client: client.payments.request_payment(_REQUEST), _PAYMENT, 201, keyed=True),
    Kind(
        "none",
        lambda client: client.sessions.request_session(session_request("order")),
        _SESSION,
        201,
        repeatable=False,
    ),
)


@dataclass
class Server:
    """Answers the requests of one call with results that are chosen among some. It records what it was sent."""

    kind: Kind
    steps: Steps
    results: tuple[Result, ...]
    tokens: tuple[str, ...] = ("a token",)
    """What may happen to a request for a token."""
    is_healthy: bool = False
    sent: list[Result] = field(default_factory=list[Result])
    keys: list[str | None] = field(default_factory=list[str | None])
    token_requests: int = 0
    tokens_failed: int = 0
    in_flight: int = 0

    async def send(self, request: HttpRequest, timeouts: Timeouts, /) -> HttpResponse:
        """Exchange a request for a reply, or fail."""
        if request.url.endswith("/token"):
            return await self._token()
        # A key may be in use for long: once is enough here.
        ways = [each for each in self.results if each not in _CONFLICTS or each not in self.sent]
        result = ways[0 if self.is_healthy else self.steps.choose("result", len(ways))]
        self.sent.append(result)
        self.keys.append(next((value for name, value in request.headers.items() if "key" in name.lower()), None))
        self.in_flight += 1
        try:
            await asyncio.sleep(min(result.seconds, timeouts.attempt))
        finally:
            self.in_flight -= 1
        return self._reply(result)

    def _reply(self, result: Result) -> HttpResponse:
        if result.name == "refused connection":
            raise errors.ConnectFailed("refused")
        if not result.status:
            raise errors.OutcomeUnknown("the connection broke")
        if result.effect is Effect.ALL:
            body = json.dumps(self.kind.reply) if result.readable else "<html>"
            return _response(self.kind.status, body)
        headers = {} if result.retry_after is None else {"retry-after": str(result.retry_after)}
        return _response(result.status, "{}", headers)

    async def _token(self) -> HttpResponse:
        self.token_requests += 1
        way = self.tokens[0 if self.is_healthy else self.steps.choose("token", len(self.tokens))]
        await asyncio.sleep(0.01)
        self.tokens_failed += way != "a token"
        if way == "unreachable":
            raise errors.ConnectFailed("refused")
        if way.isdigit():
            return _response(int(way), '{"error": "invalid_client"}')
        token = {"access_token": f"token-{self.token_requests}", "token_type": "Bearer", "expires_in": 3600}
        return _response(200, json.dumps(token))

    async def aclose(self) -> None:
        """Do nothing."""


def _response(status: int, body: str, headers: dict[str, str] | None = None) -> HttpResponse:
    return HttpResponse(
        status=status, headers={"content-type": "application/json", **(headers or {})}, body=body.encode()
    )


@dataclass
class Oracle:
    """What may be said about a call after it has ended, from what the server was sent and how it answered."""

    server: Server
    attempts: int

    @property
    def may_have_been_done(self) -> bool:
        """Whether an attempt was made that did not provably do nothing, or another request with the key may do it."""
        kind = self.server.kind
        return not kind.reads and any(
            result.effect is not Effect.NONE or (kind.keyed and result is IN_USE) for result in self.server.sent
        )

    def check_requests(self) -> None:
        """Check how often and with which key the request was sent."""
        kind, sent, keys = self.server.kind, self.server.sent, self.server.keys
        counted = self._counted() if self.attempts > 1 else [each for each in sent if each is not UNAUTHORIZED]
        assert len(counted) <= self.attempts, "more attempts than configured"
        for number in range(1, len(sent) - 1):
            assert sent[number - 1 : number + 1] != [UNAUTHORIZED] * 2, "a second refused token was not the end"
        if not kind.repeatable:
            assert all(result.effect is Effect.NONE for result in sent[:-1]), "sent again after it may have been done"
        if kind.keyed:
            assert None not in keys, "no key"
            assert len(set(keys)) <= 1, "the key changed"
        else:
            assert set(keys) <= {None}, "a key that the API does not honour"

    def _counted(self) -> list[Result]:
        """Return the attempts that count: not a refused token, nor a key that is in use.

        A 429 says that too, if an attempt before it may have arrived and it names no wait.
        """
        sent, keyed = self.server.sent, self.server.kind.keyed
        counted: list[Result] = []
        for number, result in enumerate(sent):
            is_known = any(each.effect is not Effect.NONE or each is IN_USE for each in sent[:number])
            in_use = keyed and (result is IN_USE or (result is _CONFLICTS[1] and is_known))
            if result is not UNAUTHORIZED and not in_use:
                counted.append(result)
        return counted

    def check_result(self, error: BaseException | None, took: float) -> None:
        """Check what the caller got."""
        sent = self.server.sent
        last = sent[-1] if sent else None
        assert took <= TOTAL + 0.001, "later than the deadline"
        assert (error is None) == (last is SUCCESS), f"{last} was reported as {error!r}"
        if error is None:
            return
        assert isinstance(error, errors.CheckoutError)
        assert error.may_have_been_done == self.may_have_been_done, f"{error!r}, after {[each.name for each in sent]}"
        if self.server.kind.keyed and sent:
            assert error.idempotency_key == self.server.keys[0]
        self._check_given_up(took)

    def _check_given_up(self, took: float) -> None:
        """Check that the call went on while that was worth it: attempts and time were left."""
        kind, sent = self.server.kind, self.server.sent
        last = sent[-1] if sent else None
        if last is None or self.server.tokens_failed or last is UNAUTHORIZED:
            return
        if kind.keyed and last is IN_USE:
            assert self.attempts == 1 or took + CONFLICT_WAIT > TOTAL, "gave up on a key in use"
        elif last.repeat and (kind.repeatable or last.effect is Effect.NONE):
            wait = CONFLICT_WAIT if kind.keyed and last.name == "429" else 10.0
            assert len(self._counted()) >= self.attempts or took + wait > TOTAL, f"gave up after {last.name}"


def _client(server: Server, attempts: int) -> CheckoutClient:
    return CheckoutClient(
        OAuthCredentials("ack_test", "secret", scopes=[]),
        base_url="http://127.0.0.1",
        token_url="http://127.0.0.1/token",
        transport=server,
        timeout=Timeouts(total=TOTAL, attempt=30),
        retry=RetryPolicy(
            attempts=attempts, backoff=0.5, max_backoff=8, max_retry_after=30, conflict_wait=CONFLICT_WAIT
        ),
        limits=Limits(concurrency=1, read_rate=None, write_rate=None),
    )


def explore(
    kind: Kind,
    results: tuple[Result, ...],
    *,
    attempts: int,
    tokens: tuple[str, ...] = ("a token",),
    cancels: bool = False,
) -> int:
    """Make one call in every way, and check it; return how many ways there are."""

    async def scenario(steps: Steps) -> None:
        loop = asyncio.get_running_loop()
        clock = Clock(loop.time, lambda: datetime.fromtimestamp(loop.time(), UTC), anyio.sleep, lambda: 1.0)
        server = Server(kind, steps, results, tokens)
        oracle = Oracle(server, attempts)
        with mock.patch.object(checkout_async.client, "Clock", lambda: clock):
            client = _client(server, attempts)
        async with client:
            started = loop.time()
            task = asyncio.ensure_future(_made(kind, client))
            if cancels:
                steps.interrupt(task.cancel)
            error: BaseException | None = None
            try:
                await task
            except asyncio.CancelledError as cancelled:
                _check_cancelled(oracle, client, cancelled)
            except errors.CheckoutError as failure:
                error = failure
            if not task.cancelled():
                oracle.check_result(error, loop.time() - started)
            oracle.check_requests()
            sent = len(server.sent)
            await asyncio.sleep(200)
            assert len(server.sent) == sent, "a request was sent after the call had ended"
            assert server.in_flight == 0
            # The only slot is free again.
            server.is_healthy, server.results = True, (SUCCESS,)
            await kind.call(client)

    return every_schedule(scenario)


async def _made(kind: Kind, client: CheckoutClient) -> Any:
    return await kind.call(client)


def _check_cancelled(oracle: Oracle, client: CheckoutClient, cancelled: asyncio.CancelledError) -> None:
    server = oracle.server
    if not server.kind.keyed:
        return
    if server.sent:
        assert errors.idempotency_key(cancelled) == server.keys[0]
    if oracle.may_have_been_done:
        [abandoned] = client.abandoned_calls
        assert abandoned.idempotency_key == server.keys[0]


_names = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


@_names
def test_a_call_survives_every_sequence_of_results(kind: Kind) -> None:
    assert explore(kind, (*FINAL, *TRANSIENT), attempts=3) > (400 if kind.repeatable else 60)


@_names
def test_a_call_survives_conflicts_and_refused_tokens(kind: Kind) -> None:
    results = (SUCCESS, UNAUTHORIZED, IN_USE, TRANSIENT[0], TRANSIENT[7])
    tokens = ("a token", "401", "unreachable")
    assert explore(kind, results, attempts=2, tokens=tokens) > 100


@_names
def test_a_call_can_be_cancelled_at_every_step(kind: Kind) -> None:
    results = (SUCCESS, UNAUTHORIZED, IN_USE, *TRANSIENT[:2], TRANSIENT[5])
    assert explore(kind, results, attempts=2, cancels=True) > 500


@_names
def test_a_call_without_retries_is_sent_once(kind: Kind) -> None:
    assert explore(kind, (*FINAL, *TRANSIENT, IN_USE, UNAUTHORIZED), attempts=1) > 20
