"""docs/threeds.md and docs/apps.md: the diagram matches the tables, and their code does what they say."""

from __future__ import annotations

import importlib.util
import re
import typing
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from aiohttp.test_utils import TestClient, TestServer

from checkout_async import threeds
from checkout_async.sandbox import Sandbox, amount
from checkout_async.threeds import steps
from tests.documents import python_blocks
from tests.threeds.support import Html, skip_waits

ROOT = Path(__file__).parent.parent.parent
TEXT = (ROOT / "docs" / "threeds.md").read_text(encoding="utf-8")
BLOCKS = python_blocks(ROOT / "docs" / "threeds.md")
INSTRUMENT = "src_" + "a" * 26
APP = python_blocks(ROOT / "docs" / "apps.md")


def drawing() -> ModuleType:
    spec = importlib.util.spec_from_file_location("drawing", ROOT / "scripts" / "draw_threeds_flow.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_diagram_matches_the_tables() -> None:
    script = drawing()
    assert script.BLOCK.search(TEXT)[0] == script.diagram(), "run python scripts/draw_threeds_flow.py"


def test_every_verdict_is_in_the_page() -> None:
    for row in threeds.Verdict:
        assert f"`{row.name}`" in TEXT


@pytest.mark.parametrize("step", typing.get_args(steps.Step), ids=lambda step: step.__name__)
def test_the_diagram_leads_to_every_step(step: type[steps.Step]) -> None:
    assert re.search(rf"Reply --> {step.__name__}: \w", TEXT)


class TestShop:
    @pytest.fixture
    async def code(self) -> dict[str, Any]:
        """Run all blocks and return their names. The sandbox challenges the amount that they use."""
        names: dict[str, Any] = {"__name__": "page"}
        for block in BLOCKS:
            exec(compile(block.replace("6540", str(amount("challenge"))), "docs/threeds.md", "exec"), names)
        return names

    @pytest.fixture
    async def browser(self, sandbox: Sandbox, code: dict[str, Any]) -> AsyncIterator[TestClient[Any, Any]]:
        async with sandbox.client() as checkout, TestClient(TestServer(code["shop"](checkout))) as browser:
            yield browser

    async def checked_out(self, browser: TestClient[Any, Any]) -> tuple[str, Html]:
        """Send the checkout form; return the path of the order and its page."""
        values = {"language": "en-GB", "screenHeight": 1080, "screenWidth": 1920, "timezoneOffset": 0}
        form = {"instrument": INSTRUMENT, "threeds_browser": msgspec.json.encode(values).decode()}
        reply = await browser.post("/pay", data=form)
        assert reply.status == 200
        policy = reply.headers["Content-Security-Policy"]
        html = Html(await reply.text())
        assert f"script-src 'nonce-{html.only('script')['nonce']}'" in policy
        assert reply.headers["Refresh"] == "10"
        return str(reply.url.path), html

    async def test_a_cardholder_is_fingerprinted_challenged_and_pays(
        self, sandbox: Sandbox, code: dict[str, Any], browser: TestClient[Any, Any]
    ) -> None:
        path, waiting = await self.checked_out(browser)
        message = threeds.emv.decode_json(waiting.fields["threeDSMethodData"] or "")
        notified = {"threeDSMethodData": threeds.emv.encode_json({name: message[name] for name in list(message)[:1]})}
        await browser.post(urlsplit(str(message["threeDSMethodNotificationURL"])).path, data=notified)

        challenge = Html(await (await browser.get(path)).text())
        assert set(challenge.fields) == {"creq"}
        (session_id,) = sandbox.sessions
        back = await sandbox.cardholder.complete_challenge(session_id)
        onward = await browser.post(urlsplit(back.notification_url or "").path, data={"cres": back.cres})
        assert Html(await onward.text()).only("script")["data-to"] == path
        assert await (await browser.get(path)).text() == "Thank you."

        async with sandbox.client() as checkout:
            driver = await code["resumed"](checkout, session_id, b"{}", threeds.Options())
            step = await driver.advance()
            assert await code["charge"](checkout, step.result, INSTRUMENT, "order 1")

    async def test_forgeries_are_bad_requests_and_change_nothing(self, browser: TestClient[Any, Any]) -> None:
        path, _ = await self.checked_out(browser)
        other = threeds.emv.encode_json({"threeDSServerTransID": "352455b7-b3b1-4696-a916-69e2e4274e6c"})
        for forged in ({}, {"threeDSMethodData": "x"}, {"threeDSMethodData": other}):
            reply = await browser.post(f"{path}/method", data=forged)
            assert reply.status == 400
        assert "threeDSMethodData" in Html(await (await browser.get(path)).text()).fields

    async def test_a_guessed_order_number_is_not_found(self, browser: TestClient[Any, Any]) -> None:
        identifier = threeds.emv.encode_json({"threeDSServerTransID": "352455b7-b3b1-4696-a916-69e2e4274e6c"})
        assert (await browser.get("/3ds/guessed")).status == 404
        assert (await browser.post("/3ds/guessed/method", data={"threeDSMethodData": identifier})).status == 404

    async def test_a_forged_hint_changes_nothing_and_does_not_hold_the_request_for_long(
        self, sandbox: Sandbox, browser: TestClient[Any, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        slept = skip_waits(monkeypatch)
        path, waiting = await self.checked_out(browser)
        message = threeds.emv.decode_json(waiting.fields["threeDSMethodData"] or "")
        identifier = {name: message[name] for name in list(message)[:1]}
        await browser.post(f"{path}/method", data={"threeDSMethodData": threeds.emv.encode_json(identifier)})
        forged = identifier | {"messageType": "CRes", "transStatus": "Y"}
        await browser.post(f"{path}/challenge", data={"cres": threeds.emv.encode_json(forged)})
        assert 5 <= sum(slept) < 10
        assert set(Html(await (await browser.get(path)).text()).fields) == {"creq"}


class TestOtherBlocks:
    async def test_an_app_is_authenticated(self, capsys: pytest.CaptureFixture[str]) -> None:
        names: dict[str, Any] = {"__name__": "page"}
        exec(compile(APP[0], "docs/apps.md", "exec"), names)
        parameters = {
            "deviceData": "eyJhbGciOiJkaXIifQ..aXY.Y2lwaGVydGV4dA.dGFn",
            "sdkTransactionID": "b2385523-a66c-4907-ac3c-91848e8c0067",
            "sdkAppID": "dbd64fcb-c19a-4728-8849-e3d50bfdde39",
            "sdkReferenceNumber": "3DS_LOA_SDK",
            "sdkEphemeralPublicKey": {"kty": "EC", "crv": "P-256", "x": "x", "y": "y"},
        }
        async with Sandbox() as sandbox, sandbox.client(scopes=["sessions:app"]) as checkout:
            session = await checkout.sessions.request_session(
                {
                    "source": {"type": "token", "token": "tok_" + "a" * 26},
                    "amount": amount("challenge"),
                    "currency": "GBP",
                    "completion": {"type": "non_hosted"},
                }
            )
            assert session.certificates is not None
            assert session.protocol_version is not None
            driver = await names["app_authenticated"](checkout, session, msgspec.json.encode(parameters))
            assert "acsSignedContent" in capsys.readouterr().out
            await sandbox.cardholder.complete_challenge(session.id)
            done = await driver.advance(threeds.CardholderReturned())
            assert done.result.verdict is threeds.Verdict.AUTHENTICATED

    async def test_one_call_authenticates(self) -> None:
        names: dict[str, Any] = {"__name__": "page"}
        for block in BLOCKS:
            exec(compile(block, "docs/threeds.md", "exec"), names)
        async with Sandbox() as sandbox, sandbox.client() as checkout:
            session = await checkout.sessions.request_session(
                {
                    "source": {"type": "token", "token": "tok_" + "a" * 26},
                    "amount": amount("frictionless"),
                    "currency": "GBP",
                    "completion": {
                        "type": "hosted",
                        "success_url": "https://a.example",
                        "failure_url": "https://b.example",
                    },
                }
            )

            async def on_step(_step: threeds.CardholderStep) -> threeds.Event:
                await sandbox.cardholder.finish_hosted(session.id)
                return threeds.CardholderReturned()

            result = await names["authenticated"](checkout, session, on_step)
            assert result.verdict is threeds.Verdict.AUTHENTICATED
