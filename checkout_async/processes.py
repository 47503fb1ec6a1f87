"""What belongs to one process: sockets, locks, threads and files, of which a fork makes copies that do not work.

A child has the parent's descriptors, but not its threads. If both use one socket, each gets a part of the other's
replies: a child could get the reply to another child's payment. If the child closes it, asyncio removes it from the
epoll object that both share, and the parent no longer hears of its reply. So an object of this package

- remembers the process that used it first, and refuses calls in any other (`ProcessGuard`);
- lets go of what the child inherited as soon as the process has forked (`forget_after_fork`). Then neither a call that
  was in progress, nor closing, nor garbage collection in the child has an effect on the parent.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from contextlib import suppress
from typing import Final, Protocol
from weakref import WeakSet

from checkout_async.errors import WrongProcess

__all__ = ["Inherited", "ProcessGuard", "Socket", "disconnect", "forget_after_fork", "leak"]


class ProcessGuard:
    """Remembers the first process that uses an object. `what` names the object in the error."""

    __slots__ = ("_pid", "_what")

    def __init__(self, what: str) -> None:
        self._what = what
        self._pid: int | None = None

    def __repr__(self) -> str:
        return f"ProcessGuard({self._what!r})"

    def check(self) -> None:
        """Raise WrongProcess if another process used the object first."""
        pid = os.getpid()
        if self._pid is None:
            self._pid = pid
        elif self._pid != pid:
            raise WrongProcess(
                f"{self._what} was first used in another process, before a fork, so nothing was sent or written; make "
                "one in each process"
            )

    @property
    def is_foreign(self) -> bool:
        """Whether another process used the object first."""
        return self._pid not in {None, os.getpid()}


class Inherited(Protocol):
    """An object that holds what must not be used in a child."""

    def forget(self) -> None:
        """Let go of it. This is called in a child, right after the fork."""
        ...


class Socket(Protocol):
    """A socket, or what asyncio shows of one."""

    def fileno(self) -> int:
        """Return the descriptor, or -1 if it is closed."""
        ...


_inherited: Final[WeakSet[Inherited]] = WeakSet()


def forget_after_fork(owner: Inherited) -> None:
    """Call the owner's `forget` in each child that this process forks, as long as the owner exists."""
    _inherited.add(owner)


def disconnect(sockets: Iterable[Socket]) -> None:
    """Point the descriptors of sockets to a connection that has ended, in this process only.

    Closing them would free their numbers for other files. asyncio, which still knows the numbers, would then read and
    close those. Nothing is sent, and the parent's epoll object keeps its entries: they belong to the parent's sockets.
    """
    descriptors = [each.fileno() for each in sockets]
    with suppress(OSError):  # without a free descriptor for the pair
        ended, other = socket.socketpair()
        other.close()
        with ended:
            for descriptor in descriptors:
                if descriptor >= 0:
                    os.dup2(ended.fileno(), descriptor, inheritable=False)


def leak(value: object) -> None:
    """Keep an object until the process ends, so that its destructor is never called, not even at exit."""
    import ctypes  # noqa: PLC0415 - hardly ever needed, and not loaded otherwise

    ctypes.pythonapi.Py_IncRef(ctypes.py_object(value))


def _forget_all() -> None:
    for each in tuple(_inherited):
        with suppress(Exception):  # the others still have to be forgotten
            each.forget()


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_forget_all)
