"""Fixtures of the batch tests: a sandbox, the environment that leads to it, an input and an output file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from checkout_async.sandbox import Sandbox
from tests.commands import environment


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as running:
        yield running


@pytest.fixture
def env(sandbox: Sandbox) -> dict[str, str]:
    return environment(sandbox.base_url)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "in.jsonl"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "out.jsonl"


@pytest.fixture
def worker_environment(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment variables with which a worker makes its client."""
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CHECKOUT_SCOPES", "sessions:browser sessions:app")
