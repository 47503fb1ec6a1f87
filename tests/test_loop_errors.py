"""An error that only an event loop hears of fails its test, whichever loop it is and however late it shows."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from tests import loop_errors
from tests.transport.virtual_time import settle

pytestmark = pytest.mark.loop_errors


def fail(*_: object) -> None:
    raise ZeroDivisionError


async def failing_task() -> None:
    me = asyncio.current_task()
    assert me is not None  # task, exception, traceback and frame keep each other alive: only the collector frees them
    raise ZeroDivisionError


async def callback_fails() -> None:
    asyncio.get_running_loop().create_future().add_done_callback(fail)
    asyncio.get_running_loop().call_soon(fail)
    await settle()


async def done_callback_fails() -> None:
    done = asyncio.create_task(asyncio.sleep(0))
    done.add_done_callback(fail)
    await settle()


async def task_is_never_awaited() -> None:
    asyncio.create_task(failing_task())  # noqa: RUF006 - on purpose
    await settle()


async def own_handler_is_called() -> None:
    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
    asyncio.get_running_loop().call_soon(fail)
    await settle()


def in_another_thread() -> None:
    thread = threading.Thread(target=lambda: asyncio.run(callback_fails()))
    thread.start()
    thread.join()


CASES: list[tuple[Callable[[], object], str]] = [
    (lambda: asyncio.run(callback_fails()), "Exception in callback fail"),
    (lambda: asyncio.run(done_callback_fails()), "Exception in callback fail"),
    (lambda: asyncio.run(task_is_never_awaited()), "Task exception was never retrieved"),
    (lambda: asyncio.run(own_handler_is_called()), "Exception in callback fail"),
    (in_another_thread, "Exception in callback fail"),
]


@pytest.mark.parametrize(("cause", "message"), CASES, ids=range(len(CASES)))
def test_it_is_noted_once_with_its_exception(cause: Callable[[], object], message: str) -> None:
    cause()
    (error,) = loop_errors.noted()
    assert error.startswith(message)
    assert "ZeroDivisionError" in error
    assert loop_errors.noted() == []


async def test_the_loop_of_a_test_notes_it_too() -> None:
    await callback_fails()
    assert len(loop_errors.noted()) == 1


async def test_it_fails_a_test_that_is_not_marked(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    await callback_fails()
    loop_errors.check(request.node)
    monkeypatch.setattr(request.node, "own_markers", [])
    monkeypatch.setattr(request.node.parent, "own_markers", [])
    loop_errors.check(request.node)
    await callback_fails()
    with pytest.raises(pytest.fail.Exception, match="exception handler was called:\nException in callback fail"):
        loop_errors.check(request.node)
