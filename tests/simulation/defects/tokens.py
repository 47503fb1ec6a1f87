"""Defects of access tokens."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Generator
from typing import Any

import msgspec

from checkout_async import errors
from checkout_async._core.wire import HttpRequest, HttpResponse
from checkout_async.auth.oauth import OAuthAuthenticator
from checkout_async.auth.token_cache import TokenCache
from checkout_async.auth.token_store import AccessToken
from checkout_async.config import RetryPolicy, Timeouts
from checkout_async.redaction import Secret
from checkout_async.transport import pipeline
from tests.simulation.defects.plant import Send, always, defect, replaced, sending


@defect()
def refused_token_kept() -> Generator[None]:
    """A token that the API has refused stays in use."""
    with replaced(OAuthAuthenticator, "on_unauthorized", always(True)):
        yield


@defect()
def first_refused_token_kept_for_long() -> Generator[None]:
    """The first token that the API refuses is dropped only after many refusals, and every later one at once."""
    genuine, refusals = OAuthAuthenticator.on_unauthorized, Counter[str]()

    def on_unauthorized(self: OAuthAuthenticator, authorization: str) -> bool:
        refusals[authorization] += 1
        is_kept = authorization == next(iter(refusals)) and refusals[authorization] <= 150
        return is_kept or genuine(self, authorization)

    with replaced(OAuthAuthenticator, "on_unauthorized", on_unauthorized):
        yield


@defect()
def refused_request_repeated_with_the_same_token() -> Generator[None]:
    """A request that is refused with 401 is repeated, with the token that was refused."""

    def change(genuine: Send) -> Send:
        async def send(self: Any, request: HttpRequest, timeouts: Timeouts) -> HttpResponse:
            reply = await genuine(self, request, timeouts)
            for _ in range(50):
                if reply.status != 401:
                    break
                reply = await genuine(self, request, timeouts)
            return reply

        return send

    with sending(change):
        yield


@defect()
def token_fetched_by_every_call() -> Generator[None]:
    """The token of a reply is not kept."""
    with replaced(TokenCache, "current", always(None)):
        yield


@defect()
def token_fetched_by_every_waiter() -> Generator[None]:
    """Each call that waits for a token fetches one."""

    async def authorize(self: OAuthAuthenticator) -> Secret:
        reply = await self.request_token()
        await genuine(self)
        return Secret(f"Bearer {reply.access_token}")

    genuine = OAuthAuthenticator.authorize
    with replaced(OAuthAuthenticator, "authorize", authorize):
        yield


@defect()
def token_that_never_expires() -> Generator[None]:
    """A 401 is final, and a token is used beyond its lifetime."""
    genuine = OAuthAuthenticator.request_token

    async def request_token(self: OAuthAuthenticator) -> Any:
        return msgspec.structs.replace(await genuine(self), expires_in=10**9)

    with (
        replaced(OAuthAuthenticator, "request_token", request_token),
        replaced(OAuthAuthenticator, "on_unauthorized", always(False)),
    ):
        yield


@defect()
def cancelled_waiter_cancels_the_fetch() -> Generator[None]:
    """A cancelled call cancels the token fetch that others wait for."""

    async def await_fetch(_self: Any, fetch: asyncio.Task[AccessToken]) -> str:
        return (await fetch).value

    with replaced(TokenCache, "_await_fetch", await_fetch):
        yield


@defect(fix="Tell an outage of the token endpoint from refused credentials, and name hosts in texts")
def token_outage_taken_for_refused_credentials() -> Generator[None]:
    """A token endpoint that is out of order counts as one that refuses the credentials."""
    genuine = OAuthAuthenticator.request_token

    async def request_token(self: OAuthAuthenticator) -> Any:
        try:
            return await genuine(self)
        except errors.TransportError as error:
            raise errors.AuthenticationFailed(str(error)) from error

    with replaced(OAuthAuthenticator, "request_token", request_token):
        yield


@defect()
def token_request_retried_too_often() -> Generator[None]:
    """A token that cannot be fetched is asked for again and again, whatever the retry policy allows."""
    genuine: Any = pipeline.Pipeline.send

    async def send(self: Any, request: Any) -> Any:
        if self._limiter is not None:
            return await genuine(self, request)
        options = msgspec.structs.replace(request.options, retry=RetryPolicy(attempts=20, backoff=0.1))
        return await genuine(self, msgspec.structs.replace(request, options=options))

    with replaced(pipeline.Pipeline, "send", send):
        yield
