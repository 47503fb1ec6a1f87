"""Shared by all tests: no example is judged by the time it takes, and what was left out is said.

A test marked `services` needs a real redis-server, one marked `browser` Chromium. `make test` runs without either:
where `-m` does not ask for them, tests in a browser are deselected, and those of services where there is none. The
summary names the number and the command that runs them.
"""

import pytest
from hypothesis import settings

from tests.services import missing_browser, missing_service, redis_server, redis_url

__all__ = ["redis_server", "redis_url"]

# A busy machine proves nothing.
settings.register_profile("untimed", deadline=None)
settings.register_profile("thorough", deadline=None, max_examples=2500, print_blob=True)
settings.load_profile("untimed")

_left_out = pytest.StashKey[list[str]]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    config.stash[_left_out] = []
    if reason := missing_service():
        _leave_out(config, items, "services", f"need {reason}, which is not installed here")
    if reason := missing_browser():
        _leave_out(config, items, "browser", f"need {reason}, which is not installed here")
    elif "browser" not in config.option.markexpr:
        _leave_out(config, items, "browser", "run in a real browser")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if lines := config.stash.get(_left_out, None):
        terminalreporter.section("left out")
        for line in lines:
            terminalreporter.line(line)


def _leave_out(config: pytest.Config, items: list[pytest.Item], marker: str, reason: str) -> None:
    marked = [item for item in items if item.get_closest_marker(marker)]
    if marked:
        config.hook.pytest_deselected(items=marked)
        items[:] = [item for item in items if item not in marked]
        config.stash[_left_out].append(f"{len(marked)} tests {reason}: `make test-{marker}` runs them.")
