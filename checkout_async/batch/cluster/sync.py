"""Run a coroutine from synchronous code, even inside a running event loop, as in a notebook or an async actor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["run_sync"]

T = TypeVar("T")


def run_sync(start: Callable[[], Coroutine[object, object, T]]) -> T:
    """Run a coroutine in a new event loop and return its result."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(start())
    with ThreadPoolExecutor(1, "checkout_async partition") as thread:
        return thread.submit(lambda: asyncio.run(start())).result()
