"""Shared by all tests: no example is judged by the time it takes, and what was left out is said.

A test marked `services` needs a real redis-server. Where none is installed those tests are deselected, and the
summary names the number and the command that runs them.
"""

import pytest
from hypothesis import settings

from tests.services import missing_service, redis_server, redis_url

__all__ = ["redis_server", "redis_url"]

# A busy machine proves nothing.
settings.register_profile("untimed", deadline=None)
settings.register_profile("thorough", deadline=None, max_examples=2500, print_blob=True)
settings.load_profile("untimed")

_left_out = pytest.StashKey[int]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if missing_service() is None:
        return
    services = [item for item in items if item.get_closest_marker("services")]
    config.stash[_left_out] = len(services)
    config.hook.pytest_deselected(items=services)
    items[:] = [item for item in items if item not in services]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if number := config.stash.get(_left_out, 0):
        terminalreporter.section("left out")
        terminalreporter.line(f"{number} tests need {missing_service()}, which is not installed here.")
        terminalreporter.line("`make test-services` installs it and runs them.")
