"""The token files that the processes of one machine share, and what the death of a process leaves of them.

The directory is a real one, so the files are too. The lock is the operating system's (flock): it belongs to an open
file, not to a process, so it excludes two simulated processes as it excludes two real ones, although they are one here.
"""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import simloom

from checkout_async.auth import FileTokenStore
from tests.simulation.clocks import running_process
from tests.simulation.disk import Disk


class TokenFiles:
    """One directory for the FileTokenStores of all processes."""

    def __init__(self, directory: Path, disk: Disk) -> None:
        self._directory = directory
        self._disk = disk
        self._locks: defaultdict[str, list[Any]] = defaultdict(list[Any])

    def store(self) -> FileTokenStore:
        """Return a store for the running process, and remember the locks that it opens."""
        store = FileTokenStore(self._directory)
        locks, lock_class = self._locks[running_process()], store._lock_class

        def opened(*args: Any, **named: Any) -> Any:
            lock = lock_class(*args, **named)
            locks.append(lock)
            return lock

        store.__dict__["_lock_class"] = opened
        return store

    async def run_sync(self, function: Callable[..., Any], *arguments: Any, abandon_on_cancel: bool = False) -> Any:
        """Take the place of anyio's function of this name. A caller that is cancelled does not stop the thread."""
        running = self._disk.run_in_executor(None, function, *arguments)
        return await (running if abandon_on_cancel else asyncio.shield(running))

    def lose_a_process(self, process: str) -> None:
        """Free the locks of a process that died, and leave half of a file that it had not renamed yet."""
        for lock in self._locks.pop(process, []):
            # What the system does for a process that ends: it closes its descriptors.
            if (descriptor := lock._context.lock_file_fd) is not None:
                lock._context.lock_file_fd = None
                os.close(descriptor)
        for file in sorted(self._directory.glob("*.json")):
            if simloom.draw("disk.half", 2):
                content = file.read_bytes()
                half = file.with_name(f"{file.name}.{simloom.draw('disk.suffix', 1000)}")
                half.write_bytes(content[: simloom.draw("disk.torn_token", len(content) + 1)])
                half.chmod(0o600)
