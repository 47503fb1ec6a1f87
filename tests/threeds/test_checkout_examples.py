"""The two examples for web frameworks: client, webhooks and 3DS endpoints, with the same script for both."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Protocol

import pytest
from aiohttp.test_utils import TestClient, TestServer
from anyio.from_thread import BlockingPortal, start_blocking_portal
from starlette import testclient

from checkout_async import threeds, webhooks
from checkout_async.sandbox import WEBHOOK_SECRET, amount
from checkout_async.testing import ThreadedSandbox
from examples import aiohttp_checkout, starlette_checkout
from tests.threeds.support import Html, skip_waits

VALUES = {"language": "en-GB", "screenHeight": 1080, "screenWidth": 1920, "timezoneOffset": 0}


@dataclass(frozen=True)
class Answer:
    status: int
    text: str
    headers: Mapping[str, str]
    path: str


class Browser(Protocol):
    def get(self, path: str) -> Answer: ...
    def post(self, path: str, fields: Any, headers: Mapping[str, str] | None = None) -> Answer: ...


class StarletteBrowser:
    def __init__(self, client: testclient.TestClient) -> None:
        self._client = client

    def get(self, path: str) -> Answer:
        return self._answer(self._client.get(path))

    def post(self, path: str, fields: Any, headers: Mapping[str, str] | None = None) -> Answer:
        if isinstance(fields, bytes):
            return self._answer(self._client.post(path, headers=headers, content=fields))
        return self._answer(self._client.post(path, headers=headers, data=fields))

    def _answer(self, reply: Any) -> Answer:
        return Answer(reply.status_code, reply.text, reply.headers, reply.url.path)


class AiohttpBrowser:
    def __init__(self, portal: BlockingPortal, client: TestClient[Any, Any]) -> None:
        self._portal = portal
        self._client = client

    def get(self, path: str) -> Answer:
        return self._portal.call(lambda: self._send("GET", path))

    def post(self, path: str, fields: Any, headers: Mapping[str, str] | None = None) -> Answer:
        return self._portal.call(lambda: self._send("POST", path, fields, headers))

    async def _send(self, method: str, path: str, fields: Any = None, headers: Any = None) -> Answer:
        async with self._client.request(method, path, data=fields, headers=headers) as reply:
            return Answer(reply.status, await reply.text(), reply.headers, reply.url.path)


@pytest.fixture
def events() -> list[webhooks.WebhookEvent]:
    return []


@pytest.fixture(params=["aiohttp", "starlette"])
def browser(
    request: pytest.FixtureRequest,
    checkout_environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    events: list[webhooks.WebhookEvent],
) -> Iterator[Browser]:
    for module in (aiohttp_checkout, starlette_checkout):
        monkeypatch.setattr(module, "AMOUNT", amount("challenge"))
    address, keys = "https://shop.example", [WEBHOOK_SECRET]
    with ExitStack() as stack:
        if request.param == "starlette":
            app = starlette_checkout.create_app(address, keys, events)
            client = testclient.TestClient(app, client=("192.0.2.1", 50_000))
            yield StarletteBrowser(stack.enter_context(client))
        else:
            portal = stack.enter_context(start_blocking_portal())
            server = portal.call(lambda: TestClient(TestServer(aiohttp_checkout.create_app(address, keys, events))))
            yield AiohttpBrowser(portal, stack.enter_context(portal.wrap_async_context_manager(server)))


def notified(page: Html) -> dict[str, str]:
    message = threeds.emv.decode_json(page.fields["threeDSMethodData"] or "")
    return {"threeDSMethodData": threeds.emv.encode_json({name: message[name] for name in list(message)[:1]})}


def ordered(browser: Browser) -> tuple[str, Html]:
    """Send the checkout form; return the path of the order and its page."""
    shown = browser.post("/pay", {"threeds_browser": json.dumps(VALUES)})
    assert shown.status == 200
    assert shown.headers["Refresh"] == "10"
    html = Html(shown.text)
    assert f"script-src 'nonce-{html.only('script')['nonce']}'" in shown.headers["Content-Security-Policy"]
    return shown.path, html


def passed(browser: Browser, sandbox: ThreadedSandbox) -> str:
    """Order, and pass the challenge; return the path of the order."""
    path, waiting = ordered(browser)
    assert browser.post(f"{path}/method", notified(waiting)).status == 200
    challenge = Html(browser.get(path).text)
    assert set(challenge.fields) == {"creq"}
    (session_id,) = sandbox.sessions
    back = sandbox.cardholder.complete_challenge(session_id)
    assert back.notification_url == f"https://shop.example{path}/challenge"
    onward = browser.post(f"{path}/challenge", {"cres": back.cres})
    assert Html(onward.text).only("script")["data-to"] == path
    return path


def test_a_cardholder_is_fingerprinted_challenged_and_pays_once(
    browser: Browser, checkout_sandbox: ThreadedSandbox
) -> None:
    path = passed(browser, checkout_sandbox)
    assert [browser.get(path).text for _ in range(2)] == ["Thank you."] * 2
    assert len(checkout_sandbox.payments) == 1
    (session_id,) = checkout_sandbox.sessions
    assert checkout_sandbox.sessions[session_id].channel_data["user_agent"]


def test_a_page_that_is_restored_the_next_day_does_not_pay_again(
    browser: Browser, checkout_sandbox: ThreadedSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = passed(browser, checkout_sandbox)
    assert browser.get(path).text == "Thank you."
    for module in (aiohttp_checkout, starlette_checkout):
        monkeypatch.setattr(module, "time", SimpleNamespace(time=checkout_sandbox.clock.now), raising=False)
    checkout_sandbox.advance(25 * 3600)  # the key of the payment has expired
    assert browser.get(path).status == 404
    assert len(checkout_sandbox.payments) == 1


def test_forgeries_and_guesses_are_refused(browser: Browser) -> None:
    path, _ = ordered(browser)
    for forged in ({}, {"threeDSMethodData": "x"}, {"cres": "x"}):
        assert browser.post(f"{path}/method", forged).status == 400
        assert browser.post(f"{path}/challenge", forged).status == 400
    assert "threeDSMethodData" in Html(browser.get(path).text).fields
    assert browser.get("/3ds/guessed").status == 404
    assert browser.post("/3ds/guessed/method", {"threeDSMethodData": "x"}).status == 404


@pytest.mark.parametrize(
    ("path", "content", "kind"),
    [
        ("/method", b"&".join([b"a=b"] * 21), "application/x-www-form-urlencoded"),
        ("/challenge", b"\xff\xfe=%ff", "application/x-www-form-urlencoded"),
        ("/challenge", b"no part", "multipart/form-data; boundary=B"),
    ],
    ids=["many fields", "not text", "no part"],
)
def test_what_is_no_form_is_refused(browser: Browser, path: str, content: bytes, kind: str) -> None:
    order, _ = ordered(browser)
    assert browser.post(f"{order}{path}", content, {"Content-Type": kind}).status == 400


@pytest.mark.parametrize(("values", "agent"), [("{x", "Mozilla/5.0"), ("", "")], ids=["no JSON", "no browser"])
def test_no_session_is_made_for_what_no_browser_sends(
    browser: Browser, checkout_sandbox: ThreadedSandbox, values: str, agent: str
) -> None:
    assert browser.post("/pay", {"threeds_browser": values}, {"User-Agent": agent}).status == 400
    assert len(checkout_sandbox.sessions) == 0


def test_no_other_card_is_asked_for_while_the_bank_has_not_decided(
    browser: Browser, checkout_sandbox: ThreadedSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_waits(monkeypatch)
    path, waiting = ordered(browser)
    browser.post(f"{path}/method", notified(waiting))
    failed = threeds.emv.encode_json({"messageType": "Erro", "errorCode": "403"})
    assert browser.post(f"{path}/challenge", {"cres": failed}).status == 200
    undecided = browser.get(path)
    assert undecided.text == "Your bank has not decided yet."
    assert undecided.headers["Refresh"]
    (session_id,) = checkout_sandbox.sessions
    checkout_sandbox.cardholder.complete_challenge(session_id)
    assert browser.get(path).text == "Thank you."


def test_a_webhook_counts_with_its_signature_only(browser: Browser, events: list[webhooks.WebhookEvent]) -> None:
    body = b'{"id": "evt_1", "type": "payment_approved", "data": {"id": "pay_1"}}'
    for content, key, status in ((body, "guessed", 401), (b"[]", WEBHOOK_SECRET, 200), (body, WEBHOOK_SECRET, 200)):
        headers = {webhooks.SIGNATURE_HEADER: webhooks.sign(content, key)}
        assert browser.post("/webhooks", content, headers).status == status
    assert [event.id for event in events] == ["evt_1"]


def test_a_body_has_a_limit(browser: Browser) -> None:
    assert browser.post("/webhooks", b"x" * (aiohttp_checkout.MAX_BODY + 1)).status == 413
