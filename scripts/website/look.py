"""Opens every page of the built site in Chromium, at the width of a phone and of a desktop, as files and offline.

`python -m scripts.website.look SITE [FOLDER [BEGINNING ...]]` fails if a page is wider than the window, logs an error,
loads something from elsewhere, or if the search finds nothing. With a folder, it saves a picture of each page there.
With beginnings of paths, it looks at these pages only.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from playwright.async_api import Browser, Page, TimeoutError, async_playwright  # noqa: A004

CHROMIUM: Final = "/usr/bin/chromium"
WIDTHS: Final = (390, 1280)
_WIDER: Final = """() => {
    const width = document.documentElement.clientWidth;
    const inside = element => element.closest('pre, .highlight, .md-typeset__table, .md-sidebar, .md-tabs, .md-header,'
        + ' .md-search, .md-overlay, .md-skip, .tabbed-labels');
    const found = [...document.querySelectorAll('.md-content *')]
        .filter(each => each.getBoundingClientRect().right > width + 1 && !inside(each));
    const wide = document.documentElement.scrollWidth > width ? ['the page'] : [];
    return wide.concat(found.slice(0, 3).map(each => each.tagName + ' ' + each.textContent.trim().slice(0, 40)));
}"""
_SCROLLED: Final = """() => [...document.querySelectorAll('.md-typeset__scrollwrap')]
    .filter(each => each.scrollWidth > each.clientWidth + 1)
    .map(each => 'a table scrolls: ' + each.textContent.trim().slice(0, 40))"""


class Visit:
    """A window of one width, and what is wrong with the pages that it has shown."""

    def __init__(self, page: Page, width: int, pictures: Path | None) -> None:
        self._page = page
        self._width = width
        self._pictures = pictures
        self._now = ""
        self.problems: list[str] = []
        page.on("console", lambda message: self._note(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self._note(str(error)))
        page.on("request", lambda request: self._request(request.url))

    def _request(self, url: str) -> None:
        if url.startswith("http"):
            self._note(f"loads {url}")

    def _note(self, problem: str) -> None:
        self.problems.append(f"{self._now} at {self._width} px: {' '.join(problem.split())}")

    async def look(self, site: Path, path: Path) -> None:
        """Open a page and note what does not fit."""
        self._now = str(path.relative_to(site))
        await self._page.goto(path.as_uri(), wait_until="domcontentloaded")
        for problem in [*await self._page.evaluate(_WIDER), *await self._page.evaluate(_SCROLLED)]:
            self._note(problem)
        if self._pictures is not None:
            name = f"{self._now.removesuffix('.html').replace('/', '-')}-{self._width}.png"
            await self._page.screenshot(path=self._pictures / name, full_page=True)

    async def search(self, site: Path, text: str) -> None:
        """Search, as a reader does who opened the pages from a folder."""
        self._now = f"search for {text}"
        await self._page.goto((site / "index.html").as_uri())
        if self._width < 1000:
            await self._page.locator("label.md-header__button[for=__search]").click()
        await self._page.locator("input.md-search__input").press_sequentially(text)
        try:
            await self._page.locator(".md-search-result__item").first.wait_for(timeout=20_000)
        except TimeoutError:
            self._note("finds nothing")


@asynccontextmanager
async def chromium() -> AsyncGenerator[Browser]:
    """Start Chromium without a network."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            await browser.close()


def pages_of(site: Path, names: list[str]) -> list[Path]:
    """Return all pages, or those whose path begins with one of the names."""
    pages = [path for path in sorted(site.rglob("*.html")) if path.name != "404.html"]
    return [path for path in pages if not names or str(path.relative_to(site)).startswith(tuple(names))]


async def look(site: Path, pages: list[Path], pictures: Path | None) -> list[str]:
    """Look at pages, and return what is wrong."""
    problems: list[str] = []
    async with chromium() as browser:
        for width in WIDTHS:
            window = await browser.new_page(viewport={"width": width, "height": 844})
            visit = Visit(window, width, pictures)
            for path in pages:
                await visit.look(site, path)
            await visit.search(site, "idempotency key")
            problems += visit.problems
            await window.close()
    print(f"{len(pages)} pages at {' and '.join(map(str, WIDTHS))} px: {len(problems)} problems")
    return problems


def main() -> None:
    """Look at a site."""
    site, *rest = sys.argv[1:]
    pictures = Path(rest[0]) if rest and rest[0] else None
    if pictures is not None:
        pictures.mkdir(parents=True, exist_ok=True)
    folder = Path(site).resolve()
    problems = asyncio.run(look(folder, pages_of(folder, rest[1:]), pictures))
    sys.exit("\n".join(problems) or 0)


if __name__ == "__main__":
    main()
