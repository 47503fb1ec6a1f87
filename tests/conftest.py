"""Shared by all tests: hypothesis profiles, which tests run where, and the figures at the end of a run.

A test marked `services` needs a real redis-server, one marked `browser` needs Chromium. `make test` runs without
either: it deselects browser tests always, and service tests where no redis-server is installed. The summary gives
their number and the command that runs them. A test marked `slow` starts processes, waits in real time or belongs to a
matrix; one marked `costly` computes for long. `make check` leaves those out.
"""

import gc
import os
import shutil
import socket
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from checkout_async.sandbox import Sandbox
from tests import figures, loop_errors
from tests.commands import environment
from tests.services import missing_browser, missing_service, redis_server, redis_url

__all__ = ["redis_server", "redis_url"]

# An installed package brings it by an entry point, under the same name.
pytest_plugins = ["checkout_async.testing.plugin"]

# Where the temporary files of tests are, if it has room: on a disk, the tests of batches mostly wait for `fsync`.
MEMORY = Path("/dev/shm")
ROOM = 2**30

# No example has a time limit of its own: a busy machine would fail it. pytest-timeout limits whole tests.
settings.register_profile("untimed", deadline=None)
settings.register_profile("quick", deadline=None, max_examples=25)
settings.register_profile("thorough", deadline=None, max_examples=2500, print_blob=True)
# The same examples for every mutant: chance must not decide whether one is noticed.
settings.register_profile("mutants", deadline=None, max_examples=25, derandomize=True, database=None)
settings.load_profile("untimed")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if reason := missing_service():
        _deselect(config, items, "services", f"need {reason}, which is not installed here")
    if reason := missing_browser():
        _deselect(config, items, "browser", f"need {reason}, which is not installed here")
    elif "browser" not in config.option.markexpr:
        _deselect(config, items, "browser", "run in a real browser")
    # One that may take minutes comes first: at the end, all other cores would wait for it.
    items.sort(key=lambda item: item.get_closest_marker("timeout") is None)


def pytest_configure() -> None:
    loop_errors.install()
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect without looking for garbage: that takes a fifth of the time. Nothing that is collected becomes any."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(autouse=True)
def _no_error_is_left_to_the_loop(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test in which an event loop's exception handler was called, unless it is marked `loop_errors`."""
    yield
    loop_errors.check(request.node)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as running:
        yield running


@pytest.fixture
def env(sandbox: Sandbox) -> dict[str, str]:
    """The environment that leads a command to the simulator."""
    return environment(sandbox.base_url)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The input of a batch, which the test writes."""
    return tmp_path / "in.jsonl"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """The output of a batch."""
    return tmp_path / "out.jsonl"


@pytest.fixture
def refusing_port() -> Iterator[int]:
    """A port of the loopback that refuses connections, and that no other process can take meanwhile."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # and does not listen
        port: int = reserved.getsockname()[1]
        yield port


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In a worker of pytest-xdist: hand the figures to the controlling process."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["figures"] = figures.export()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """In the controlling process of pytest-xdist: add a worker's figures; a worker that crashed has none."""
    output = getattr(node, "workeroutput", {})
    if "figures" in output:
        figures.add(output["figures"])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if lines := figures.lines():
        terminalreporter.section("figures")
        for line in lines:
            terminalreporter.line(line)


def _deselect(config: pytest.Config, items: list[pytest.Item], marker: str, reason: str) -> None:
    marked = [item for item in items if item.get_closest_marker(marker)]
    if marked:
        config.hook.pytest_deselected(items=marked)
        items[:] = [item for item in items if item not in marked]
        figures.NAMES["deselected"].add(f"{len(marked)} tests {reason}: `make test-{marker}` runs them.")
