"""Fixtures of the tests that fork their own process."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Generator
from typing import Any
from weakref import WeakSet

import pytest

from checkout_async import processes


@pytest.fixture(autouse=True)
def quick_collection() -> None:
    """Let a child's garbage collection look only at what the test made, and not at copies of all of pytest.

    It stays so: to look at all objects again would take every later collection half a second.
    """
    gc.freeze()


@pytest.fixture
def loop() -> Generator[asyncio.AbstractEventLoop]:
    """A loop that does not run, so that a child can run its copy."""
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture(params=["fork of Python's", "fork without its hooks"])
def forking(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fork as Python does, and as uWSGI may: then only the number of the process shows that it was forked."""
    if "without" in request.param:
        monkeypatch.setattr(processes, "_inherited", _Nothing())


class _Nothing(WeakSet[Any]):
    def add(self, item: object) -> None:
        """Forget it at once."""
