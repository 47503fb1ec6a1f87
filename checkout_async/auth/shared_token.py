"""SharedToken: how a client uses a token store.

The client reads the store before it fetches a token, and locks the store during the fetch. A store that fails, or does
not answer in time, never stops a call: the client logs a warning without contents and goes on without the store.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

import anyio
import msgspec

from checkout_async.auth.token_store import AccessToken, TokenStore
from checkout_async.errors import TokenStoreError, WrongProcess

__all__ = ["SharedToken", "store_key"]

_log = logging.getLogger("checkout_async.auth")

T = TypeVar("T")

_STORE_TIMEOUT: Final = 2.0
_LOCK_TIMEOUT: Final = 15.0


def store_key(client_id: str, token_url: str, scopes: Iterable[str]) -> str:
    """Return a store's key for a token: one for each access key, token endpoint and set of scopes.

    The client secret is not part of it: a token stays valid when the secret is changed.
    """
    parts = [str(client_id), token_url, *sorted(set(scopes))]
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


class SharedToken:
    """One token in a store."""

    def __init__(self, store: TokenStore, key: str) -> None:
        self._store = store
        self._key = key
        self._has_failed = False

    async def get_or_fetch(
        self,
        fetch: Callable[[], Awaitable[AccessToken]],
        is_acceptable: Callable[[AccessToken], bool],
        rejected: str | None,
    ) -> AccessToken:
        """Return the store's token if it is acceptable, else fetch a token and save it.

        `rejected` is a value that the API answered with 401; it is removed first. Raises only what `fetch` raises.
        """
        self._has_failed = False
        if rejected is not None:
            await self._ask(lambda: self._store.remove(self._key, rejected))
        if (found := await self._load(is_acceptable)) is not None:
            return found
        async with self._lock():
            # Another client may have saved a token while this one waited for the lock.
            if (found := await self._load(is_acceptable)) is not None:
                return found
            token = await fetch()
            await self._ask(lambda: self._store.save(self._key, token))
            return token

    async def _load(self, is_acceptable: Callable[[AccessToken], bool]) -> AccessToken | None:
        token = await self._ask(lambda: self._store.load(self._key))
        return token if token is not None and token.is_usable and is_acceptable(token) else None

    @asynccontextmanager
    async def _lock(self) -> AsyncGenerator[None]:
        """Acquire the lock if possible. A lock only saves token requests, so the fetch goes on without it."""
        lock = None if self._has_failed else self._store.lock(self._key)
        held = None if lock is None else await self._ask(lock.__aenter__, limit=_LOCK_TIMEOUT)
        if held is False:
            _log.warning("could not acquire the lock of the token store in time; fetching an access token without it")
        try:
            yield
        finally:
            if lock is not None and held is not None:
                # Not `_ask`: the lock must be released even if saving the token failed.
                await self._guard(lambda: lock.__aexit__(None, None, None), _STORE_TIMEOUT)

    async def _ask(self, method: Callable[[], Awaitable[T]], *, limit: float = _STORE_TIMEOUT) -> T | None:
        """Call a method of the store, unless one failed already: a fetch then waits for one timeout, not for five."""
        return None if self._has_failed else await self._guard(method, limit)

    async def _guard(self, method: Callable[[], Awaitable[T]], limit: float) -> T | None:
        """Call a method of the store. If it raises or is too slow, log that and return None."""
        try:
            with anyio.fail_after(limit):
                return await method()
        except Exception as error:  # noqa: BLE001 - a user's store may raise anything
            self._has_failed = True
            # Only our own errors' texts: another one may quote the token.
            reason = error if isinstance(error, TokenStoreError | WrongProcess) else type(error).__name__
            _log.warning("the token store %s failed: %s", type(self._store).__name__, reason)
            return None
