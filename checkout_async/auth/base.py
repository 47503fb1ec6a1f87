"""The two roles: Credentials, which a user makes, and Authenticator, which a client asks before each attempt."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn, Protocol, runtime_checkable

from checkout_async._core.wire import Sender
from checkout_async.config import Environment
from checkout_async.redaction import Secret

__all__ = ["Authenticator", "Credentials", "SecretHolder", "TokenSender"]


class Authenticator(Protocol):
    """Gives the value of the `Authorization` header; lives as long as its client."""

    def current(self) -> Secret | None:
        """Return the header value for one attempt, or None where it has to be waited for."""
        ...

    async def authorize(self) -> Secret:
        """Return the header value for one attempt, waiting for it if need be. Raises AuthenticationFailed."""
        ...

    def on_unauthorized(self, authorization: str) -> bool:
        """Take note that the API answered 401 to this value; return whether another attempt can end differently."""
        ...

    async def aclose(self) -> None:
        """Stop whatever runs in the background."""
        ...


TokenSender = Callable[[Authenticator], Sender]
"""Makes a sender for the token endpoint that identifies itself by the given authenticator."""


@runtime_checkable
class Credentials(Protocol):
    """What a client is made with. It holds no connection and may be shared by clients."""

    def check(self, environment: Environment | None) -> None:
        """Raise ConfigurationError if this cannot work in the environment (None: a simulator)."""
        ...

    def authenticator(self, token_sender: TokenSender, token_url: str | None = None) -> Authenticator:
        """Return a fresh authenticator for one client. `token_url` is where `token_sender` sends to, if anywhere."""
        ...


class SecretHolder:
    """Mixin of everything that holds a secret: it cannot be printed, pickled or copied into another process."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(***)"

    def __reduce__(self) -> NoReturn:
        message = f"{type(self).__name__} holds a secret and cannot be pickled; make it anew where it is needed"
        raise TypeError(message)
