"""Ctrl-C, SIGTERM and SIGHUP: the first signal asks the work to stop, a second one cancels it while that is allowed.

SIGHUP is sent when a terminal is closed. It stays ignored if it was ignored before, as by `nohup`.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Self

import anyio

__all__ = ["Interrupt", "handled_signals"]

_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class Interrupt:
    """While entered, the first signal sets `stop` and is remembered in `received`.

    `announce` is called once, in the event loop, when the first signal arrives.
    """

    def __init__(self, announce: Callable[[], object]) -> None:
        self._announce = announce
        self._cancelled: asyncio.Task[object] | None = None
        self._previous: dict[signal.Signals, Callable[[int, FrameType | None], object] | int | None] = {}
        self.stop: anyio.Event = anyio.Event()
        self.received: signal.Signals | None = None

    def __enter__(self) -> Self:
        loop = asyncio.get_running_loop()

        def handle(number: int, _frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(self._take, signal.Signals(number))

        self._previous = {number: signal.signal(number, handle) for number in handled_signals()}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    @contextmanager
    def cancelling(self) -> Generator[None]:
        """While entered, a second signal cancels the current task, once: its clean-up must not be cancelled again."""
        self._cancelled = asyncio.current_task()
        try:
            yield
        finally:
            self._cancelled = None

    @property
    def exit_code(self) -> int | None:
        """The exit code of a process that a signal ended, as shells have it; None without a signal."""
        return None if self.received is None else 128 + self.received

    def _take(self, number: signal.Signals) -> None:
        if self.received is None:
            self.received = number
            self.stop.set()
            self._announce()
        elif self._cancelled is not None:
            self._cancelled.cancel()
            self._cancelled = None


def handled_signals() -> list[signal.Signals]:
    """Return the signals that end a run; SIGHUP only if it is not ignored."""
    return [each for each in _SIGNALS if each.name != "SIGHUP" or signal.getsignal(each) is not signal.SIG_IGN]
