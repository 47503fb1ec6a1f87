"""For the tests of applications: fixtures for pytest, the simulator in a thread, and stand-ins for the network.

pytest finds the fixtures by itself, in `checkout_async.testing.plugin`: `checkout_sandbox`, `checkout_client`,
`checkout_faults`, `checkout_clock`, `checkout_environment`. docs/testing.md shows them with web frameworks.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from checkout_async.testing.fake_sender import FakeReply, FakeSender, RecordedCall
from checkout_async.testing.mocked_response import MockedResponse
from checkout_async.testing.scripted_transport import ScriptedReply, ScriptedTransport, json_reply

if TYPE_CHECKING:
    from checkout_async.testing.any_loop import AnyLoopClient
    from checkout_async.testing.clock import MovableClock
    from checkout_async.testing.thread import ThreadedSandbox

__all__ = [
    "AnyLoopClient",
    "FakeReply",
    "FakeSender",
    "MockedResponse",
    "MovableClock",
    "RecordedCall",
    "ScriptedReply",
    "ScriptedTransport",
    "ThreadedSandbox",
    "json_reply",
]

# These need the simulator, and with it an extra.
_WITH_SANDBOX = {"AnyLoopClient": "any_loop", "MovableClock": "clock", "ThreadedSandbox": "thread"}


def __getattr__(name: str) -> object:
    if name not in _WITH_SANDBOX:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WITH_SANDBOX[name]}"), name)
