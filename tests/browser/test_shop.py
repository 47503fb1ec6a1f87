"""What a cardholder sees in the shop, and that the browser learns no secret: in a real browser."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from examples.shop.demo import Framework, Running
    from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser
