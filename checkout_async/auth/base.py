"""The two protocols of authentication, and a mixin for objects that contain a secret.

A user creates `Credentials`. A client creates an `Authenticator` from them, and asks it before each attempt for the
value of the `Authorization` header.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn, Protocol, runtime_checkable

from checkout_async._core.wire import Sender
from checkout_async.config import Environment
from checkout_async.redaction import Secret

__all__ = ["Authenticator", "Credentials", "SecretHolder", "TokenSender"]


class Authenticator(Protocol):
    """Provides the value of the `Authorization` header. It lives as long as its client."""

    def current(self) -> Secret | None:
        """Return the header value for one attempt, or None if the caller has to await `authorize()`."""
        ...

    async def authorize(self) -> Secret:
        """Return the header value for one attempt; wait for a token if necessary.

        Raises AuthenticationFailed if the credentials are refused, ConnectFailed if no token can be fetched now. The
        call is not repeated for that: the request for a token has retries of its own.
        """
        ...

    def on_unauthorized(self, authorization: str) -> bool:
        """Handle a 401 to a request with this value; return whether to retry: whether another value may be accepted."""
        ...

    async def aclose(self) -> None:
        """Stop background work."""
        ...


TokenSender = Callable[[Authenticator], Sender]
"""Creates a sender for the token endpoint that authenticates with the given authenticator."""


@runtime_checkable
class Credentials(Protocol):
    """What a user gives to a client. It has no connection, so several clients may share one."""

    def check(self, environment: Environment | None) -> None:
        """Raise ConfigurationError if these credentials cannot work in the environment (None: a simulator)."""
        ...

    def authenticator(self, token_sender: TokenSender, token_url: str | None = None) -> Authenticator:
        """Return a new authenticator for one client. `token_url` is where `token_sender` sends to, None if nowhere."""
        ...


class SecretHolder:
    """Mixin for objects that contain a secret: their `repr` is masked, and they cannot be copied or pickled."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(***)"

    def __reduce__(self) -> NoReturn:
        message = f"{type(self).__name__} contains a secret and cannot be pickled; create one in each process"
        raise TypeError(message)
