"""Takes the pictures of the docs: the shop, the issuer and Checkout.com on a phone, and the report of a batch."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from playwright.async_api import Browser

from checkout_async.sandbox import Sandbox
from checkout_async.sandbox.sessions.flow import CHALLENGE_LIFETIME
from examples.shop.demo import run_shop
from tests.browser.guide import guide_shop, showing
from tests.browser.report_picture import take_report
from tests.browser.visitor import Visitor, chromium, visiting

IMAGES = Path(__file__).parent.parent.parent / "docs" / "images"


async def _take(visitor: Visitor, name: str) -> None:
    await visitor.page.screenshot(path=IMAGES / f"{name}.png")
    _log(name)


def _log(name: str) -> None:
    sys.stdout.write(f"docs/images/{name}.png\n")


async def _on_the_page(visitor: Visitor) -> None:
    """Non-hosted: form, 3DS Method, challenge, and both results."""
    await visitor.page.goto(visitor.address)
    await visitor.page.locator("summary").click()
    await _take(visitor, "shop-checkout")
    await visitor.page.goto(visitor.address)
    await visitor.page.get_by_label("Card number").fill("4000000000000000")
    await visitor.page.get_by_label("Month").fill("13")
    await visitor.page.get_by_role("button", name="Pay").click()
    await visitor.page.locator(".bad").first.wait_for()
    await _take(visitor, "shop-errors")
    await visitor.pay("silent_method")
    await visitor.page.get_by_text("Asking your bank").wait_for()
    await _take(visitor, "shop-3ds-method")
    await visitor.pay("challenge")
    await visitor.issuer.get_by_label("One-time password").wait_for()
    await _take(visitor, "shop-challenge")
    await visitor.answer("1234")
    await visitor.result()
    await _take(visitor, "shop-authenticated")
    await visitor.pay("declined")
    await visitor.result()
    await _take(visitor, "shop-declined")


async def _hosted(visitor: Visitor, sandbox: Sandbox) -> None:
    """Hosted: the challenge has the whole window."""
    await visitor.pay("challenge", hosted=True)
    await visitor.page.get_by_label("One-time password").wait_for()
    await _take(visitor, "hosted-challenge")
    await visitor.page.get_by_role("button", name="Use my banking app").click()
    await visitor.page.get_by_role("button", name="I approved it in the app").wait_for()
    await _take(visitor, "hosted-banking-app")
    await sandbox.advance(CHALLENGE_LIFETIME)
    await visitor.page.get_by_text("The time is up").wait_for()
    await _take(visitor, "hosted-time-up")


async def _guide(browser: Browser) -> None:
    """The code of docs/threeds.md: its own pages, on a phone and on a wide screen."""
    for name, scenario, screen, scheme in (
        ("guide-method-pixel5", "silent_method", "Pixel 5", "light"),
        ("guide-challenge-pixel5", "challenge", "Pixel 5", "light"),
        ("guide-challenge-desktop", "challenge", "desktop", "dark"),
    ):
        async with guide_shop(scenario) as address, showing(browser, screen, scheme) as (page, _console):
            await page.goto(address)
            await page.get_by_role("button", name="Pay").click()
            if scenario == "challenge":
                await page.frame_locator("iframe:not([hidden])").get_by_label("One-time password").wait_for()
            else:
                await page.get_by_text("We are asking your bank.").wait_for()
            await page.screenshot(path=IMAGES / f"{name}.png", scale="css", animations="disabled")
            _log(name)


async def main() -> None:
    """Take all pictures."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        async with chromium() as browser, run_shop() as shop:
            log = Path(folder, "network.har")
            async with visiting(browser, shop.address, log) as (visitor, _evidence):
                await _on_the_page(visitor)
                await _hosted(visitor, shop.sandbox)
            await _guide(browser)
            await take_report(browser, IMAGES / "batch-report.png")
            _log("batch-report")


if __name__ == "__main__":
    asyncio.run(main())
