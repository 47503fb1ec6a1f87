"""AccessToken, the TokenStore protocol for sharing tokens, and MemoryTokenStore, its simplest implementation.

A stored token is a secret: anyone who can read the store can act for the account until the token expires. The code that
creates a store owns and closes it; a client never closes it.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import ClassVar, Final, NoReturn, Protocol, runtime_checkable

import anyio
import msgspec

from checkout_async.errors import ConfigurationError
from checkout_async.processes import ProcessGuard
from checkout_async.redaction import SecretBytes, SecretStruct, as_secret, clears_frames

__all__ = [
    "LOCK_TIMEOUT",
    "LOCK_TTL",
    "AccessToken",
    "MemoryTokenStore",
    "TokenStore",
    "checked_seconds",
    "decode_token",
    "encode_token",
    "seconds_left",
]

_log = logging.getLogger("checkout_async.auth")

LOCK_TIMEOUT: Final = 10.0
"""The default of how many seconds a store waits for a lock, for stores whose locks end with their process."""

LOCK_TTL: Final = 10.0
"""The default of after how many seconds a lock expires, for stores whose locks survive a process that died."""


class AccessToken(SecretStruct, frozen=True):
    """A token, the wall-clock time at which it expires (seconds since the epoch), and its lifetime in seconds.

    `expires_at` is wall-clock time because processes do not share a monotonic clock.
    """

    __hidden__: ClassVar[tuple[str, ...]] = ("value",)

    value: str
    expires_at: float
    lifetime: float

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "value", as_secret(self.value))

    @property
    def is_usable(self) -> bool:
        """Whether the value fits in a header and the times are numbers: a reply or a file may contain anything."""
        is_text = bool(self.value) and self.value.isascii() and self.value.isprintable() and " " not in self.value
        return is_text and math.isfinite(self.expires_at) and 0 < self.lifetime < math.inf


@runtime_checkable
class TokenStore(Protocol):
    """Stores one token for each key. A key stands for an account, token endpoint and scopes; it is not a secret.

    A method may raise any exception: the client logs it and fetches its own token.
    """

    async def load(self, key: str) -> AccessToken | None:
        """Return the token, expired or not, or None if there is none or it cannot be decoded."""
        ...

    async def save(self, key: str, token: AccessToken) -> None:
        """Store the token; it replaces an earlier one."""
        ...

    async def remove(self, key: str, value: str) -> None:
        """Remove the token if it still has this value; another client may have replaced it in the meantime."""
        ...

    def lock(self, key: str) -> AbstractAsyncContextManager[bool]:
        """Lock the key, so that one client fetches a token and the others wait for it.

        The value of the context is whether the lock was acquired. The wait must be bounded, and the lock of a process
        that died or hangs must not block others for ever.
        """
        ...


class MemoryTokenStore:
    """A store for the clients of one event loop, and for tests. `lock_timeout` limits the wait for a lock (seconds).

    Its methods raise WrongProcess in a process that was forked after the store was used: a lock that was held then
    would never be released there.
    """

    def __init__(self, *, lock_timeout: float = LOCK_TIMEOUT) -> None:
        self._lock_timeout = checked_seconds("lock_timeout", lock_timeout)
        self._tokens: dict[str, AccessToken] = {}
        self._locks: dict[str, anyio.Lock] = {}
        self._process = ProcessGuard("the MemoryTokenStore")

    async def load(self, key: str) -> AccessToken | None:
        """Return the token of the key, if there is one."""
        self._process.check()
        return self._tokens.get(key)

    async def save(self, key: str, token: AccessToken) -> None:
        """Store the token."""
        self._process.check()
        self._tokens[key] = token

    async def remove(self, key: str, value: str) -> None:
        """Remove the token if it still has this value."""
        value = as_secret(value)  # a traceback may show the locals
        self._process.check()
        if (token := self._tokens.get(key)) is not None and token.value == value:
            del self._tokens[key]

    @asynccontextmanager
    async def lock(self, key: str) -> AsyncGenerator[bool]:
        """Wait until no other task has the lock, for at most `lock_timeout` seconds."""
        self._process.check()
        lock = self._locks.setdefault(key, anyio.Lock())
        held = False
        with anyio.move_on_after(self._lock_timeout):
            await lock.acquire()
            held = True
        try:
            yield held
        finally:
            if held:
                lock.release()

    def __reduce__(self) -> NoReturn:
        raise TypeError("MemoryTokenStore contains secrets and cannot be pickled; create one in each process")


def checked_seconds(name: str, seconds: float) -> float:
    """Return the seconds. Raises ConfigurationError, with the setting's name, unless they are above 0 and finite."""
    if not 0 < seconds < math.inf:
        raise ConfigurationError(f"{name} must be a number of seconds above 0, not {seconds!r}")
    return seconds


@clears_frames
def encode_token(token: AccessToken) -> SecretBytes:
    """Return the JSON object that a store outside the process saves."""
    # msgspec does not encode subclasses of str.
    members = {"value": str(token.value), "expires_at": token.expires_at, "lifetime": token.lifetime}
    return SecretBytes(msgspec.json.encode(members))


@clears_frames
def decode_token(content: bytes | str, place: str) -> AccessToken | None:
    """Return the token. If the content is not a token, log a warning that names the place, and return None."""
    try:
        # msgspec does not decode subclasses of str.
        token = msgspec.json.decode(content.encode() if isinstance(content, str) else content, type=AccessToken)
    except (msgspec.DecodeError, UnicodeError):
        token = None
    if token is None or not token.is_usable:
        # Without the content: part of it may be a valid secret.
        _log.warning("%s does not contain a valid access token; it is treated as empty", place)
        return None
    return token


def seconds_left(token: AccessToken) -> float:
    """Return for how many seconds the token is valid by this machine's clock, at most its lifetime."""
    return min(token.expires_at - time.time(), token.lifetime)
