"""Fixtures of the batch tests, beside those of all tests."""

from __future__ import annotations

import pytest


@pytest.fixture
def worker_environment(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment variables with which a worker makes its client."""
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CHECKOUT_SCOPES", "sessions:browser sessions:app")
