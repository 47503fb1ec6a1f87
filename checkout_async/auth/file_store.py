"""FileTokenStore: one user's processes on one machine share access tokens, one file for each token.

A file has mode 0600 from the start and is replaced atomically, so a reader sees the old or the new token, never a part.
The lock is the operating system's (`filelock`): the system frees it when the process that has it ends, even by SIGKILL.
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

from checkout_async.auth.token_store import LOCK_TIMEOUT, AccessToken, checked_seconds, decode_token, encode_token
from checkout_async.errors import MissingExtra, TokenStoreError
from checkout_async.files import OWNER_ONLY, atomic_write
from checkout_async.redaction import SecretBytes, as_secret, clears_frames

if TYPE_CHECKING:
    from filelock import AsyncFileLock
    from filelock.asyncio import AsyncAcquireReturnProxy

__all__ = ["FileTokenStore"]

# asyncio keeps only weak references to tasks; these keep a release alive until it is done.
_releases: set[asyncio.Future[None]] = set()
A = TypeVarTuple("A")
R = TypeVar("R")

_MAX_SIZE: Final = 64 * 1024
_OTHERS_READ_OR_WRITE: Final = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


class FileTokenStore:
    """A directory of token files. It is created with mode 0700 if it is missing.

    Only its owner may be able to write to the directory and to read a token file: a user who can put a token there
    chooses the account that takes the payments. `lock_timeout` is the longest wait for a lock, in seconds.
    Raises MissingExtra if the extra `file` is not installed; its methods raise TokenStoreError.

    The store opens files only for the time of a call, so it can be used on both sides of a fork.
    """

    def __init__(self, directory: str | os.PathLike[str], *, lock_timeout: float = LOCK_TIMEOUT) -> None:
        try:
            from filelock import AsyncFileLock, Timeout  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise MissingExtra(
                "FileTokenStore needs the package filelock: pip install 'checkout-async[file]'"
            ) from error
        self._directory = Path(directory).expanduser()
        self._lock_timeout = checked_seconds("lock_timeout", lock_timeout)
        self._lock_class = AsyncFileLock
        self._timeout_class = Timeout

    def __repr__(self) -> str:
        return f"FileTokenStore({str(self._directory)!r})"

    async def load(self, key: str) -> AccessToken | None:
        """Return the token, or None if there is no file or it does not contain a token."""
        file = self._file(key)
        content = await _in_thread(_read, file)
        return None if content is None else decode_token(content, str(file))

    async def save(self, key: str, token: AccessToken) -> None:
        """Write the token to a new file, then replace the old file with it."""
        await _in_thread(_write, self._file(key), encode_token(token))

    @clears_frames
    async def remove(self, key: str, value: str) -> None:
        """Delete the file if its token still has this value.

        A token that another process saves between the check and the deletion is lost; that costs one more fetch.
        """
        value = as_secret(value)  # a traceback may show the locals
        token = await self.load(key)
        if token is not None and token.value == value:
            await _in_thread(_delete, self._file(key))

    @asynccontextmanager
    async def lock(self, key: str) -> AsyncGenerator[bool]:
        """Wait until no other process or task has the lock, for at most `lock_timeout` seconds."""
        await _in_thread(_ensure_directory, self._directory)
        lock = self._lock_class(self._directory / f"{key}.lock", timeout=self._lock_timeout, mode=OWNER_ONLY)
        try:
            await _acquire(lock)
        except self._timeout_class:
            yield False
            return
        except OSError as error:
            raise _store_error(error) from error
        try:
            yield True
        finally:
            await lock.release()  # in a child that was forked meanwhile, filelock leaves the lock to the parent

    def _file(self, key: str) -> Path:
        return self._directory / f"{key}.json"


async def _acquire(lock: AsyncFileLock) -> None:
    """Acquire a lock.

    A cancelled caller returns at once, even if the file system hangs. A lock that is acquired after that is released.
    """
    acquiring = asyncio.ensure_future(lock.acquire())
    try:
        await asyncio.shield(acquiring)
    except asyncio.CancelledError:
        acquiring.add_done_callback(partial(_release_abandoned, lock))
        acquiring.cancel()
        raise


def _release_abandoned(lock: AsyncFileLock, acquiring: asyncio.Future[AsyncAcquireReturnProxy]) -> None:
    """Release a lock that was acquired after its caller was cancelled."""
    if not acquiring.cancelled() and acquiring.exception() is None:
        release = asyncio.ensure_future(lock.release())
        _releases.add(release)
        release.add_done_callback(_releases.discard)


async def _in_thread(function: Callable[[Unpack[A]], R], *arguments: *A) -> R:
    """Run a function that uses the disk in a worker thread. Raises TokenStoreError for its OSError."""
    try:
        return await anyio.to_thread.run_sync(function, *arguments, abandon_on_cancel=True)
    except OSError as error:
        raise _store_error(error) from error


def _store_error(error: OSError) -> TokenStoreError:
    return TokenStoreError(f"{error.filename or 'token file'}: {error.strerror or type(error).__name__}")


def _read(file: Path) -> SecretBytes | None:
    try:
        # O_NOFOLLOW: another user's symbolic link could point to any file of this user.
        descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        return None
    with open(descriptor, "rb") as source:  # noqa: PTH123 - one descriptor: the file that is checked is the one read
        _check_owner(file, os.fstat(descriptor), _OTHERS_READ_OR_WRITE, "accessible to other users", "chmod 600")
        return SecretBytes(source.read(_MAX_SIZE))


def _write(file: Path, content: bytes) -> None:
    _ensure_directory(file.parent)
    with atomic_write(file) as target:
        target.write(content)


def _delete(file: Path) -> None:
    file.unlink(missing_ok=True)


def _ensure_directory(directory: Path) -> None:
    """Create the directory if it is missing. Raises TokenStoreError if another user can put files there."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    _check_owner(directory, directory.stat(), _OTHERS_WRITE, "writable by other users", "chmod 700")


def _check_owner(path: Path, status: os.stat_result, forbidden: int, description: str, remedy: str) -> None:
    """Raise TokenStoreError if another user owns the path or has one of the `forbidden` permissions."""
    if sys.platform == "win32":
        return  # Windows has access lists in place of mode bits
    if status.st_uid != os.geteuid():
        raise TokenStoreError(
            f"{path} belongs to another user, who could choose the token; use a directory that you own"
        )
    if status.st_mode & forbidden:
        raise TokenStoreError(f"{path} is {description} (mode {stat.S_IMODE(status.st_mode):04o}): {remedy} it")
