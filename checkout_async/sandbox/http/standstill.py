"""Answers for a sandbox whose event loop stands still, so that its callers hear why instead of waiting for a time-out.

A test that runs a sandbox in its own event loop and then calls its application without `await` blocks that loop: the
sandbox can answer nobody until the call returns, and the call waits for the sandbox. A thread notices that. It answers
421 with a body that names the line in which the loop's thread waits. No operation is carried out.
"""

from __future__ import annotations

import asyncio
import linecache
import logging
import selectors
import socket
import sys
import sysconfig
import threading
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Final

import msgspec

_log = logging.getLogger("checkout_async.sandbox")

PATIENCE: Final = 2.0
"""Seconds for which the loop's thread has to wait in the same place."""
_TICK: Final = 0.25
_CODE: Final = "sandbox_event_loop_blocked"
_ADVICE: Final = "Use ThreadedSandbox or the fixture checkout_sandbox (docs/testing.md)."
_LIBRARIES: Final = tuple(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
_PACKAGE: Final = str(Path(__file__).parents[2])


class StandstillWatch:
    """Watches the event loop that runs a sandbox, from `start` to `stop`.

    `listener` returns the socket that accepts connections, if there is one, and `connections` those that are open.
    With TLS there are none: a reply could not be encrypted.
    """

    def __init__(
        self, listener: Callable[[], socket.socket | None], connections: Callable[[], Iterable[socket.socket]]
    ) -> None:
        self._listener = listener
        self._connections = connections
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Watch the running loop if it is one of asyncio or uvloop. Others may not be called from a thread."""
        loop = asyncio.get_running_loop()
        if type(loop).__module__.partition(".")[0] in {"asyncio", "uvloop"}:
            watch = (loop, threading.get_ident())
            self._thread = threading.Thread(target=self._watch, args=watch, name="sandbox-watch", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stop watching."""
        self._stopped.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join()

    def _watch(self, loop: asyncio.AbstractEventLoop, thread_id: int) -> None:
        answered = threading.Event()
        answered.set()
        place: tuple[FrameType, int] | None = None
        waited = 0.0
        while not self._stopped.wait(_TICK):
            if answered.is_set():
                answered.clear()
                place, waited = None, 0.0
                try:
                    loop.call_soon_threadsafe(answered.set)
                except RuntimeError:  # it is closed
                    return
                continue
            frame = sys._current_frames().get(thread_id)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - documented
            now = None if frame is None else (frame, frame.f_lasti)
            # A thread that computes is elsewhere at each look, and will come back to its loop.
            waited = waited + _TICK if now is not None and now == place else 0.0
            place = now
            if frame is not None and waited >= PATIENCE:
                self._answer_all(frame)
            del frame, now

    def _answer_all(self, frame: FrameType) -> None:
        reply: bytes | None = None
        for connection in self._waiting():
            with connection:
                reply = reply or _reply(frame)
                _answer(connection, reply)

    def _waiting(self) -> Iterable[socket.socket]:
        """Return copies of the connections whose requests nobody reads."""
        listener = self._listener()
        while listener is not None and _is_readable(listener):
            with suppress(OSError):
                accepted, _ = listener.accept()
                accepted.settimeout(_TICK)
                yield accepted
        for each in tuple(self._connections()):
            if _is_readable(each):
                with suppress(OSError):
                    yield socket.fromfd(each.fileno(), each.family, each.type)


def _is_readable(sock: socket.socket) -> bool:
    if sock.fileno() < 0:
        return False
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_READ)
        return bool(selector.select(0))


def _answer(connection: socket.socket, reply: bytes) -> None:
    """Read what was sent, so that the sandbox never carries it out, and answer."""
    with suppress(OSError):
        connection.settimeout(_TICK)
        while connection.recv(65_536):
            if not _is_readable(connection):
                break
        connection.sendall(reply)
        connection.shutdown(socket.SHUT_RDWR)


def _reply(frame: FrameType) -> bytes:
    where = _where(frame)
    text = f"the sandbox's event loop has stood still for {PATIENCE:g} s at {where}. {_ADVICE}"
    stack = "".join(traceback.format_stack(frame))
    _log.error("%s It cannot answer while its thread waits there:\n%s", text, stack)
    content = {"error": _CODE, "error_description": text, "error_type": _CODE, "error_codes": [text]}
    body = msgspec.json.encode(content)
    head = f"HTTP/1.1 421 Misdirected Request\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Connection: close\r\n\r\n".encode() + body


def _where(frame: FrameType) -> str:
    """Name the innermost line that belongs to no library."""
    frames = [each for each, _ in traceback.walk_stack(frame)]
    own = next((each for each in frames if _is_own(each.f_code.co_filename)), frames[0])
    line = linecache.getline(own.f_code.co_filename, own.f_lineno).strip()
    place = f"{Path(own.f_code.co_filename).name}, line {own.f_lineno}"
    return f"{place} ({line[:60]})" if line else place


def _is_own(file: str) -> bool:
    return not file.startswith(("<", _PACKAGE, *_LIBRARIES))
