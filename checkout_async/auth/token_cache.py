"""An access token kept fresh: one fetch for any number of waiters, refreshed early in the background.

A token has three ages. Fresh: used as it is. Ageing (the early window before its end): used as it is while one fetch
runs in the background. Stale (the last part of that window, or dropped after a 401): every caller waits for the one
fetch. A caller who is cancelled while waiting does not cancel the fetch for the others. Where a token is shared, the
fetch looks into the store first (`credentials/shared.py`).
"""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import Awaitable, Callable

from checkout_async.auth.shared_token import SharedToken
from checkout_async.auth.token_store import AccessToken, seconds_left
from checkout_async.errors import CheckoutError, ConnectFailed

__all__ = ["TokenCache"]

_log = logging.getLogger("checkout_async.auth")

_EARLY = 120.0
_MUST = 30.0
_PAUSE_AFTER_FAILURE = 5.0


class TokenCache:
    """Holds the current token. `fetch` gets a new one; `clock` is a monotonic clock in seconds.

    `shared` is the token in a store, if there is one.
    """

    def __init__(
        self,
        fetch: Callable[[], Awaitable[AccessToken]],
        clock: Callable[[], float],
        shared: SharedToken | None = None,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._shared = shared
        self._refused: str | None = None
        self._token: AccessToken | None = None
        self._expires = 0.0
        self._paused_until = 0.0
        self._closed = False
        self._fetching: asyncio.Task[AccessToken] | None = None

    async def get(self) -> str:
        """Return a token that is good for some time yet. Raises whatever `fetch` raises."""
        token = self.current()
        return await self._waited_for(self._start()) if token is None else token

    def current(self) -> str | None:
        """Return the token while it is good, else None; an ageing one is renewed in the background."""
        token = self._token
        if token is None:
            return None
        now = self._clock()
        left = self._expires - now
        if left <= _must(token):
            return None
        if left <= _early(token) and now >= self._paused_until:
            self._start()
        return token.value

    def drop(self, value: str) -> None:
        """Forget the token if it is still this one: the API refused it. The store forgets it before the next fetch."""
        if self._token is not None and self._token.value == value:
            self._token = None
            self._refused = value

    async def aclose(self) -> None:
        """Cancel a fetch under way; who waits for it gets ConnectFailed."""
        self._closed = True
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)

    async def _waited_for(self, fetch: asyncio.Task[AccessToken]) -> str:
        try:
            return (await asyncio.shield(fetch)).value
        except CheckoutError as error:
            # Each waiter gets an error of its own: callers note on it what belongs to their call alone.
            own = copy.copy(error)
            own.__cause__ = error.__cause__
        except asyncio.CancelledError:
            if not self._closed or not fetch.cancelled():
                raise
            own = ConnectFailed("the client was closed while a call waited for an access token; nothing was sent")
        raise own

    def _start(self) -> asyncio.Task[AccessToken]:
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._renew(), name="checkout_async token fetch")
            self._fetching.add_done_callback(self._finished)
        return self._fetching

    async def _renew(self) -> AccessToken:
        if self._shared is None:
            return await self._fetched()
        token = await self._shared.renewed(self._fetched, self._accepts, self._refused)
        if token.value == self._refused:  # while the store was still being told of it
            return await self._fetched()
        if token is not self._token:
            self._keep(token, self._clock() + seconds_left(token))
        return token

    async def _fetched(self) -> AccessToken:
        asked = self._clock()
        token = await self._fetch()
        self._keep(token, asked + token.lifetime)
        return token

    def _keep(self, token: AccessToken, expires: float) -> None:
        self._token = token
        self._expires = expires
        self._refused = None

    def _accepts(self, token: AccessToken) -> bool:
        """Say whether a token of the store saves the fetch: a fresh one always, an ageing one where there is none."""
        has_one = self._token is not None and self._expires - self._clock() > _must(self._token)
        return token.value != self._refused and seconds_left(token) > (_early(token) if has_one else _must(token))

    def _finished(self, task: asyncio.Task[AccessToken]) -> None:
        self._fetching = None
        if task.cancelled() or (error := task.exception()) is None:
            return
        self._paused_until = self._clock() + _PAUSE_AFTER_FAILURE
        reason = error if isinstance(error, CheckoutError) else type(error).__name__
        _log.warning("fetching an access token failed: %s", reason)


# Short-lived tokens get windows in proportion, or they would never count as fresh.
def _early(token: AccessToken) -> float:
    return min(_EARLY, token.lifetime / 4)


def _must(token: AccessToken) -> float:
    return min(_MUST, token.lifetime / 8)
