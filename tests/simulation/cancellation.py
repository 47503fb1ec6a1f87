"""Ends a call early: at any await of it or at any moment, in each way in which a program cancels what it has begun.

Some ways leave an exception to the caller, and others do not: then only the client's record of abandoned calls is left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, TypeVar

import anyio
import simloom

from checkout_async.errors import CheckoutError

T = TypeVar("T")

Call = Callable[[], Coroutine[Any, Any, T]]

_FEW, _MANY = 8, 24
"""A call that succeeds at once suspends a few times, and one that is retried many times."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A call was cancelled at a moment of the loop's time. `error` is what its caller saw, or None if nothing."""

    at: float
    error: BaseException | None = None


async def cancel_somewhere(call: Call[T]) -> T | Cancelled:
    """Make a call and cancel it somewhere; return its value if it ended before."""
    ended: T | Cancelled = await _WAYS[simloom.draw("cancel.way", len(_WAYS))](call)
    return ended


@dataclass
class _Counted(Generic[T]):
    """A call that calls `cancel` when it suspends for the n-th time, or when this wait is just over."""

    call: Coroutine[Any, Any, T]
    cancel: Callable[[], object]
    at: float = 0.0

    def __await__(self) -> Generator[Any, Any, T]:
        left = 1 + simloom.draw("cancel.await", (_FEW, _MANY)[simloom.draw("cancel.late", 2)])
        resume: Callable[[], Any] = partial(self.call.send, None)
        while True:
            try:
                waits_for = resume()
            except StopIteration as end:
                value: T = end.value
                return value
            left -= 1
            if left == 0:
                self._cancel(waits_for)
            try:
                sent = yield waits_for
            except BaseException as error:  # noqa: BLE001 - passed on to the call
                resume = partial(self.call.throw, error)
            else:
                resume = partial(self.call.send, sent)

    def _cancel(self, waits_for: asyncio.Future[Any] | None) -> None:
        # What the call waits for has come, and the call has not gone on yet: what it was granted must not be lost.
        if waits_for is not None and simloom.draw("cancel.when_it_comes", 2):
            waits_for.add_done_callback(lambda _done: self._cancel_now())
        else:
            self._cancel_now()

    def _cancel_now(self) -> None:
        self.at = _now()
        self.cancel()


async def _task(call: Call[T]) -> T | Cancelled:
    """Cancel the task of the call at an await, as a server does whose client hangs up."""

    async def run() -> T:
        task = asyncio.current_task()
        assert task is not None
        counted.append(_Counted(call(), task.cancel))
        return await counted[0]

    counted: list[_Counted[T]] = []
    task = asyncio.create_task(run())
    try:
        await asyncio.wait([task])
        return task.result()
    except asyncio.CancelledError as error:
        if not task.done():
            task.cancel()
            raise
        return Cancelled(counted[0].at, error)


async def _scope(call: Call[T]) -> T | Cancelled:
    """Cancel the scope around the call at an await. Nothing comes out of the scope."""
    with anyio.CancelScope() as scope:
        counted = _Counted(call(), scope.cancel)
        return await counted
    return Cancelled(counted.at)


async def _sibling_fails(call: Call[T]) -> T | Cancelled:
    """Let another task of the same group fail. The group reports that failure alone."""
    task: asyncio.Task[T] | None = None
    try:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(call())
            await asyncio.wait([task], timeout=_patience())
            if not task.done():
                raise _SiblingFailedError  # noqa: TRY301 - as a task of the group does
    except* (_SiblingFailedError, CheckoutError):
        pass  # that of the call is raised below
    assert task is not None
    return Cancelled(_now()) if task.cancelled() else task.result()


class _SiblingFailedError(Exception):
    pass


async def _timeout(call: Call[T]) -> T | Cancelled:
    at = _now() + (patience := _patience())
    try:
        async with asyncio.timeout(patience):
            return await call()
    except TimeoutError as error:
        return Cancelled(at, error)


async def _wait_for(call: Call[T]) -> T | Cancelled:
    at = _now() + (patience := _patience())
    try:
        return await asyncio.wait_for(call(), patience)
    except TimeoutError as error:
        return Cancelled(at, error)


async def _fail_after(call: Call[T]) -> T | Cancelled:
    at = _now() + (patience := _patience())
    try:
        with anyio.fail_after(patience):
            return await call()
    except TimeoutError as error:
        return Cancelled(at, error)


async def _move_on_after(call: Call[T]) -> T | Cancelled:
    at = _now() + (patience := _patience())
    with anyio.move_on_after(patience):
        return await call()
    return Cancelled(at)


def _patience() -> float:
    return (1 + simloom.draw("cancel.patience", 400)) / 100


def _now() -> float:
    return asyncio.get_running_loop().time()


_WAYS: Final[tuple[Callable[[Call[Any]], Coroutine[Any, Any, Any]], ...]] = (
    _task,
    _task,
    _scope,
    _sibling_fails,
    _timeout,
    _wait_for,
    _fail_after,
    _move_on_after,
)
