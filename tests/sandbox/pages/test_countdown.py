"""A challenge that nobody answers ends on its page too, by the sandbox's clock."""

from __future__ import annotations

import asyncio
import json

import pytest

from checkout_async.sandbox import Sandbox, SandboxClock
from tests.sandbox.pages.pages import Browser, Page, begun, challenged
from tests.sandbox.support import Api

ASK = "/_sandbox/acs/challenge/{}/left"
LIFETIME = 15 * 60


def timer(page: Page) -> dict[str, str | None]:
    return next(attributes for _, attributes in page.elements if attributes.get("id") == "left")


async def left(browser: Browser, transaction_id: str) -> int:
    """The reply to a poll of the page: seconds."""
    answer: dict[str, int] = json.loads((await browser.get(ASK.format(transaction_id))).html)
    return answer["seconds"]


async def test_the_page_says_how_long_the_challenge_may_take_and_where_to_ask(
    sandbox: Sandbox, api: Api, browser: Browser
) -> None:
    session = await challenged(api)
    await sandbox.advance(5 * 60)
    page = await begun(browser, session)
    assert ">10</span>" in page.html
    assert timer(page)["data-source"] == ASK.format(session["transaction_id"])


async def test_the_banking_app_s_page_says_so_too(api: Api, browser: Browser) -> None:
    session = await challenged(api)
    waiting = await browser.submit((await begun(browser, session)).button("app"))
    assert timer(waiting)["data-source"] == ASK.format(session["transaction_id"])


async def test_a_page_that_asks_is_answered_when_the_clock_jumps(sandbox: Sandbox, api: Api, browser: Browser) -> None:
    session = await challenged(api)
    async with asyncio.timeout(15):  # without a jump the answer takes longer
        asked = asyncio.create_task(left(browser, session["transaction_id"]))
        jumps = 0
        while not asked.done():
            await sandbox.advance(1)
            jumps += 1
            await asyncio.sleep(0.01)
    assert LIFETIME - jumps <= await asked < LIFETIME


async def test_a_running_clock_ends_it_without_a_jump() -> None:
    async with Sandbox(clock=SandboxClock()) as sandbox, Api(sandbox) as api, Browser(sandbox.base_url) as browser:
        session = await challenged(api)
        await sandbox.advance(LIFETIME - 0.5)
        while await left(browser, session["transaction_id"]):
            pass
        assert sandbox.sessions[session["id"]].status == "challenge_abandoned"


async def test_what_the_page_submits_then_sends_the_browser_back(sandbox: Sandbox, api: Api, browser: Browser) -> None:
    session = await challenged(api)
    page = await begun(browser, session, threeDSSessionData="c2hvcA")
    await sandbox.advance(LIFETIME)
    assert await left(browser, session["transaction_id"]) == 0
    over = await browser.submit(page.form("over"))
    assert "The time is up" in over.html
    assert over.form("forward").fields["threeDSSessionData"] == "c2hvcA"


@pytest.mark.parametrize("how", ["password", "cancel"])
async def test_a_challenge_that_ended_otherwise_is_over_at_once(api: Api, browser: Browser, how: str) -> None:
    session = await challenged(api)
    await browser.submit((await begun(browser, session)).button(how), password="1234")
    assert await left(browser, session["transaction_id"]) == 0


async def test_polling_a_challenge_that_does_not_exist_is_refused(browser: Browser) -> None:
    assert (await browser.get(ASK.format("none"))).status == 404


async def test_only_pages_that_ask_may_connect_and_only_to_here(api: Api, browser: Browser) -> None:
    page = await begun(browser, await challenged(api))
    back = await browser.submit(page.button("cancel"))
    assert "connect-src 'self'" in page.policy
    assert "connect-src" not in back.policy


async def test_the_sandbox_ends_while_a_page_asks() -> None:
    async with Sandbox(clock=SandboxClock(frozen=True)) as sandbox, Api(sandbox) as api:
        session = await challenged(api)
        reader, writer = await asyncio.open_connection("127.0.0.1", int(sandbox.base_url.rpartition(":")[2]))
        path = ASK.format(session["transaction_id"])
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n\r\n".encode())
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert (await reader.read()).startswith(b"HTTP/1.1 200")
    writer.close()
