"""Fixtures of the sandbox tests: a sandbox whose clock stands still, a caller of it, a merchant's endpoint."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from checkout_async.sandbox import Sandbox
from tests.sandbox.support import Api, Merchant, frozen_clock


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(clock=frozen_clock(), exact=True) as running:
        yield running


@pytest.fixture
async def api(sandbox: Sandbox) -> AsyncIterator[Api]:
    async with Api(sandbox) as caller:
        yield caller


@pytest.fixture
async def merchant() -> AsyncIterator[Merchant]:
    async with Merchant() as endpoint:
        yield endpoint
