"""Fixtures for pytest. pytest loads this module wherever the package is installed, so it imports the rest on demand.

Each fixture works in tests of any kind: sync, async with any plugin and loop scope, and behind the test clients of web
frameworks. docs/testing.md has an example for each.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from checkout_async.sandbox.http.server import SandboxOptions
    from checkout_async.testing import AnyLoopClient, MovableClock, ThreadedSandbox
    from checkout_async.testing.threaded import ThreadedFaults


@pytest.fixture
def checkout_sandbox_options() -> SandboxOptions:
    """Return the options of the simulator. Override this fixture to change them, such as `{"exact": True}`."""
    return {}


@pytest.fixture
def checkout_sandbox(checkout_sandbox_options: SandboxOptions) -> Iterator[ThreadedSandbox]:
    """Run a simulator of the API in a thread of its own; each test gets a new one, with no payments and sessions."""
    with _threaded_sandbox()(**checkout_sandbox_options) as sandbox:
        yield sandbox


@pytest.fixture
def checkout_client(checkout_sandbox: ThreadedSandbox) -> AnyLoopClient:
    """Return a client of the simulator that works in every event loop. Nobody has to close it."""
    return checkout_sandbox.any_loop_client()


@pytest.fixture
def checkout_faults(checkout_sandbox: ThreadedSandbox) -> ThreadedFaults:
    """Return what plans faults: `checkout_faults.add("request_payment", Fault.LOST_REPLY)`."""
    return checkout_sandbox.faults


@pytest.fixture
def checkout_clock(checkout_sandbox: ThreadedSandbox) -> Iterator[MovableClock]:
    """Return a clock whose `advance(seconds)` moves the simulator and the time limits of 3DS flows."""
    from checkout_async.testing import MovableClock

    clock = MovableClock(checkout_sandbox)
    with clock.installed():
        yield clock


@pytest.fixture
def checkout_environment(checkout_sandbox: ThreadedSandbox, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Set the environment variables with which `CheckoutClient.from_env()` makes a client of the simulator."""
    for name in ("CHECKOUT_SECRET_KEY", "CHECKOUT_ENVIRONMENT", "CHECKOUT_SUBDOMAIN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in checkout_sandbox.environ.items():
        monkeypatch.setenv(name, value)
    return checkout_sandbox.environ


def _threaded_sandbox() -> type[ThreadedSandbox]:
    try:
        from checkout_async.testing.thread import ThreadedSandbox
    except ModuleNotFoundError as error:
        from checkout_async.errors import MissingExtra

        raise MissingExtra(f"the simulator needs {error.name}: pip install 'checkout-async[testing]'") from None
    return ThreadedSandbox
