"""Chromium, the shop and its simulator for each test.

Only the fixtures import Playwright and Starlette, so `make test` can collect these tests without them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.async_api import Browser

    from tests.browser.stage import Stage


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    from tests.browser.visitor import chromium

    async with chromium() as started:
        yield started


@pytest.fixture
async def stage(request: pytest.FixtureRequest, browser: Browser, tmp_path: Path) -> AsyncIterator[Stage]:
    """Give the shop on aiohttp's server, or on the framework that the test names."""
    from examples.shop.demo import Framework, run_shop
    from tests.browser.stage import Stage

    async with run_shop(Framework(getattr(request, "param", Framework.AIOHTTP))) as shop:
        yield Stage(browser, shop, tmp_path / "network.har")
