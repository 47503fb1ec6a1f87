"""An access token kept fresh: one fetch for any number of waiters, refreshed early in the background.

A token has three ages. Fresh: used as it is. Ageing (the early window before its end): used as it is while one fetch
runs in the background. Stale (the last part of that window, or dropped after a 401): every caller waits for the one
fetch. A caller who is cancelled while waiting does not cancel the fetch for the others.
"""

from __future__ import annotations

import asyncio
import copy
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from checkout_async.errors import CheckoutError, ConnectFailed

__all__ = ["AccessToken", "TokenCache"]

_log = logging.getLogger("checkout_async.credentials")

_EARLY = 120.0
_MUST = 30.0
_PAUSE_AFTER_FAILURE = 5.0


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token and how long it is good for, in seconds from when it was asked for."""

    value: str = field(repr=False)
    lifetime: float


class TokenCache:
    """Holds the current token. `fetch` gets a new one; `clock` is a monotonic clock in seconds."""

    def __init__(self, fetch: Callable[[], Awaitable[AccessToken]], clock: Callable[[], float]) -> None:
        self._fetch = fetch
        self._clock = clock
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
        # Short-lived tokens get windows in proportion, or they would never count as fresh.
        if left <= min(_MUST, token.lifetime / 8):
            return None
        if left <= min(_EARLY, token.lifetime / 4) and now >= self._paused_until:
            self._start()
        return token.value

    def drop(self, value: str) -> None:
        """Forget the token if it is still this one: the API refused it."""
        if self._token is not None and self._token.value == value:
            self._token = None

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
        asked = self._clock()
        token = await self._fetch()
        self._token = token
        self._expires = asked + token.lifetime
        return token

    def _finished(self, task: asyncio.Task[AccessToken]) -> None:
        self._fetching = None
        if task.cancelled() or (error := task.exception()) is None:
            return
        self._paused_until = self._clock() + _PAUSE_AFTER_FAILURE
        reason = error if isinstance(error, CheckoutError) else type(error).__name__
        _log.warning("fetching an access token failed: %s", reason)
