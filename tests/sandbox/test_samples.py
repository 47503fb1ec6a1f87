"""Request bodies that other programs send, sent to `checkout-async sandbox` with its default settings.

`tests/samples/requests.jsonl` has one body a line with what is known of the API's answer. Every body that the API
accepts has to be accepted here. An action is sent to a payment that allows it.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest

from checkout_async import CheckoutClient, OAuthCredentials
from checkout_async.sandbox import SECRET_KEY, payment_card
from tests.commands import sandbox_process
from tests.openapi.support import REPOSITORY
from tests.sandbox.support import CREDENTIALS, Json

SAMPLES = [json.loads(line) for line in (REPOSITORY / "tests" / "samples" / "requests.jsonl").read_bytes().splitlines()]
ACCEPTED = [sample for sample in SAMPLES if sample["expect"].startswith("accepted")]
LIVE = [sample for sample in ACCEPTED if sample["expect"] == "accepted"]
"""Those of the vendor's live tests, which the client sends as they are."""

REFUSED: dict[str, str] = {}
"""Samples that are refused all the same, as `{operation}-{index}`, each with its ground: a row or a page to check."""


def name_of(sample: Json) -> str:
    return f"{sample['operation']}-{next(index for index, each in enumerate(SAMPLES) if each is sample)}"


def params(samples: list[Json]) -> list[Any]:
    return [pytest.param(each, id=name_of(each)) for each in samples]


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    with sandbox_process() as url:
        yield url


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def post(
    http: aiohttp.ClientSession, url: str, body: Json, auth: str = f"Bearer {SECRET_KEY}"
) -> tuple[int, Any]:
    async with http.post(url, json=body, headers={"Authorization": auth}) as reply:
        raw = await reply.read()
        return reply.status, json.loads(raw) if raw else None


def needed_payment(operation: str) -> Json:
    """Return the request of a payment on which an action is possible."""
    source = {"type": "card", "number": payment_card("approved"), "expiry_month": 6, "expiry_year": 2099}
    payment: Json = {"source": source, "amount": 10_000, "currency": "USD", "capture": operation == "refund_payment"}
    return payment | ({"authorization_type": "Estimated"} if operation == "increment_authorization" else {})


async def prepare(http: aiohttp.ClientSession, base_url: str, operation: str) -> str:
    """Return the identifier in the path of an operation: empty for one that creates something."""
    if operation in {"request_payment", "request_session"}:
        return ""
    status, payment = await post(http, f"{base_url}/payments", needed_payment(operation))
    assert status == 201
    return str(payment["id"])


PATHS = {
    "request_payment": "/payments",
    "request_session": "/sessions",
    "increment_authorization": "/payments/{}/authorizations",
    "capture_payment": "/payments/{}/captures",
    "void_payment": "/payments/{}/voids",
    "refund_payment": "/payments/{}/refunds",
    "reverse_payment": "/payments/{}/reversals",
}


async def bearer(http: aiohttp.ClientSession, base_url: str) -> str:
    form = {"grant_type": "client_credentials"} | CREDENTIALS
    async with http.post(f"{base_url}/connect/token", data=form) as reply:
        return f"Bearer {(await reply.json())['access_token']}"


@pytest.mark.parametrize("sample", params(ACCEPTED))
async def test_what_the_api_accepts_the_sandbox_accepts(
    http: aiohttp.ClientSession, base_url: str, sample: Json
) -> None:
    path = PATHS[sample["operation"]].format(await prepare(http, base_url, sample["operation"]))
    status, reply = await post(http, base_url + path, sample["body"], await bearer(http, base_url))

    if name_of(sample) in REFUSED:
        assert status == 422, reply
    else:
        assert status in {200, 201, 202}, reply
        assert reply.get("approved") is not False, reply


@pytest.mark.parametrize("sample", params(LIVE))
async def test_the_client_sends_what_the_vendors_live_tests_send(
    http: aiohttp.ClientSession, base_url: str, sample: Json
) -> None:
    resource_id = await prepare(http, base_url, sample["operation"])
    async with client(base_url) as checkout:
        api = checkout.sessions if sample["operation"] == "request_session" else checkout.payments
        call = getattr(api, sample["operation"])
        reply = await (call(resource_id, sample["body"]) if resource_id else call(sample["body"]))

    assert getattr(reply, "approved", None) is not False


def client(base_url: str) -> CheckoutClient:
    credentials = OAuthCredentials(*CREDENTIALS.values(), scopes=["gateway", "sessions:app", "sessions:browser"])
    return CheckoutClient(credentials, base_url=base_url, token_url=f"{base_url}/connect/token")


@pytest.mark.parametrize("operation", ["void_payment", "capture_payment"])
async def test_a_body_of_null_is_no_body(http: aiohttp.ClientSession, base_url: str, operation: str) -> None:
    """The vendor's Go library writes `null` where the caller passes no body."""
    path = PATHS[operation].format(await prepare(http, base_url, operation))
    headers = {"Authorization": f"Bearer {SECRET_KEY}", "Content-Type": "application/json"}
    async with http.post(base_url + path, data=b"null", headers=headers) as reply:
        assert reply.status == 202
