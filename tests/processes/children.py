"""Forks of the test's own process, which report what happened in them."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import traceback
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from typing import Any

from checkout_async.errors import CheckoutError

__all__ = ["PATIENCE", "fork", "loop_in_thread", "outcome", "wait_for"]

PATIENCE = 60
"""Seconds after which what hangs is ended. No test waits for that."""


def fork(
    action: Callable[[], str],
    *,
    count: int = 2,
    meanwhile: Callable[[], object] = lambda: None,
    serving: asyncio.AbstractEventLoop | None = None,
) -> list[str]:
    """Run an action in so many children at once; return what it returned in each.

    `meanwhile` runs in the parent. The loop `serving` runs there until every child has reported.
    """
    children = [_start(action) for _ in range(count)]
    meanwhile()
    if serving is not None:
        for _, reader in children:
            serving.run_until_complete(_readable(serving, reader))
    reports: list[str] = []
    for pid, reader in children:
        with os.fdopen(reader) as source:
            report = source.read()
        _, status = os.waitpid(pid, 0)
        assert status == 0, f"{report}\nthe child ended with status {status:#x}"
        reports.append(report)
    return reports


def _start(action: Callable[[], str]) -> tuple[int, int]:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writer)
        return pid, reader
    status = 1
    try:
        # A child that hangs is killed: pytest-timeout's handler and its alarm are the parent's.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(PATIENCE)
        report = action()
        status = 0
    except BaseException:  # noqa: BLE001 - the parent has to hear of it, and pytest must not
        report = traceback.format_exc()
    os.write(writer, report.encode()[:60_000])
    os._exit(status)


async def _readable(loop: asyncio.AbstractEventLoop, descriptor: int) -> None:
    is_readable = asyncio.Event()
    loop.add_reader(descriptor, is_readable.set)
    try:
        await is_readable.wait()
    finally:
        loop.remove_reader(descriptor)


def wait_for(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any]) -> Any:
    """Run some work in a loop; TimeoutError where its reply went elsewhere."""
    return loop.run_until_complete(asyncio.wait_for(work, PATIENCE / 2))


def outcome(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, object]) -> str:
    """Return the name of the error that some work ends with, or what it returns."""
    try:
        return str(wait_for(loop, work))
    except CheckoutError as error:
        return type(error).__name__


@contextmanager
def loop_in_thread() -> Generator[Callable[[Coroutine[Any, Any, Any]], Any]]:
    """Run a loop in a thread, which no child has; gives a function that runs work in it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def run(work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(PATIENCE)

    try:
        yield run
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
