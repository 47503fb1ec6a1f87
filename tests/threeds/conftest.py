"""A sandbox with a frozen clock, a client for it, and a shop with both."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from checkout_async import CheckoutClient
from checkout_async.sandbox import Sandbox, SandboxClock
from tests.threeds.shop import Shop


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(clock=SandboxClock(frozen=True)) as running:
        yield running


@pytest.fixture
async def checkout(sandbox: Sandbox) -> AsyncIterator[CheckoutClient]:
    async with sandbox.client() as client:
        yield client


@pytest.fixture
def shop(sandbox: Sandbox, checkout: CheckoutClient) -> Shop:
    return Shop(sandbox, checkout)
