"""Ctrl-C and SIGTERM: the first asks the work to come to an end, a second one cancels it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self

import anyio

__all__ = ["Interrupt"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupt:
    """While entered, signals set `stop` and are remembered in `received`; a second one cancels the current task.

    `announce` is called once, in the event loop, when the first signal arrives.
    """

    def __init__(self, announce: Callable[[], object]) -> None:
        self._announce = announce
        self._previous: dict[signal.Signals, Callable[[int, FrameType | None], object] | int | None] = {}
        self.stop = anyio.Event()
        self.received: signal.Signals | None = None

    def __enter__(self) -> Self:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None

        def handle(number: int, _frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(self._take, signal.Signals(number), task)

        self._previous = {number: signal.signal(number, handle) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    @property
    def exit_code(self) -> int | None:
        """The shell's convention for a process that a signal ended; None without one."""
        return None if self.received is None else 128 + self.received

    def _take(self, number: signal.Signals, task: asyncio.Task[object]) -> None:
        if self.received is None:
            self.received = number
            self.stop.set()
            self._announce()
        else:
            task.cancel()
