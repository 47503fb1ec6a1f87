"""The token endpoint: client credentials in the form, by HTTP Basic, or both; scopes; every error code."""

from __future__ import annotations

import base64
from collections.abc import Callable
from urllib.parse import quote_plus

import pytest

from checkout_async.sandbox import Sandbox, SandboxClient
from tests.sandbox.support import CREDENTIALS, Answer, Api, document, frozen_clock

ODD_SECRET = "a+b/c=d e"


def basic(client_id: str, secret: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'{client_id}:{secret}'.encode()).decode()}"}


async def ask(api: Api, form: dict[str, str], headers: dict[str, str] | None = None) -> Answer:
    form = {"grant_type": "client_credentials"} | form
    return await api.send("POST", "/connect/token", data=form, headers=headers)


async def test_credentials_in_the_form_give_a_bearer_token(api: Api) -> None:
    answer = await api.token("sessions:browser")

    assert answer.status == 200
    assert answer.body["token_type"] == "Bearer"
    assert answer.body["expires_in"] == 3600
    assert answer.body["scope"] == "sessions:browser"
    assert answer.body["access_token"].count(".") == 2
    assert answer.headers["Cache-Control"] == "no-store"


async def test_credentials_by_http_basic_give_a_token(api: Api) -> None:
    answer = await ask(api, {"scope": "sessions:app"}, basic("ack_sandbox", "sandbox_secret"))

    assert answer.status == 200


async def test_the_same_credentials_in_both_places_give_a_token(api: Api) -> None:
    answer = await ask(api, CREDENTIALS, basic("ack_sandbox", "sandbox_secret"))

    assert answer.status == 200


@pytest.mark.parametrize("encode", [str, quote_plus], ids=["as is", "form-encoded, RFC 6749 2.3.1"])
async def test_a_basic_secret_with_reserved_characters_is_read_either_way(encode: Callable[[str], str]) -> None:
    client = SandboxClient("ack_odd", ODD_SECRET)
    async with Sandbox(clients=[client]) as sandbox, Api(sandbox) as api:
        answer = await ask(api, {}, basic("ack_odd", encode(ODD_SECRET)))

    assert answer.status == 200


async def test_without_scope_every_scope_of_the_client_is_granted(api: Api) -> None:
    answer = await ask(api, CREDENTIALS)

    scopes = document()["components"]["securitySchemes"]["oauth"]["flows"]["clientCredentials"]["scopes"]
    granted = answer.body["scope"].split()
    assert granted == sorted(granted)
    assert set(granted) > {*scopes, "vault", "disputes"}


OF_EVERY_API = (
    "vault vault:instruments gateway gateway:payment-captures flow flow:workflows fx payouts:bank-details sessions:app"
    " sessions:browser disputes:view files:upload reports:view accounts balances:view transfers middleware marketplace"
    " payment-sessions payments:search identity-verification forward"
)


async def test_scopes_of_every_api_are_granted_in_one_token_that_works_here(api: Api) -> None:
    answer = await api.token(OF_EVERY_API)
    created = await api.create(auth=f"Bearer {answer.body['access_token']}")

    assert (answer.status, answer.body["scope"]) == (200, OF_EVERY_API)
    assert created.status == 202


async def test_one_scope_that_the_client_lacks_refuses_all() -> None:
    client = SandboxClient("ack_some", "secret", frozenset({"gateway", "vault"}))
    async with Sandbox(clients=[client]) as sandbox, Api(sandbox) as api:
        refused = await api.token("gateway vault fx", client_id="ack_some", client_secret="secret")
        granted = await api.token("gateway vault", client_id="ack_some", client_secret="secret")

    assert (refused.status, refused.body) == (400, {"error": "invalid_scope"})
    assert granted.body["scope"] == "gateway vault"


async def test_every_token_is_another_one(api: Api) -> None:
    first, second = await api.token(), await api.token()

    assert first.body["access_token"] != second.body["access_token"]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"grant_type": ""}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"client_id": "ack_nobody"}, "invalid_client"),
        ({"client_id": "", "client_secret": ""}, "invalid_client"),
        ({"client_id": "ack_unauthorized"}, "unauthorized_client"),
        ({"client_id": "ack_revoked"}, "invalid_grant"),
        ({"scope": "sessions:browser moon"}, "invalid_scope"),
    ],
)
async def test_each_refusal_has_its_code(api: Api, change: dict[str, str], error: str) -> None:
    answer = await ask(api, CREDENTIALS | change)

    assert (answer.status, answer.body) == (400, {"error": error})


async def test_a_scope_the_client_does_not_hold_is_refused() -> None:
    client = SandboxClient("ack_app", "secret", frozenset({"sessions:app"}))
    async with Sandbox(clients=[client]) as sandbox, Api(sandbox) as api:
        refused = await api.token("sessions:browser", client_id="ack_app", client_secret="secret")
        granted = await api.token("sessions:app", client_id="ack_app", client_secret="secret")

    assert refused.body == {"error": "invalid_scope"}
    assert granted.status == 200


@pytest.mark.parametrize(
    "header", ["Basic %%%", "Basic bm9jb2xvbg==", "Basic //8=", "Bearer abc"], ids=["base64", "colon", "utf8", "scheme"]
)
async def test_an_unreadable_authorization_is_an_invalid_client(api: Api, header: str) -> None:
    answer = await ask(api, {}, {"Authorization": header})

    assert answer.body == {"error": "invalid_client"}


async def test_two_different_sets_of_credentials_are_an_invalid_request(api: Api) -> None:
    answer = await ask(api, {"client_id": "ack_other", "client_secret": "x"}, basic("ack_sandbox", "sandbox_secret"))

    assert answer.body == {"error": "invalid_request"}


async def test_a_repeated_parameter_is_an_invalid_request(api: Api) -> None:
    form = [("grant_type", "client_credentials"), ("scope", "a"), ("scope", "b"), *CREDENTIALS.items()]
    answer = await api.send("POST", "/connect/token", data=form)

    assert answer.body == {"error": "invalid_request"}


async def test_a_json_body_is_an_invalid_request(api: Api) -> None:
    answer = await api.send("POST", "/connect/token", json={"grant_type": "client_credentials", **CREDENTIALS})

    assert (answer.status, answer.body) == (400, {"error": "invalid_request"})


async def test_one_client_gets_an_error_that_is_not_json(api: Api) -> None:
    answer = await ask(api, CREDENTIALS | {"client_id": "ack_not_acceptable"})

    assert answer.status == 406
    assert answer.headers["Content-Type"].startswith("text/plain")


async def test_a_token_ends_with_its_lifetime() -> None:
    async with Sandbox(clock=frozen_clock(), token_lifetime=120) as sandbox, Api(sandbox) as api:
        created = await api.create()
        await sandbox.advance(119)
        before = await api.get(created.body["id"])
        await sandbox.advance(1)
        after = await api.get(created.body["id"])

    assert (before.status, after.status) == (200, 401)


async def test_revoked_tokens_are_refused_and_new_ones_work(sandbox: Sandbox, api: Api) -> None:
    created = await api.create()
    sandbox.revoke_tokens()
    refused = await api.get(created.body["id"])
    fresh = f"Bearer {(await api.token()).body['access_token']}"
    accepted = await api.get(created.body["id"], auth=fresh)

    assert (refused.status, accepted.status) == (401, 200)
