"""TokenCache: keeps one access token fresh, with one fetch for any number of callers.

A token passes through three states:

- fresh: callers use it;
- ageing (no more than `_refresh_margin` left): callers use it, and one fetch runs in the background;
- stale (no more than `_expiry_margin` left, or dropped after a 401): callers wait for the fetch.

A cancelled caller does not cancel the fetch for the others. If the token is shared, the fetch reads the store first
(`shared_token.py`).
"""

from __future__ import annotations

import asyncio
import copy
import logging
import math
from collections.abc import Awaitable, Callable

from checkout_async.auth.shared_token import SharedToken
from checkout_async.auth.token_store import AccessToken, seconds_left
from checkout_async.errors import CheckoutError, ClientClosed

__all__ = ["TokenCache"]

_log = logging.getLogger("checkout_async.auth")

_REFRESH_MARGIN = 120.0
_EXPIRY_MARGIN = 30.0
_PAUSE_AFTER_FAILURE = 5.0


class TokenCache:
    """Keeps the current token. `fetch` requests a new one; `clock` is a monotonic clock in seconds.

    `shared` is the token in a store, or None without a store.
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
        self._rejected: str | None = None
        self._token: AccessToken | None = None
        self._expires = self._paused_until = -math.inf
        self._closed = False
        self._fetching: asyncio.Task[AccessToken] | None = None

    async def get(self) -> str:
        """Return a token that is not stale; wait for a fetch if necessary. Raises what `fetch` raises."""
        token = self.current()
        return await self._await_fetch(self._start_fetch()) if token is None else token

    def current(self) -> str | None:
        """Return the token, or None if it is stale. An ageing token starts a fetch in the background."""
        token = self._token
        if token is None:
            return None
        now = self._clock()
        left = self._expires - now
        if left <= _expiry_margin(token):
            return None
        if left <= _refresh_margin(token) and now >= self._paused_until:
            self._start_fetch()
        return token.value

    def drop(self, value: str) -> None:
        """Drop the token that the API answered with 401, if it is still the current one.

        The next fetch removes it from the store first.
        """
        if self._token is not None and self._token.value == value:
            self._token = None
            self._rejected = value

    async def aclose(self) -> None:
        """Cancel a fetch in progress; its callers get ClientClosed."""
        self._closed = True
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)

    async def _await_fetch(self, fetch: asyncio.Task[AccessToken]) -> str:
        try:
            # The shield: a cancelled caller must not cancel the fetch that others wait for.
            return (await asyncio.shield(fetch)).value
        except CheckoutError as error:
            # Each caller gets its own copy, because the pipeline sets attributes of one call on the error.
            own = copy.copy(error)
            own.__cause__ = error.__cause__
        except asyncio.CancelledError:
            # The fetch was cancelled by `aclose`, or the caller itself was cancelled.
            if not self._closed or not fetch.cancelled():
                raise
            own = ClientClosed("the client was closed while a call waited for an access token, so it was not sent")
        raise own

    def _start_fetch(self) -> asyncio.Task[AccessToken]:
        """Return the fetch in progress; start one if there is none."""
        # A fetch that has ended is no longer in progress, even if the loop has not called `_on_fetch_done` yet.
        if self._fetching is None or self._fetching.done():
            self._fetching = asyncio.create_task(self._renew(), name="checkout_async token fetch")
            self._fetching.add_done_callback(self._on_fetch_done)
        return self._fetching

    async def _renew(self) -> AccessToken:
        """Take an acceptable token from the store, or fetch one."""
        if self._shared is None:
            return await self._fetch_and_set()
        token = await self._shared.get_or_fetch(self._fetch_and_set, self._is_acceptable, self._rejected)
        # A 401 may have come while the store was read: then this token is the rejected one.
        if token.value == self._rejected:
            return await self._fetch_and_set()
        if token is not self._token:
            self._set(token, self._clock() + seconds_left(token))
        return token

    async def _fetch_and_set(self) -> AccessToken:
        # The lifetime counts from the request: when the server granted the token is not known.
        requested = self._clock()
        token = await self._fetch()
        self._set(token, requested + token.lifetime)
        return token

    def _set(self, token: AccessToken, expires: float) -> None:
        self._token = token
        self._expires = expires
        self._rejected = None

    def _is_acceptable(self, token: AccessToken) -> bool:
        """Return whether to use a token of the store: if it is fresh, or if it is ageing and the current one stale."""
        has_current = self._token is not None and self._expires - self._clock() > _expiry_margin(self._token)
        margin = _refresh_margin(token) if has_current else _expiry_margin(token)
        return token.value != self._rejected and seconds_left(token) > margin

    def _on_fetch_done(self, task: asyncio.Task[AccessToken]) -> None:
        if self._fetching is task:
            self._fetching = None
        if task.cancelled() or (error := task.exception()) is None:
            return
        self._paused_until = self._clock() + _PAUSE_AFTER_FAILURE
        reason = error if isinstance(error, CheckoutError) else type(error).__name__
        _log.warning("fetching an access token failed: %s", reason)


# The margins of a short-lived token are in proportion to its lifetime; else it would never be fresh.
def _refresh_margin(token: AccessToken) -> float:
    return min(_REFRESH_MARGIN, token.lifetime / 4)


def _expiry_margin(token: AccessToken) -> float:
    return min(_EXPIRY_MARGIN, token.lifetime / 8)
