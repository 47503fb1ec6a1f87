"""The code of docs/threeds.md, and the shop, on a phone and a desktop, in light and dark: pages that all can read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

    from tests.browser.stage import Stage

pytestmark = pytest.mark.browser

every_screen = pytest.mark.parametrize("screen", ["Pixel 5", "desktop"])
light_and_dark = pytest.mark.parametrize("scheme", ["light", "dark"])


@every_screen
@light_and_dark
async def test_the_guide_shows_whole_pages_and_authenticates(browser: Browser, screen: str, scheme: str) -> None:
    from tests.browser.guide import defects, guide_shop, showing

    async with guide_shop("challenge") as address, showing(browser, screen, scheme) as (page, console):
        await page.goto(address)
        await page.get_by_role("button", name="Pay").click()
        issuer = page.frame_locator("iframe:not([hidden])")
        await issuer.get_by_label("One-time password").fill("1234")
        assert await page.get_by_role("status").inner_text() == "Your bank wants to know that it is you."
        assert await defects(page) == []
        await issuer.get_by_role("button", name="Confirm").click()
        await page.get_by_text("Thank you.").wait_for()
        assert console == []


@light_and_dark
async def test_the_page_of_the_3ds_method(browser: Browser, scheme: str) -> None:
    from tests.browser.guide import defects, guide_shop, showing

    async with guide_shop("silent_method") as address, showing(browser, "Pixel 5", scheme) as (page, console):
        await page.goto(address)
        await page.get_by_role("button", name="Pay").click()
        await page.get_by_text("We are asking your bank.").wait_for()
        assert await defects(page) == []
        assert console == []


async def test_without_scripts_the_buttons_lead_on(browser: Browser) -> None:
    from tests.browser.guide import guide_shop

    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    async with guide_shop("challenge_no_method") as address:
        await page.goto(address)
        await page.get_by_role("button", name="Pay").click()
        await page.get_by_role("button", name="Continue").click()
        issuer = page.frame_locator("iframe:not([hidden])")
        await issuer.get_by_label("One-time password").fill("1234")
        await issuer.get_by_role("button", name="Confirm").click()
        onward = page.frame_locator("iframe").get_by_role("link", name="Continue")
        while not await page.get_by_text("Thank you.").is_visible():
            if await issuer.get_by_role("button", name="Continue").is_visible():
                await issuer.get_by_role("button", name="Continue").click()
            elif await onward.is_visible():
                await onward.click()
            await page.wait_for_timeout(50)
    await context.close()


@every_screen
@light_and_dark
async def test_every_page_of_the_shop_can_be_read(stage: Stage, screen: str, scheme: str) -> None:
    from checkout_async.sandbox import card_number
    from tests.browser.guide import defects, showing

    async def pay(page: Page, number: str) -> None:
        await page.goto(stage.shop.address)
        await page.get_by_label("Card number").fill(number)
        await page.get_by_role("button", name="Pay").click()

    async with showing(stage.browser, screen, scheme) as (page, _console):
        await page.goto(stage.shop.address)
        await page.locator("summary").click()
        assert await defects(page) == []
        await pay(page, "4000000000000000")
        await page.get_by_text("Please check the card number.").wait_for()
        assert await defects(page) == []
        for card in ("frictionless", "declined"):
            await pay(page, card_number(card))
            await page.get_by_text("Verdict").wait_for()
            assert await defects(page) == []


async def test_the_shop_pays_captures_and_refunds(stage: Stage) -> None:
    async with stage.cardholder() as cardholder:
        await cardholder.pay("frictionless")
        shown = await cardholder.result()
        assert shown["Payment status"] == "Authorized"
        for button, status in (("Capture", "Captured"), ("Refund", "Refunded")):
            await cardholder.page.get_by_role("button", name=button).click()
            await cardholder.page.get_by_text(status, exact=True).wait_for()
    assert stage.shop.sandbox.payments[shown["Payment"]].balances.total_refunded == 6540
