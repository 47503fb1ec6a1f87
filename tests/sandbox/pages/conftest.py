"""A browser in front of the sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from checkout_async.sandbox import Sandbox
from tests.sandbox.pages.pages import Browser


@pytest.fixture
async def browser(sandbox: Sandbox) -> AsyncIterator[Browser]:
    async with Browser(sandbox.base_url) as visitor:
        yield visitor
