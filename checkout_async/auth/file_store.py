"""FileTokenStore: access tokens shared by the processes of one user on one machine, a file for each access key.

A file is 0600 from its first byte and replaced as a whole, so a reader sees an old or a new token and never a part.
The lock is the operating system's (`filelock`): it ends with its holder, however that dies.
"""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar, TypeVarTuple, Unpack

import anyio.to_thread

from checkout_async.auth.token_store import LEASE, AccessToken, checked_lease, decode_token, encode_token
from checkout_async.errors import ConfigurationError, TokenStoreError
from checkout_async.files import OWNER_ONLY, atomic_write

if TYPE_CHECKING:
    from filelock import AsyncFileLock
    from filelock.asyncio import AsyncAcquireReturnProxy

__all__ = ["FileTokenStore"]

# asyncio keeps no task alive by itself.
_releasing: set[asyncio.Future[None]] = set()
A = TypeVarTuple("A")
R = TypeVar("R")

_LARGEST: Final = 64 * 1024
_OTHERS_READ_OR_WRITE: Final = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


class FileTokenStore:
    """A directory of tokens, made with mode 0700 where it is missing.

    It must be the user's own and writable by nobody else, and a token file readable by nobody else: whoever can put a
    token there chooses the account that payments are taken for. `lease` is the longest wait for a lock, in seconds.
    Raises ConfigurationError if the extra `file` is not installed; its methods raise TokenStoreError.
    """

    def __init__(self, directory: str | os.PathLike[str], *, lease: float = LEASE) -> None:
        try:
            from filelock import AsyncFileLock, Timeout  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise ConfigurationError(
                "FileTokenStore needs the package filelock: pip install 'checkout-async[file]'"
            ) from error
        self._directory = Path(directory).expanduser()
        self._lease = checked_lease(lease)
        self._lock_class = AsyncFileLock
        self._timeout_class = Timeout

    def __repr__(self) -> str:
        return f"FileTokenStore({str(self._directory)!r})"

    async def load(self, key: str) -> AccessToken | None:
        """Return the token, or None where there is none or the file's content makes no sense."""
        file = self._file(key)
        content = await _in_thread(_read, file)
        return None if content is None else decode_token(content, str(file))

    async def save(self, key: str, token: AccessToken) -> None:
        """Write the token to a new file and put that in the earlier one's place."""
        await _in_thread(_replace, self._file(key), encode_token(token))

    async def remove(self, key: str, value: str) -> None:
        """Delete the file if it still holds this value.

        A token saved between the look and the deletion is lost to the store, which costs one more fetch.
        """
        token = await self.load(key)
        if token is not None and token.value == value:
            await _in_thread(_delete, self._file(key))

    @asynccontextmanager
    async def lock(self, key: str) -> AsyncGenerator[bool]:
        """Wait for the other processes and tasks that use the key, for `lease` seconds at the most."""
        await _in_thread(_own_directory, self._directory)
        lock = self._lock_class(self._directory / f"{key}.lock", timeout=self._lease, mode=OWNER_ONLY)
        try:
            await _acquired(lock)
        except self._timeout_class:
            yield False
            return
        except OSError as error:
            raise _failed(error) from error
        try:
            yield True
        finally:
            await lock.release()

    def _file(self, key: str) -> Path:
        return self._directory / f"{key}.json"


async def _acquired(lock: AsyncFileLock) -> None:
    """Acquire a lock, but wait for no file system that hangs: who is cancelled leaves the lock to be given back."""
    acquiring = asyncio.ensure_future(lock.acquire())
    try:
        await asyncio.shield(acquiring)
    except asyncio.CancelledError:
        acquiring.add_done_callback(partial(_give_back, lock))
        acquiring.cancel()
        raise


def _give_back(lock: AsyncFileLock, acquiring: asyncio.Future[AsyncAcquireReturnProxy]) -> None:
    """Release a lock that nobody waits for any more."""
    if not acquiring.cancelled() and acquiring.exception() is None:
        releasing = asyncio.ensure_future(lock.release())
        _releasing.add(releasing)
        releasing.add_done_callback(_releasing.discard)


async def _in_thread(work: Callable[[Unpack[A]], R], *arguments: *A) -> R:
    """Run what touches the disk away from the event loop."""
    try:
        return await anyio.to_thread.run_sync(work, *arguments, abandon_on_cancel=True)
    except OSError as error:
        raise _failed(error) from error


def _failed(error: OSError) -> TokenStoreError:
    return TokenStoreError(f"{error.filename or 'token file'}: {error.strerror or type(error).__name__}")


def _read(file: Path) -> bytes | None:
    try:
        # A link could lead to a file of the user's that somebody else chose.
        opened = os.open(file, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        return None
    with open(opened, "rb") as source:  # noqa: PTH123 - a descriptor, so that what is checked is what is read
        _check(file, os.fstat(opened), _OTHERS_READ_OR_WRITE, "used by others than its owner", "chmod 600")
        return source.read(_LARGEST)


def _replace(file: Path, content: bytes) -> None:
    _own_directory(file.parent)
    with atomic_write(file, concurrent=True) as target:
        target.write(content)


def _delete(file: Path) -> None:
    file.unlink(missing_ok=True)


def _own_directory(directory: Path) -> None:
    """Make the directory if it is missing; refuse one in which somebody else can put files."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    _check(directory, directory.stat(), _OTHERS_WRITE, "writable by others than its owner", "chmod 700")


def _check(path: Path, status: os.stat_result, forbidden: int, described: str, remedy: str) -> None:
    if sys.platform == "win32":
        return  # access lists of the user's profile take the place of mode bits
    if status.st_uid != os.geteuid():
        raise TokenStoreError(f"{path} belongs to another user, who could choose the token; use a place of your own")
    if status.st_mode & forbidden:
        raise TokenStoreError(f"{path} is {described} (mode {stat.S_IMODE(status.st_mode):04o}): {remedy} it")
