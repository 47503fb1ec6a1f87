"""A token store as a client uses it: looked into before a fetch, locked around one, and never in the way.

Whatever a store raises, or does not answer in time, is logged without its content, and the client goes on without it.
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
from checkout_async.errors import TokenStoreError

__all__ = ["SharedToken", "store_key"]

_log = logging.getLogger("checkout_async.auth")

T = TypeVar("T")

_ANSWER_WITHIN: Final = 2.0
_LOCK_WITHIN: Final = 15.0


def store_key(client_id: str, token_url: str, scopes: Iterable[str]) -> str:
    """Return the name of a token in a store: one for each access key, token endpoint and set of scopes.

    The secret is no part of it: a token got before the secret was changed stays good.
    """
    parts = [str(client_id), token_url, *sorted(set(scopes))]
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


class SharedToken:
    """One token in a store."""

    def __init__(self, store: TokenStore, key: str) -> None:
        self._store = store
        self._key = key
        self._given_up = False

    async def renewed(
        self,
        fetch: Callable[[], Awaitable[AccessToken]],
        accepts: Callable[[AccessToken], bool],
        refused: str | None,
    ) -> AccessToken:
        """Return a token of the store that `accepts` finds good, or fetch one and keep it there.

        `refused` is a value that the API no longer takes. Raises whatever `fetch` raises, and nothing else.
        """
        self._given_up = False
        if refused is not None:
            await self._answer(lambda: self._store.remove(self._key, refused))
        if (found := await self._load(accepts)) is not None:
            return found
        async with self._locked():
            if (found := await self._load(accepts)) is not None:
                return found
            token = await fetch()
            await self._answer(lambda: self._store.save(self._key, token))
            return token

    async def _load(self, accepts: Callable[[AccessToken], bool]) -> AccessToken | None:
        token = await self._answer(lambda: self._store.load(self._key))
        return token if token is not None and token.is_usable and accepts(token) else None

    @asynccontextmanager
    async def _locked(self) -> AsyncGenerator[None]:
        """Hold the lock if it can be had; a lock only saves requests, so its absence stops nobody."""
        lock = None if self._given_up else self._store.lock(self._key)
        held = None if lock is None else await self._answer(lock.__aenter__, within=_LOCK_WITHIN)
        if held is False:
            _log.warning("the lock of the token store was not had in time; fetching an access token without it")
        try:
            yield
        finally:
            if lock is not None and held is not None:
                await self._guarded(lambda: lock.__aexit__(None, None, None), _ANSWER_WITHIN)

    async def _answer(self, ask: Callable[[], Awaitable[T]], *, within: float = _ANSWER_WITHIN) -> T | None:
        """Ask the store, unless it failed already in this round: the call waits for one timeout, not for five."""
        return None if self._given_up else await self._guarded(ask, within)

    async def _guarded(self, ask: Callable[[], Awaitable[T]], within: float) -> T | None:
        try:
            with anyio.fail_after(within):
                return await ask()
        except Exception as error:  # noqa: BLE001 - a store is anybody's code
            self._given_up = True
            # Other errors than ours may quote what they were given.
            reason = error if isinstance(error, TokenStoreError) else type(error).__name__
            _log.warning("the token store %s failed: %s", type(self._store).__name__, reason)
            return None
