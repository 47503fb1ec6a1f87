"""Errors that only an event loop hears of: they fail the test in which they arise.

asyncio hands an exception of a callback, of a task that nobody awaits or of a transport to the loop's exception
handler, which logs it. So a test would pass though a done-callback raises. `install` lets every loop of the process, in
any thread, note such errors first.

The exception of a task that nobody awaits is reported once the task is garbage. So `noted` collects garbage after a
test in which a loop ran, and only what is younger than that test: to look at all objects takes as long as the tests do.
What becomes garbage later is reported with the test that runs then, or not at all.
"""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

_noted: list[str] = []
_loops = 0


def install() -> None:
    """Let every event loop note what its exception handler gets."""
    handle, run = asyncio.BaseEventLoop.call_exception_handler, asyncio.BaseEventLoop.run_forever

    def call_exception_handler(loop: asyncio.BaseEventLoop, context: dict[str, Any]) -> None:
        _noted.append(_described(context))
        handle(loop, context)

    def run_forever(loop: asyncio.BaseEventLoop) -> None:
        global _loops  # noqa: PLW0603
        _loops += 1
        run(loop)

    setattr(asyncio.BaseEventLoop, "call_exception_handler", call_exception_handler)  # noqa: B010 - mypy refuses `=`
    setattr(asyncio.BaseEventLoop, "run_forever", run_forever)  # noqa: B010


def check(test: pytest.Item) -> None:
    """Fail the test if a loop noted an error since the last call, unless the test is marked `loop_errors`."""
    found = noted()
    if found and test.get_closest_marker("loop_errors") is None:
        pytest.fail("\n".join(["an event loop's exception handler was called:", *found]), pytrace=False)


def noted() -> list[str]:
    """Return the errors since the last call."""
    global _loops  # noqa: PLW0603
    if _loops:
        gc.collect()
        gc.freeze()
    _loops = 0
    found = _noted.copy()
    _noted.clear()
    return found


def _described(context: dict[str, Any]) -> str:
    """Return the loop's message, the exception, and what it is about: texts, which keep nothing alive."""
    about = [f"{name}: {value!r}" for name, value in context.items() if name != "message"]
    return "\n    ".join([str(context.get("message")), *about])
