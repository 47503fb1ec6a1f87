"""Says at the end of a test run how many canaries were searched for, and in how much."""

from __future__ import annotations

import pytest

from tests.canary.channels import FIGURES


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures."""
    if FIGURES.outputs:
        terminalreporter.write_line(
            f"canary: {len(FIGURES.canaries)} marked secrets searched for in {FIGURES.outputs} outputs "
            f"({FIGURES.characters:,} characters)"
        )
