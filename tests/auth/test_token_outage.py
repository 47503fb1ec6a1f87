"""A token endpoint that is unreachable or out of order: no refusal of the credentials, and no storm of requests."""

from __future__ import annotations

import asyncio
import pickle
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from checkout_async import CheckoutClient, OAuthCredentials, RetryPolicy, errors
from tests.faults.test_matrix import advice

ATTEMPTS = 3
RETRY = RetryPolicy(attempts=ATTEMPTS, backoff=0.001, max_retry_after=0.05)
CREDENTIALS = OAuthCredentials("ack_x", "secret", scopes=[])
PAYMENT = "pay_nobodyhasthisoneinhere0000"
TOKEN = {"access_token": "aaa.bbb.ccc", "expires_in": 3600, "token_type": "Bearer"}

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Hosts:
    """A token endpoint that answers as it is asked to, and an API. Both count their requests."""

    answers: list[Answer] = field(default_factory=list[Answer])
    """The last one answers all further requests."""
    api_statuses: list[int] = field(default_factory=list[int])
    """How the API answers; 200 when the list is used up."""
    token_requests: int = 0
    api_requests: int = 0

    async def token(self, request: web.Request) -> web.StreamResponse:
        self.token_requests += 1
        return await (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])(request)

    async def api(self, _request: web.Request) -> web.Response:
        self.api_requests += 1
        return web.json_response({"id": PAYMENT}, status=self.api_statuses.pop(0) if self.api_statuses else 200)


@asynccontextmanager
async def hosts_and_client(*answers: Answer) -> AsyncGenerator[tuple[Hosts, CheckoutClient]]:
    hosts = Hosts(list(answers))
    app = web.Application()
    app.router.add_post("/token", hosts.token)
    app.router.add_route("*", "/{path:.*}", hosts.api)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with CheckoutClient(CREDENTIALS, base_url=url, token_url=f"{url}/token", retry=RETRY) as checkout:
            yield hosts, checkout
    finally:
        await runner.cleanup()


def status(code: int, body: bytes = b"", *, retry_after: str = "0", location: str = "") -> Answer:
    async def answer(_request: web.Request) -> web.Response:
        headers = {"Retry-After": retry_after, "Location": location}
        return web.Response(status=code, body=body, headers=headers)

    return answer


async def hang_up(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def granted(_request: web.Request) -> web.Response:
    return web.json_response(TOKEN)


OUTAGES = {
    "408": (status(408), ATTEMPTS, "answered 408"),
    "425": (status(425), ATTEMPTS, "answered 425"),
    "429": (status(429), ATTEMPTS, "answered 429"),
    "429 for an hour": (status(429, retry_after="3600"), 1, "answered 429"),
    "500": (status(500), ATTEMPTS, "answered 500"),
    "500 with an OAuth error": (status(500, b'{"error":"invalid_client"}'), ATTEMPTS, "answered 500"),
    "501": (status(501), 1, "answered 501"),
    "503": (status(503), ATTEMPTS, "answered 503"),
    "redirect": (status(302, location="/login"), 1, "answered 302"),
    "page": (status(200, b"<html>sorry</html>"), 1, "answered 200"),
    "no token": (status(200, b"{}"), 1, "answered 200"),
    "no reply": (hang_up, ATTEMPTS, "closed the connection"),
}


@pytest.mark.parametrize("name", OUTAGES)
async def test_a_call_fails_as_one_that_was_not_sent_after_the_attempts_of_one_token_request(name: str) -> None:
    answer, requests, text = OUTAGES[name]
    async with hosts_and_client(answer) as (hosts, checkout):
        with pytest.raises(errors.ConnectFailed) as caught:
            await checkout.payments.request_payment({"amount": 1, "currency": "GBP"})
        error = caught.value
        assert (error.may_have_been_done, error.is_transient) == (False, True)
        assert await advice(error) == "try later"
        assert str(error).startswith("request_payment: no access token: the token endpoint 127.0.0.1 ")
        assert text in error.reason
        assert str(error).endswith("; nothing was sent to the API")
        assert (error.operation, error.attempts) == ("request_payment", 1)
        assert str(pickle.loads(pickle.dumps(error))) == str(error)
        assert (hosts.token_requests, hosts.api_requests) == (requests, 0)
        with pytest.raises(errors.ConnectFailed) as caught:
            await checkout.request_access_token()
        assert caught.value.operation == "request_access_token"
        assert caught.value.is_transient


async def test_an_error_says_how_often_the_token_endpoint_was_asked() -> None:
    async with hosts_and_client(hang_up) as (hosts, checkout):
        with pytest.raises(errors.ConnectFailed) as caught:
            await checkout.request_access_token()
        assert caught.value.attempts == hosts.token_requests == ATTEMPTS


@pytest.mark.parametrize("code", [400, 401, 403, 404, 405])
async def test_a_refusal_is_not_transient_and_not_repeated(code: int) -> None:
    async with hosts_and_client(status(code, b'{"error":"invalid_client"}')) as (hosts, checkout):
        for call in (checkout.payments.get_payment(PAYMENT), checkout.request_access_token()):
            with pytest.raises(errors.AuthenticationFailed, match="check client id, secret") as caught:
                await call
            error = caught.value
            assert (error.status, error.error) == (code, "invalid_client")
            assert (error.may_have_been_done, error.is_transient) == (False, False)
            assert await advice(error) == "give up"
        assert (hosts.token_requests, hosts.api_requests) == (2, 0)


async def test_many_calls_share_the_attempts() -> None:
    async with hosts_and_client(status(503)) as (hosts, checkout):
        calls = [checkout.payments.get_payment(PAYMENT) for _ in range(20)]
        found = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(error) for error in found} == {errors.ConnectFailed}
        assert hosts.token_requests == ATTEMPTS


async def test_an_outage_that_ends_in_time_is_not_noticed() -> None:
    async with hosts_and_client(status(503), status(503), granted) as (hosts, checkout):
        assert (await checkout.payments.get_payment(PAYMENT)).id == PAYMENT
        assert (hosts.token_requests, hosts.api_requests) == (3, 1)


async def test_an_outage_after_an_ambiguous_attempt_hides_nothing() -> None:
    async with hosts_and_client(granted, status(503)) as (hosts, checkout):
        hosts.api_statuses = [503, 401]
        with pytest.raises(errors.OutcomeUnknown, match=r"the token endpoint 127\.0\.0\.1 answered 503") as caught:
            await checkout.payments.request_payment({"amount": 1, "currency": "GBP"})
        assert caught.value.may_have_been_done
        assert isinstance(caught.value.__cause__, errors.ConnectFailed)
        assert (hosts.token_requests, hosts.api_requests) == (1 + ATTEMPTS, 2)


@pytest.mark.parametrize(
    ("token_url", "reason"),
    [
        ("https://nowhere.invalid/token", "the host name nowhere.invalid could not be resolved"),
        ("http://127.0.0.1:{port}/token", "127.0.0.1:{port} could not be reached (connection refused)"),
    ],
)
async def test_a_token_endpoint_that_cannot_be_reached_is_named(token_url: str, reason: str) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        async with CheckoutClient(
            CREDENTIALS, base_url="http://127.0.0.1:9", token_url=token_url.format(port=port), retry=RETRY
        ) as checkout:
            with pytest.raises(errors.ConnectFailed) as caught:
                await checkout.payments.get_payment(PAYMENT)
            assert (caught.value.may_have_been_done, caught.value.is_transient) == (False, True)
            assert f"cannot be used: {reason.format(port=port)}; nothing was sent to the API" in str(caught.value)
