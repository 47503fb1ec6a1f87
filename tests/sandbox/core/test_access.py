"""Who may call what: access tokens by scope and channel, the session secret for its own session, nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import aiohttp
import pytest

from checkout_async.sandbox import Sandbox
from tests.sandbox.support import APP, BROWSER, BROWSER_WITH_METHOD, MERCHANT, Api, Json, document, order

UNKNOWN = "sid_aaaaaaaaaaaaaaaaaaaaaaaaaa"
CALLS = ["get", "collect", "fingerprint", "complete"]


@pytest.mark.parametrize("auth", ["", "Bearer ", "Bearer nonsense", "sk_sbox_" + "a" * 27, "Basic YTpi", "sek_x"])
async def test_anything_but_a_living_token_or_secret_is_unauthorized(api: Api, auth: str) -> None:
    session_id = (await api.create()).body["id"]

    assert (await api.create(auth=auth)).status == 401
    for call in CALLS:
        answer = await getattr(api, call)(session_id, auth=auth)
        assert (answer.status, answer.body) == (401, {})
        assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_a_session_secret_opens_every_operation_on_its_session(api: Api) -> None:
    session = (await api.create(order("frictionless"))).body
    secret = session["session_secret"]

    assert (await api.get(session["id"], auth=secret)).status == 200
    assert (await api.fingerprint(session["id"], auth=secret)).status == 200
    assert (await api.collect(session["id"], auth=secret)).status == 200
    assert (await api.complete(session["id"], auth=secret)).status == 204


async def test_a_session_secret_never_creates_a_session(api: Api) -> None:
    secret = (await api.create()).body["session_secret"]

    assert (await api.create(auth=secret)).status == 401


async def test_a_session_secret_after_a_scheme_word_is_unauthorized(api: Api) -> None:
    session = (await api.create()).body

    assert (await api.get(session["id"], auth=f"Bearer {session['session_secret']}")).status == 401


async def test_a_session_secret_does_not_open_another_session(api: Api) -> None:
    first, second = (await api.create()).body, (await api.create()).body

    assert (await api.get(second["id"], auth=first["session_secret"])).status == 401
    assert (await api.get(UNKNOWN, auth=first["session_secret"])).status == 401


@pytest.mark.parametrize(("scope", "data"), [("sessions:app", BROWSER), ("sessions:browser", APP)])
async def test_creating_for_a_channel_needs_its_scope(api: Api, scope: str, data: dict[str, object]) -> None:
    answer = await api.create(order(channel_data=data), auth=await api.bearer(scope))

    assert answer.status == 403
    assert answer.body["error_type"] == "operation_not_allowed"
    assert answer.codes == ["operation_not_allowed_for_scope"]


@pytest.mark.parametrize("scope", ["sessions:app", "sessions:browser"])
async def test_either_scope_does_while_the_channel_is_open_or_merchant_initiated(api: Api, scope: str) -> None:
    auth = await api.bearer(scope)

    assert (await api.create(auth=auth)).status == 202
    assert (await api.create(order(channel_data=MERCHANT), auth=auth)).status == 201


async def test_a_token_of_the_other_channel_reads_and_changes_nothing(api: Api) -> None:
    session_id = (await api.create(order(channel_data=BROWSER))).body["id"]
    auth = await api.bearer("sessions:app")

    for call in CALLS:
        answer = await getattr(api, call)(session_id, auth=auth)
        assert (answer.status, answer.codes) == (403, ["operation_not_allowed_for_scope"])


async def test_channel_data_need_the_scope_of_their_channel(api: Api) -> None:
    session_id = (await api.create()).body["id"]
    answer = await api.collect(session_id, APP, auth=await api.bearer("sessions:browser"))

    assert answer.codes == ["operation_not_allowed_for_scope"]


async def test_a_fingerprint_needs_the_browser_scope(api: Api) -> None:
    session_id = (await api.create()).body["id"]
    answer = await api.fingerprint(session_id, auth=await api.bearer("sessions:app"))

    assert answer.codes == ["operation_not_allowed_for_scope"]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("session_id", [UNKNOWN, "sid_short"])
async def test_an_unknown_session_is_not_found(api: Api, call: str, session_id: str) -> None:
    answer = await getattr(api, call)(session_id)

    assert answer.status == 404
    assert answer.body["error_type"] == "not_found"


@pytest.mark.parametrize(
    ("method", "path", "status", "error_type"),
    [
        ("GET", "/_sandbox/nothing", 404, "not_found"),
        ("DELETE", "/sessions", 405, "operation_not_allowed"),
    ],
)
async def test_what_the_api_does_not_have_is_refused_with_an_error_body(
    api: Api, method: str, path: str, status: int, error_type: str
) -> None:
    answer = await api.send(method, path)

    assert (answer.status, answer.body["error_type"]) == (status, error_type)
    assert api.sandbox.requests[-1].operation_id is None


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/instruments"), ("GET", "/nothing"), ("PUT", "/sessions/%2e%2e/collect-data")],
)
async def test_an_operation_that_is_not_simulated_is_answered_with_501_and_words(
    api: Api, method: str, path: str
) -> None:
    answer = await api.send(method, path)

    assert answer.status == 501
    assert f"does not simulate {method} /" in answer.body["error"]
    assert api.sandbox.requests[-1].operation_id is None


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/payments//captures"), ("GET", "/payments/pay_x/nothing"), ("GET", "/sessions")]
)
async def test_an_unknown_path_of_an_api_that_is_played_is_not_found(api: Api, method: str, path: str) -> None:
    answer = await api.send(method, path)
    assert answer.status in {404, 405}


async def test_an_operation_that_only_the_document_has_is_answered_with_501(tmp_path: Path) -> None:
    more: Json = {"get": {"operationId": "get_customer", "tags": ["Customers"], "responses": {}}}
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(document() | {"paths": document()["paths"] | {"/customers/{id}": more}}))
    async with (
        Sandbox(document=path) as sandbox,
        aiohttp.ClientSession(sandbox.base_url) as http,
        http.get("/customers/cus_x") as reply,
    ):
        body = await reply.json()

    assert (reply.status, "does not simulate GET /customers/cus_x" in body["error"]) == (501, True)
    assert sandbox.count("get_customer") == 1


async def test_an_error_body_repeats_the_request_identifier_of_the_headers(api: Api) -> None:
    answer = await api.get(UNKNOWN)

    assert answer.body["request_id"] == answer.headers["Cko-Request-Id"]


SECRET_KEEPS = ("session_secret", "certificates", "cryptogram", "eci", "xid")


async def test_a_token_shows_what_the_session_secret_does_not(api: Api) -> None:
    session = (await api.create(order(channel_data=APP))).body
    by_token = (await api.get(session["id"])).body
    by_secret = (await api.get(session["id"], auth=session["session_secret"])).body

    assert all(name in by_token for name in SECRET_KEEPS)
    assert by_secret == {name: value for name, value in by_token.items() if name not in SECRET_KEEPS}


async def test_updates_by_session_secret_show_no_secret_either(api: Api) -> None:
    session = (await api.create()).body
    reported = await api.fingerprint(session["id"], auth=session["session_secret"])
    updated = await api.collect(session["id"], BROWSER_WITH_METHOD, auth=session["session_secret"])

    assert updated.body["status"] == "approved"
    assert not set(SECRET_KEEPS) & (reported.body.keys() | updated.body.keys())
