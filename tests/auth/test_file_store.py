"""Files that no other user can read or plant, that are whole or missing, and damage that counts as no token."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
import time
import weakref
from pathlib import Path
from typing import Any, cast
from unittest.mock import AsyncMock, Mock

import anyio
import pytest

from checkout_async.auth import AccessToken, FileTokenStore, file_store
from checkout_async.errors import MissingExtra, TokenStoreError
from tests.canary.frames import shown_by_frames
from tests.transport.virtual_time import settle

TOKEN = AccessToken("hush-hush", time.time() + 3600, 3600)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "tokens"


@pytest.fixture
def store(directory: Path) -> FileTokenStore:
    return FileTokenStore(directory)


async def test_files_and_directory_are_for_their_owner_only(store: FileTokenStore, directory: Path) -> None:
    before = os.umask(0)
    try:
        await store.save("key", TOKEN)
        async with store.lock("key"):
            assert {path.name: mode(path) for path in directory.iterdir()} == {"key.json": 0o600, "key.lock": 0o600}
    finally:
        os.umask(before)
    assert mode(directory) == 0o700


@pytest.mark.parametrize("mode", ["0640", "0620", "0610", "0604", "0602", "0601", "0644"])
async def test_a_file_that_others_can_use_is_refused_and_then_replaced(
    mode: str, store: FileTokenStore, directory: Path
) -> None:
    await store.save("key", TOKEN)
    (directory / "key.json").chmod(int(mode, 8))
    with pytest.raises(TokenStoreError, match=rf"mode {mode}\): chmod 600") as caught:
        await store.load("key")
    assert "hush" not in str(caught.value)
    await store.save("key", TOKEN)
    assert await store.load("key") == TOKEN


async def test_a_file_that_its_owner_alone_can_read_is_accepted(store: FileTokenStore, directory: Path) -> None:
    await store.save("key", TOKEN)
    (directory / "key.json").chmod(0o400)
    assert await store.load("key") == TOKEN


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o705])
async def test_a_directory_that_others_can_only_read_is_accepted(
    mode: int, store: FileTokenStore, directory: Path
) -> None:
    directory.mkdir(parents=True)
    directory.chmod(mode)
    await store.save("key", TOKEN)
    assert await store.load("key") == TOKEN


@pytest.mark.parametrize("mode", [0o770, 0o720, 0o702, 0o777])
async def test_a_directory_that_others_can_write_is_refused(mode: int, store: FileTokenStore, directory: Path) -> None:
    directory.mkdir(parents=True)
    directory.chmod(mode)
    with pytest.raises(TokenStoreError, match="chmod 700"):
        await store.save("key", TOKEN)
    with pytest.raises(TokenStoreError, match="chmod 700"):
        async with store.lock("key"):
            pytest.fail("the lock was acquired")


async def test_a_file_of_another_user_is_refused(
    store: FileTokenStore, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.save("key", TOKEN)
    monkeypatch.setattr(os, "geteuid", lambda: directory.stat().st_uid + 1)
    with pytest.raises(TokenStoreError, match="another user"):
        await store.load("key")


async def test_a_link_is_not_followed(store: FileTokenStore, directory: Path) -> None:
    await store.save("key", TOKEN)
    (directory / "other.json").symlink_to(directory / "key.json")
    with pytest.raises(TokenStoreError, match=r"other\.json"):
        await store.load("other")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"value":"hush"}',
        b'{"value":"hush","expires_at":"soon","lifetime":5}',
        b'{"value":"hush\\r\\nHost: evil","expires_at":9e9,"lifetime":5}',
        b'{"value":"hush","expires_at":9e9,"lifetime":0}',
    ],
)
async def test_damage_counts_as_no_token_and_is_logged_without_its_content(
    content: bytes, store: FileTokenStore, directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await store.save("key", TOKEN)
    (directory / "key.json").write_bytes(content)
    assert await store.load("key") is None
    assert "key.json does not contain a valid access token" in caplog.text
    assert "hush" not in caplog.text


async def test_a_failed_write_leaves_the_earlier_token_and_nothing_else(
    store: FileTokenStore, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.save("key", TOKEN)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TokenStoreError, match="No space left"):
        await store.save("key", AccessToken("new", TOKEN.expires_at, 3600))
    assert await store.load("key") == TOKEN
    assert [path.name for path in directory.iterdir()] == ["key.json"]


def test_without_the_extra_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "filelock", None)
    with pytest.raises(MissingExtra, match=r"checkout-async\[file\]"):
        FileTokenStore(tmp_path)


async def test_a_token_that_another_process_has_just_removed_is_removed(store: FileTokenStore, directory: Path) -> None:
    class Slow(FileTokenStore):
        async def load(self, key: str) -> AccessToken | None:
            token = await super().load(key)
            await store.remove(key, TOKEN.value)
            return token

    await store.save("key", TOKEN)
    await Slow(directory).remove("key", TOKEN.value)
    assert list(directory.iterdir()) == []


async def test_a_disk_that_fails_shows_no_token_in_a_traceback(store: FileTokenStore, directory: Path) -> None:
    directory.parent.mkdir()
    directory.write_text("not a directory")
    with pytest.raises(TokenStoreError) as caught:
        await store.save("key", AccessToken("hush-hush", 4e9, 3600))
    assert caught.value.__cause__ is not None
    assert "hush" not in shown_by_frames(caught.value) + shown_by_frames(caught.value.__cause__)
    with pytest.raises(TokenStoreError) as caught:
        await store.remove("key", "hush-hush")
    assert "hush" not in shown_by_frames(caught.value)


@pytest.mark.parametrize("way", ["task", "scope"])
async def test_a_cancelled_caller_waits_for_no_file_system_that_hangs(
    way: str, store: FileTokenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs, goes_on = threading.Event(), threading.Event()

    def read(_file: Path) -> None:
        hangs.set()
        goes_on.wait()

    monkeypatch.setattr(file_store, "_read", read)
    scope = anyio.CancelScope()

    async def load() -> None:
        with scope:
            await store.load("key")

    loading = asyncio.create_task(load())
    await asyncio.to_thread(hangs.wait)
    loading.cancel() if way == "task" else scope.cancel()
    try:
        await asyncio.wait([loading], timeout=5)
        assert loading.done(), "the caller waits for the file system"
    finally:
        goes_on.set()
        await asyncio.gather(loading, return_exceptions=True)
    assert loading.cancelled() if way == "task" else scope.cancelled_caught


async def test_a_lock_that_comes_after_its_caller_was_cancelled_is_released() -> None:
    lock = Mock(release=AsyncMock())
    for acquiring, releases in ((failed(), 0), (cancelled(), 0), (completed(), 1)):
        await asyncio.wait([acquiring])
        file_store._release_abandoned(lock, acquiring)
        await settle()
        assert lock.release.await_count == releases
    assert not file_store._releases, "releases are kept no longer than they take"


class SlowLock:
    """A lock that is acquired when the test says so, even if its acquisition is cancelled before."""

    def __init__(self) -> None:
        self.is_wanted, self.is_free = asyncio.Event(), asyncio.Event()
        self.was_cancelled = False
        self.releasing: weakref.ref[asyncio.Task[Any]] | None = None

    async def acquire(self) -> None:
        self.is_wanted.set()
        try:
            await self.is_free.wait()
        except asyncio.CancelledError:
            self.was_cancelled = True
            await self.is_free.wait()

    async def release(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.releasing = weakref.ref(task)
        del task
        await asyncio.get_running_loop().create_future()  # which nothing but this task refers to


async def test_a_caller_cancelled_while_it_waits_for_a_lock_goes_at_once_and_leaves_no_lock(
    store: FileTokenStore,
) -> None:
    lock = SlowLock()
    cast("Any", store)._lock_class = Mock(return_value=lock)

    async def enter() -> None:
        async with store.lock("key"):
            pytest.fail("the lock was acquired")

    waiting = asyncio.create_task(enter())
    await asyncio.wait_for(lock.is_wanted.wait(), 60)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert waiting.cancelled()
    await settle()
    gave_up = lock.was_cancelled
    lock.is_free.set()
    await settle()
    assert gave_up, "the lock was still waited for"
    gc.collect()
    assert lock.releasing is not None, "the lock stays acquired"
    releasing = lock.releasing()
    assert releasing is not None, "the release was collected before it was done"
    releasing.cancel()
    await asyncio.wait([releasing])


@pytest.mark.parametrize(("size", "is_read"), [(64 * 1024, True), (64 * 1024 + 1, False)])
async def test_of_a_file_no_more_than_64_kib_are_read(
    size: int, is_read: bool, store: FileTokenStore, directory: Path
) -> None:
    await store.save("key", TOKEN)
    file = directory / "key.json"
    file.write_bytes(file.read_bytes().rjust(size))  # white space before the token
    assert await store.load("key") == (TOKEN if is_read else None)


async def test_a_system_that_cannot_refuse_links_reads_tokens(
    store: FileTokenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "O_NOFOLLOW")  # Windows
    await store.save("key", TOKEN)
    assert await store.load("key") == TOKEN


async def test_tokens_that_are_saved_at_once_do_not_meet(
    store: FileTokenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    together, sync = threading.Barrier(2), os.fsync

    def wait(descriptor: int) -> None:
        together.wait(60)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", wait)
    others = AccessToken("bye-bye", TOKEN.expires_at, 3600)
    await asyncio.gather(store.save("key", TOKEN), store.save("key", others))
    assert await store.load("key") in {TOKEN, others}


def completed() -> asyncio.Future[Any]:
    return asyncio.ensure_future(asyncio.sleep(0))


def failed() -> asyncio.Future[Any]:
    future = asyncio.get_running_loop().create_future()
    future.set_exception(TimeoutError())
    return future


def cancelled() -> asyncio.Future[Any]:
    future = asyncio.get_running_loop().create_future()
    future.cancel()
    return future


async def test_a_lock_file_that_cannot_be_opened_is_an_error_and_no_lock(
    store: FileTokenStore, directory: Path
) -> None:
    await store.save("key", TOKEN)
    (directory / "key.lock").mkdir()
    with pytest.raises(TokenStoreError, match=r"key\.lock: Is a directory"):
        async with store.lock("key"):
            pytest.fail("the lock was acquired")
