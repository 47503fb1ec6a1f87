"""A cardholder in headless Chromium on a phone, and everything that the browser saw."""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from playwright.async_api import Browser, ConsoleMessage, FrameLocator, Page, async_playwright

from checkout_async.sandbox import card_number
from tests.services import CHROMIUM


@asynccontextmanager
async def chromium() -> AsyncGenerator[Browser]:
    """Start Debian's Chromium. Its own sandbox does not work for root."""
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        try:
            yield browser
        finally:
            await browser.close()


@dataclass
class Visitor:
    """A cardholder, who fills in the forms of the shop and the issuer."""

    page: Page
    address: str
    console: list[str] = field(default_factory=list[str])

    @property
    def issuer(self) -> FrameLocator:
        """The iframe with the issuer's challenge."""
        return self.page.frame_locator("iframe:not([hidden])")

    async def pay(self, card: str, *, hosted: bool = False) -> None:
        """Submit the card form; `card` is a row of the simulator's test data."""
        await self.page.goto(self.address)
        await self.page.get_by_label("Card number").fill(card_number(card))
        if hosted:
            await self.page.get_by_label("on Checkout.com's page").check()
        await self.page.get_by_role("button", name="Pay").click()

    async def answer(self, password: str, within: FrameLocator | Page | None = None) -> None:
        """Enter the one-time password on the issuer's page."""
        there = within or self.issuer
        await there.get_by_label("One-time password").fill(password)
        await there.get_by_role("button", name="Confirm").click()

    async def result(self) -> dict[str, str]:
        """Wait for the shop's result page, and return its entries by name."""
        await self.page.get_by_text("Verdict").wait_for()
        names = await self.page.locator("dt").all_inner_texts()
        return dict(zip(names, await self.page.locator("dd").all_inner_texts(), strict=True))

    async def storage(self) -> dict[str, str]:
        """Return the cookies and the stored data of the shop's page."""
        found: dict[str, str] = await self.page.evaluate(
            "() => ({cookie: document.cookie, ...sessionStorage, ...localStorage})"
        )
        return found


@dataclass
class Evidence:
    """Everything that the browser saw: console, stored data, and the network log with bodies and headers."""

    console: list[str]
    cookies: list[str]
    network: str

    def contains(self, secret: str) -> bool:
        """Whether the text appears anywhere: plain, quoted for a URL, or inside base64url messages."""
        everything = "\n".join([*self.console, *self.cookies, self.network, *_unpacked(self.network)])
        return any(form in everything for form in (secret, quote(secret, safe=""), json.dumps(secret)[1:-1]))


@asynccontextmanager
async def visiting(browser: Browser, address: str, log: Path) -> AsyncGenerator[tuple[Visitor, Evidence]]:
    """Give a visitor with a fresh profile. The evidence is complete after the block."""
    context = await browser.new_context(
        viewport={"width": 390, "height": 760},
        has_touch=True,
        is_mobile=True,
        record_har_path=log,
        record_har_content="embed",
    )
    visitor = Visitor(await context.new_page(), address)
    evidence = Evidence(visitor.console, [], "")

    def record(message: ConsoleMessage) -> None:
        visitor.console.append(message.text)

    visitor.page.on("console", record)
    visitor.page.on("pageerror", lambda error: visitor.console.append(str(error)))
    yield visitor, evidence
    state = await context.storage_state()
    evidence.cookies.append(json.dumps(state))
    await context.close()
    evidence.network = _plain(json.loads(log.read_text("utf-8")))


def _plain(log: object) -> str:
    """Return the network log as text, with its base64 bodies decoded."""
    lines: list[str] = []
    waiting = [log]
    while waiting:
        match waiting.pop():
            case {"encoding": "base64", "text": str(text)}:
                lines.append(base64.b64decode(text).decode("utf-8", "replace"))
            case dict() as members:  # pyright: ignore[reportUnknownVariableType] - JSON
                waiting.extend([*members.keys(), *members.values()])  # pyright: ignore[reportUnknownArgumentType]
            case list() as items:  # pyright: ignore[reportUnknownVariableType] - JSON
                waiting.extend(items)  # pyright: ignore[reportUnknownArgumentType]
            case value:
                lines.append(str(value))
    return "\n".join(lines)


def _unpacked(text: str) -> list[str]:
    """Return the decoded contents of all words that may be base64url."""
    found: list[str] = []
    for word in set(re.findall(r"[A-Za-z0-9_-]{24,}", text)):
        try:
            found.append(base64.urlsafe_b64decode(word + "=" * (-len(word) % 4)).decode("utf-8", "replace"))
        except binascii.Error:
            continue
    return found
