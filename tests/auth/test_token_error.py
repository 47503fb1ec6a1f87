"""Errors of the token endpoint: code and description reach the caller, the secret never does."""

from __future__ import annotations

import base64
import json
import pickle
import ssl
from urllib.parse import quote_plus

import pytest
import trustme
from aiohttp import web

from checkout_async import CheckoutClient, OAuthCredentials, RetryPolicy
from checkout_async.errors import AuthenticationFailed, ConnectFailed
from tests.auth.test_oauth import SECRET, TokenEndpoint, authentication_failure

BASIC = base64.b64encode(f"ack_x:{SECRET}".encode()).decode()


async def test_code_and_description_are_on_the_error_and_in_its_text() -> None:
    error = await authentication_failure(
        TokenEndpoint(400, b'{"error":"invalid_scope","error_description":"no such scope: fx"}')
    )
    assert (error.error, error.description) == ("invalid_scope", "no such scope: fx")
    assert "400 invalid_scope (no such scope: fx); check" in str(error)


async def test_without_a_description_there_is_none() -> None:
    error = await authentication_failure(TokenEndpoint(400, b'{"error":"invalid_client"}'))
    assert error.description is None


@pytest.mark.parametrize("echo", [SECRET, quote_plus(SECRET), BASIC, f"Basic {BASIC}", SECRET.replace("/", "\\/")])
async def test_a_secret_that_the_endpoint_quotes_is_masked_everywhere(echo: str) -> None:
    said = {"error": f"wrong {echo}", "error_description": f"you sent {echo} did you not"}
    error = await authentication_failure(TokenEndpoint(400, json.dumps(said).encode()))
    assert error.description == "you sent *** did you not"
    shown = f"{error} {error!r} {vars(error)} {pickle.loads(pickle.dumps(error)).body!r}"
    assert echo not in shown
    assert SECRET not in shown


async def test_a_secret_that_is_also_a_part_of_its_basic_form_uncovers_no_rest_of_it() -> None:
    secret = "g6"
    basic = base64.b64encode(f"ack_x:{secret}".encode()).decode()
    assert secret in basic
    endpoint = TokenEndpoint(400, b'{"error":"invalid_client","error_description":"not %s"}' % basic.encode())
    with pytest.raises(AuthenticationFailed) as caught:
        await OAuthCredentials("ack_x", secret, scopes=[]).authenticator(endpoint.connect).authorize()
    assert caught.value.description == "not ***"
    assert caught.value.body == b'{"error":"invalid_client","error_description":"not ***"}'


async def test_a_description_as_long_as_a_page_is_cut() -> None:
    error = await authentication_failure(
        TokenEndpoint(400, b'{"error":"invalid_client","error_description":"%s"}' % (b"x" * 9000))
    )
    assert len(str(error)) < 600
    assert len(error.body) > 9000


async def test_the_secret_is_not_sent_to_a_token_endpoint_with_an_untrusted_certificate() -> None:
    seen: list[str] = []

    async def note(request: web.Request) -> web.Response:
        seen.append(request.path)
        return web.json_response({})

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate = trustme.CA().issue_cert("127.0.0.1")
    certificate.configure_cert(context)  # pyright: ignore[reportUnknownMemberType] - also takes a pyOpenSSL context
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", note)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        url = f"https://127.0.0.1:{runner.addresses[0][1]}"
        credentials = OAuthCredentials("ack_x", SECRET, scopes=[])
        async with CheckoutClient(
            credentials, base_url=url, token_url=f"{url}/token", retry=RetryPolicy(attempts=1)
        ) as checkout:
            with pytest.raises(ConnectFailed, match="its TLS certificate was not accepted"):
                await checkout.payments.list_payments(reference="ORD-1")
    finally:
        await runner.cleanup()
    assert seen == []
