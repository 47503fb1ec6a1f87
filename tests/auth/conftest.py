"""The stores as the contract tests see them: a place that several stores can share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(params=["file", pytest.param("redis", marks=pytest.mark.services)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Name a place outside the process: a directory or a Redis."""
    if request.param == "file":
        return str(tmp_path / "tokens")
    url: str = request.getfixturevalue("redis_url")
    return url
