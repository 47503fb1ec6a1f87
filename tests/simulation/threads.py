"""The worker threads of the simulated processes, and what their death leaves of the file token store.

Each process has a Disk of its own, which runs what the package gives to a thread. The processes of one machine share
the directory of a FileTokenStore; it is a real one, so the files and the locks are those of the operating system.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import simloom

from checkout_async.auth import FileTokenStore
from tests.simulation.clocks import running_process
from tests.simulation.worker import Disk


class Threads:
    """The threads of each process, by its name. `worker` are those of the worker, who tears his own journal."""

    def __init__(self, loop: asyncio.AbstractEventLoop, worker: Disk) -> None:
        self._loop = loop
        self._disks = {"worker": worker}
        self._locks: dict[str, list[Any]] = {}

    def run_in_executor(self, executor: object, function: Callable[..., Any], *arguments: Any) -> asyncio.Future[Any]:
        """Take the place of the loop's method of this name."""
        return self._disk(running_process()).run_in_executor(executor, function, *arguments)

    async def run_sync(self, function: Callable[..., Any], *arguments: Any, abandon_on_cancel: bool = False) -> Any:
        """Take the place of anyio's function of this name. A caller that is cancelled does not stop the thread."""
        running = self.run_in_executor(None, function, *arguments)
        return await (running if abandon_on_cancel else asyncio.shield(running))

    def token_store(self, directory: Path) -> FileTokenStore:
        """Return a store for the running process, and remember the locks that it opens."""
        store = FileTokenStore(directory)
        locks = self._locks.setdefault(running_process(), [])
        lock_class: Any = store._lock_class

        def opened(*args: Any, **named: Any) -> Any:
            # A singleton would be shared by processes that are apart; here each lock has a descriptor of its own, and
            # the operating system's lock (flock) excludes one descriptor from another, in one process too.
            lock = lock_class(*args, **named)
            locks.append(lock)
            return lock

        store.__dict__["_lock_class"] = opened
        return store

    def kill(self, process: str) -> None:
        """End the threads of a process. Its first write may still reach the disk; its locks are free."""
        if process != "worker":
            self._disk(process).kill()
        for lock in self._locks.pop(process, []):
            # What the system does for a process that ends: it closes the descriptors, and this frees the locks.
            if (descriptor := lock._context.lock_file_fd) is not None:
                lock._context.lock_file_fd = None
                os.close(descriptor)

    def _disk(self, process: str) -> Disk:
        return self._disks.setdefault(process, Disk(self._loop))


def leave_half_a_file(directory: Path) -> None:
    """Leave what a process leaves that dies between writing a token and renaming its file."""
    for file in sorted(directory.glob("*.json")):
        if simloom.draw("disk.half", 2):
            content = file.read_bytes()
            half = file.with_name(f"{file.name}.{simloom.draw('disk.suffix', 1000)}")
            half.write_bytes(content[: simloom.draw("disk.torn_token", len(content) + 1)])
            half.chmod(0o600)
