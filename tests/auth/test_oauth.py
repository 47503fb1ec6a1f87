"""The OAuth exchange with a fake sender: what is requested, how replies are read, which errors are raised."""

from __future__ import annotations

import asyncio
import base64
from typing import Any, TypeVar, cast

import pytest

from checkout_async._core.response import parse_response
from checkout_async._core.wire import ApiRequest, ApiResponse, HttpResponse
from checkout_async.auth import Authenticator, MemoryTokenStore, OAuthCredentials
from checkout_async.auth.oauth import OAuthAuthenticator
from checkout_async.auth.shared_token import store_key
from checkout_async.config import Environment
from checkout_async.errors import AuthenticationFailed, ClientClosed, ConnectFailed
from tests.core.test_response import NOW
from tests.transport.virtual_time import settle

T = TypeVar("T")

GRANTED = b'{"access_token":"aaa.bbb.ccc","expires_in":3600,"token_type":"Bearer"}'
SECRET = "p+a/b="
TOKEN_URL = "https://auth.example/connect/token"


class TokenEndpoint:
    """A sender that answers every request alike."""

    def __init__(self, status: int = 200, body: bytes = GRANTED) -> None:
        self.reply = HttpResponse(status=status, headers={}, body=body)
        self.bodies: list[Any] = []
        self.client: Authenticator | None = None
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    def connect(self, authenticator: Authenticator) -> TokenEndpoint:
        self.client = authenticator
        return self

    async def send(self, request: ApiRequest[T]) -> ApiResponse[T]:
        self.bodies.append(request.body)
        await self.may_answer.wait()
        return parse_response(request.operation, self.reply, NOW)


def authenticator(endpoint: TokenEndpoint, *scopes: str) -> OAuthAuthenticator:
    return OAuthCredentials("ack_x", SECRET, scopes=scopes).authenticator(endpoint.connect, TOKEN_URL)


async def authentication_failure(endpoint: TokenEndpoint) -> AuthenticationFailed:
    with pytest.raises(AuthenticationFailed) as caught:
        await authenticator(endpoint).authorize()
    return caught.value


async def test_the_token_is_a_bearer_credential_and_is_kept() -> None:
    endpoint = TokenEndpoint()
    subject = authenticator(endpoint)
    assert await subject.authorize() == "Bearer aaa.bbb.ccc"
    assert await subject.authorize() == "Bearer aaa.bbb.ccc"
    assert len(endpoint.bodies) == 1


async def test_id_and_secret_go_as_http_basic_and_not_in_the_form() -> None:
    endpoint = TokenEndpoint()
    await authenticator(endpoint, "sessions:app", "sessions:browser").authorize()
    (body,) = endpoint.bodies
    assert body.scope == "sessions:app sessions:browser"
    assert SECRET not in str(body)
    assert endpoint.client is not None
    kind, _, value = (await endpoint.client.authorize()).partition(" ")
    assert kind == "Basic"
    assert base64.b64decode(value) == b"ack_x:p+a/b="


async def test_without_scopes_none_are_requested() -> None:
    endpoint = TokenEndpoint()
    await authenticator(endpoint).authorize()
    assert "scope" not in repr(endpoint.bodies[0])


async def test_a_rejected_token_is_replaced_once_for_all_who_used_it() -> None:
    endpoint = TokenEndpoint()
    subject = authenticator(endpoint)
    used = await subject.authorize()
    assert subject.on_unauthorized(used)
    await subject.authorize()
    assert subject.on_unauthorized("Bearer an-older-one")
    await subject.authorize()
    assert len(endpoint.bodies) == 2


@pytest.mark.parametrize(
    "code", ["invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "invalid_scope", "brand_new"]
)
async def test_an_error_names_status_and_code(code: str) -> None:
    error = await authentication_failure(TokenEndpoint(400, b'{"error":"%s"}' % code.encode()))
    assert (error.status, error.error) == (400, code)
    assert f"400 {code}" in str(error)


@pytest.mark.parametrize(
    "body", [b"", b"<html>not acceptable</html>", b"[]", b'{"error":5}', b'{"error":"","error_description":""}']
)
async def test_an_error_without_an_oauth_body_is_still_clear(body: bytes) -> None:
    error = await authentication_failure(TokenEndpoint(406, body))
    assert (error.status, error.error, error.description, error.body) == (406, None, None, body)
    assert "406 without an OAuth error code" in str(error)


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"nonsense",
        b'{"access_token":""}',
        b'{"access_token":"a","expires_in":0}',
        b'{"access_token":"a","expires_in":-1}',
        b'{"access_token":"a\\r\\nHost: evil","expires_in":5}',
    ],
)
async def test_an_answer_without_a_usable_token_is_none(body: bytes) -> None:
    with pytest.raises(ConnectFailed, match=r"no access token: the token endpoint auth\.example ") as caught:
        await authenticator(TokenEndpoint(200, body)).authorize()
    assert "evil" not in f"{caught.value} {vars(caught.value)}"


async def test_closing_ends_a_token_request_in_progress() -> None:
    endpoint = TokenEndpoint()
    endpoint.may_answer.clear()
    subject = authenticator(endpoint)
    waiting = asyncio.create_task(subject.authorize())
    await settle()
    assert len(endpoint.bodies) == 1
    await subject.aclose()
    with pytest.raises(ClientClosed, match="client was closed"):
        await waiting


async def test_a_page_in_place_of_a_token_counts_as_one_attempt() -> None:
    with pytest.raises(ConnectFailed) as caught:
        await authenticator(TokenEndpoint(200, b"<html>sorry</html>")).authorize()
    assert (caught.value.operation, caught.value.attempts) == ("request_access_token", 1)
    assert caught.value.reason.startswith("the token endpoint auth.example answered 200 ")


@pytest.mark.parametrize(
    ("url", "name"), [(TOKEN_URL, "the token endpoint auth.example"), (None, "the token endpoint")], ids=["url", "none"]
)
async def test_an_error_names_the_host_of_the_token_endpoint_if_it_is_known(url: str | None, name: str) -> None:
    endpoint = TokenEndpoint(503, b"")
    with pytest.raises(ConnectFailed) as caught:
        await OAuthCredentials("ack_x", SECRET, scopes=[]).authenticator(endpoint.connect, url).authorize()
    assert caught.value.reason == f"{name} answered 503"
    assert str(caught.value) == f"no access token: {name} answered 503; nothing was sent to the API"


@pytest.mark.parametrize("lifetime", [b"", b',"expires_in":null', b',"expires_in":"long"'])
async def test_a_token_of_unknown_lifetime_is_used_for_a_short_time(lifetime: bytes) -> None:
    store = MemoryTokenStore()
    endpoint = TokenEndpoint(200, b'{"access_token":"aaa.bbb.ccc","token_type":"Bearer"%s}' % lifetime)
    subject = OAuthCredentials("ack_x", SECRET, scopes=[], store=store).authenticator(endpoint.connect)
    assert [await subject.authorize() for _ in range(2)] == ["Bearer aaa.bbb.ccc"] * 2
    assert len(endpoint.bodies) == 1
    token = await store.load(store_key("ack_x", "", ()))
    assert token is not None
    assert token.lifetime == 60


@pytest.mark.parametrize("environment", [None, *Environment])
def test_an_access_key_fits_any_environment(environment: Environment | None) -> None:
    OAuthCredentials("ack_x", SECRET, scopes=[]).check(environment)


async def test_neither_secret_nor_token_is_in_an_error_or_shown() -> None:
    endpoint = TokenEndpoint(400, b'{"error":"invalid_client","error_description":"p+a/b= is wrong"}')
    error = await authentication_failure(endpoint)
    subject = authenticator(TokenEndpoint())
    await subject.authorize()
    shown = f"{error} {error!r} {subject!r} {cast('object', endpoint.client)!r}"
    assert SECRET not in shown
    assert "aaa.bbb.ccc" not in shown
