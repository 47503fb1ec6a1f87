"""The code of docs/threeds.md as a shop, and what a page looks like: its contrast, and whether it fits the window."""

from __future__ import annotations

import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiohttp import web
from playwright.async_api import Browser, ConsoleMessage, Page

from checkout_async import CheckoutClient, threeds
from checkout_async.models import sessions
from checkout_async.sandbox import Sandbox, amount
from tests.documents import ROOT, python_blocks

FORM = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Checkout</title></head><body>
<form method="post" action="/pay"><input name="instrument" value="src_aaaaaaaaaaaaaaaaaaaaaaaaaa">
<input type="hidden" name="threeds_browser"><button>Pay</button></form>
<script src="/threeds.js"></script></body></html>"""

# The lowest contrast of a text on a page, and that text (WCAG 2.2, 1.4.3).
CONTRAST = """() => {
  const parse = text => { const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number); return {r, g, b, a} };
  const mix = (top, under, k) => top[k] * top.a + under[k] * (1 - top.a);
  const over = (top, under) => ({r: mix(top, under, 'r'), g: mix(top, under, 'g'), b: mix(top, under, 'b')});
  const linear = value => value <= .04045 ? value / 12.92 : ((value + .055) / 1.055) ** 2.4;
  const light = ({r, g, b}) => .2126 * linear(r / 255) + .7152 * linear(g / 255) + .0722 * linear(b / 255);
  const dark = matchMedia('(prefers-color-scheme: dark)').matches;
  const behind = element => {
    for (let each = element; each; each = each.parentElement) {
      const colour = parse(getComputedStyle(each).backgroundColor);
      if (colour.a === 1) return colour;
    }
    return dark ? {r: 18, g: 18, b: 18} : {r: 255, g: 255, b: 255};
  };
  let worst = {ratio: 21, text: ''};
  for (const element of document.querySelectorAll('body *')) {
    const text = [...element.childNodes].filter(n => n.nodeType === 3).map(n => n.textContent).join('').trim();
    if (!text || element.closest('script, style, noscript') || !element.checkVisibility()) continue;
    const style = getComputedStyle(element), under = behind(element), colour = parse(style.color);
    for (let each = element; each; each = each.parentElement) colour.a *= Number(getComputedStyle(each).opacity);
    const [low, high] = [light(over(colour, under)), light(under)].sort((a, b) => a - b);
    const ratio = (high + .05) / (low + .05);
    if (ratio < worst.ratio) worst = {ratio, text};
  }
  return worst;
}"""
SCREENS: dict[str, dict[str, Any]] = {
    "Pixel 5": {
        "viewport": {"width": 393, "height": 727},
        "device_scale_factor": 2.75,
        "is_mobile": True,
        "has_touch": True,
    },
    "desktop": {"viewport": {"width": 1280, "height": 720}},
}
FITS = "() => document.documentElement.scrollWidth <= document.documentElement.clientWidth"


def code(scenario: str, address: str) -> dict[str, Any]:
    """Run the blocks of the guide and return their names; the simulator plays a scenario for their amount."""
    names: dict[str, Any] = {
        "__name__": "shop",
        "CheckoutClient": CheckoutClient,
        "msgspec": msgspec,
        "sessions": sessions,
        "threeds": threeds,
    }
    for block in python_blocks(ROOT / "docs" / "threeds.md"):
        exec(compile(block.replace("6540", str(amount(scenario))), "docs/threeds.md", "exec"), names)
    names["SHOP"] = address
    return names


@asynccontextmanager
async def guide_shop(scenario: str) -> AsyncGenerator[str]:
    """Serve the guide's shop, with a simulator and a form; give its address."""

    async def form(_request: web.Request) -> web.Response:
        return web.Response(text=FORM, content_type="text/html")

    async def script(_request: web.Request) -> web.Response:
        return web.Response(text=threeds.BROWSER_SCRIPT, content_type="text/javascript")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"http://localhost:{listener.getsockname()[1]}"
        async with Sandbox() as sandbox, sandbox.client() as checkout:
            app: web.Application = code(scenario, address)["shop"](checkout)
            app.add_routes([web.get("/", form), web.get("/threeds.js", script)])
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
            await runner.setup()
            try:
                await web.SockSite(runner, listener).start()
                yield address
            finally:
                await runner.cleanup()


@asynccontextmanager
async def showing(browser: Browser, screen: str, scheme: Any) -> AsyncGenerator[tuple[Page, list[str]]]:
    """Give a page on a screen, in the scheme `light` or `dark`, and what its console says."""
    context = await browser.new_context(color_scheme=scheme, **SCREENS[screen])
    page = await context.new_page()
    console: list[str] = []

    def record(message: ConsoleMessage) -> None:
        if not message.location["url"].endswith("/favicon.ico"):  # that a page without a policy asks for
            console.append(message.text)

    page.on("console", record)
    yield page, console
    await context.close()


async def defects(page: Page) -> list[str]:
    """Return what is wrong with a page that is shown: parts of a document, contrast (of frames too), and size."""
    found: list[str] = []
    if not await page.title() or not await page.evaluate("document.documentElement.lang"):
        found.append("it has no title or no language")
    if await page.evaluate("document.compatMode") != "CSS1Compat":
        found.append("it has no doctype")
    for frame in page.frames:
        worst = await frame.evaluate(CONTRAST)
        if worst["ratio"] < 4.5:
            found.append(f"the contrast of {worst['text']!r} is {worst['ratio']:.2f}")
    if not await page.evaluate(FITS):
        found.append("it is wider than the window")
    return found
