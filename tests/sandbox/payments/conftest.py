"""Fixtures of the payment tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from checkout_async.sandbox import Sandbox
from tests.sandbox.payments.support import PaymentsApi


@pytest.fixture
async def api(sandbox: Sandbox) -> AsyncIterator[PaymentsApi]:
    async with PaymentsApi(sandbox) as caller:
        yield caller
