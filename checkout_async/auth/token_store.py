"""An access token, the protocol of a place to share it in, and the simplest such place: memory.

A token at rest is a secret: whoever reads a store can act for the account until the token ends. A store is owned by
whoever made it; a client uses it and never closes it.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final, NoReturn, Protocol, runtime_checkable

import anyio
import msgspec

from checkout_async.errors import ConfigurationError

__all__ = [
    "LEASE",
    "AccessToken",
    "MemoryTokenStore",
    "TokenStore",
    "checked_lease",
    "decode_token",
    "encode_token",
    "seconds_left",
]

_log = logging.getLogger("checkout_async.auth")

LEASE: Final = 10.0
"""How long a lock is waited for, and where it can end by itself how long it lasts, unless a store is told otherwise."""


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token, the wall-clock time it ends (seconds since the epoch), and the seconds it was granted for.

    The end is wall-clock time because processes do not share a monotonic clock.
    """

    value: str = field(repr=False)
    expires_at: float
    lifetime: float

    @property
    def is_usable(self) -> bool:
        """Whether it can stand in a header and has a life: a reply or a file may hold anything."""
        is_text = bool(self.value) and self.value.isascii() and self.value.isprintable() and " " not in self.value
        return is_text and math.isfinite(self.expires_at) and 0 < self.lifetime < math.inf


@runtime_checkable
class TokenStore(Protocol):
    """Keeps one token for each key. A key says which account and scopes the token is for, and is no secret.

    Any method may fail with any exception: a client notes that in its log and fetches a token of its own.
    """

    async def load(self, key: str) -> AccessToken | None:
        """Return the token, expired or not, or None where there is none or it cannot be read."""
        ...

    async def save(self, key: str, token: AccessToken) -> None:
        """Keep the token in place of an earlier one."""
        ...

    async def remove(self, key: str, value: str) -> None:
        """Forget the token if it still has this value; another client may have put a better one there meanwhile."""
        ...

    def lock(self, key: str) -> AbstractAsyncContextManager[bool]:
        """Keep other users of the key out, so that one of them fetches for all.

        The value says whether the lock was had: it is waited for a bounded time, and the lock of a holder who died or
        hangs must not last for ever.
        """
        ...


class MemoryTokenStore:
    """A store for the clients of one event loop, and for tests. `lease` is the longest wait for a lock, in seconds."""

    def __init__(self, *, lease: float = LEASE) -> None:
        self._lease = checked_lease(lease)
        self._tokens: dict[str, AccessToken] = {}
        self._locks: dict[str, anyio.Lock] = {}

    async def load(self, key: str) -> AccessToken | None:
        """Return the token of the key, if there is one."""
        return self._tokens.get(key)

    async def save(self, key: str, token: AccessToken) -> None:
        """Keep the token."""
        self._tokens[key] = token

    async def remove(self, key: str, value: str) -> None:
        """Forget the token if it still has this value."""
        if (token := self._tokens.get(key)) is not None and token.value == value:
            del self._tokens[key]

    @asynccontextmanager
    async def lock(self, key: str) -> AsyncGenerator[bool]:
        """Wait for the other tasks that use the key, for `lease` seconds at the most."""
        lock = self._locks.setdefault(key, anyio.Lock())
        held = False
        with anyio.move_on_after(self._lease):
            await lock.acquire()
            held = True
        try:
            yield held
        finally:
            if held:
                lock.release()

    def __reduce__(self) -> NoReturn:
        raise TypeError("MemoryTokenStore holds secrets and cannot be pickled; make one in each process")


def checked_lease(lease: float) -> float:
    """Return the seconds, or raise ConfigurationError where they are not above zero."""
    if not 0 < lease < math.inf:
        raise ConfigurationError(f"lease must be a number of seconds above 0, not {lease!r}")
    return lease


def encode_token(token: AccessToken) -> bytes:
    """Return a token as it is kept outside the process: a JSON object."""
    return msgspec.json.encode(replace(token, value=str(token.value)))  # msgspec takes no subclass of str


def decode_token(content: bytes | str, place: str) -> AccessToken | None:
    """Return the token, or None with a warning that names the place where the content makes no sense."""
    try:
        token = msgspec.json.decode(content, type=AccessToken)
    except (msgspec.DecodeError, UnicodeError):
        token = None
    if token is None or not token.is_usable:
        # The content is left out: a damaged token is still half a secret.
        _log.warning("%s holds no access token that can be read; it counts as empty", place)
        return None
    return token


def seconds_left(token: AccessToken) -> float:
    """Return how long a token is good for by this machine's clock; never longer than it was granted for."""
    return min(token.expires_at - time.time(), token.lifetime)
