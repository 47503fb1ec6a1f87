"""Credentials that never change: a secret key, or a session's own secret."""

from __future__ import annotations

import re

from checkout_async.auth.base import SecretHolder, TokenSender
from checkout_async.config import Environment, matches
from checkout_async.errors import ConfigurationError
from checkout_async.redaction import Secret, as_secret, clears_frames

__all__ = ["FixedAuthenticator", "SecretKey", "SessionSecret"]

# Checkout.com API reference: keys of the current platform.
_SECRET_KEY = re.compile(r"sk_(?:sbox_)?[a-z2-7]{26}[a-z2-7*#$=]")
_SESSION_SECRET = re.compile(r"sek_[\x21-\x7e]+")


class FixedAuthenticator(SecretHolder):
    """An authenticator with one fixed header value. A 401 is final."""

    __slots__ = ("_authorization",)

    @clears_frames
    def __init__(self, authorization: str) -> None:
        self._authorization = Secret(authorization)

    def current(self) -> Secret:
        """Return the value."""
        return self._authorization

    async def authorize(self) -> Secret:
        """Return the value."""
        return self._authorization

    def on_unauthorized(self, authorization: str) -> bool:
        """Return False: the API would reject the same value again."""
        return False

    async def aclose(self) -> None:
        """Nothing runs in the background."""


class SecretKey(SecretHolder):
    """A secret API key (`sk_…`), sent as a bearer credential. The Sessions API does not accept it; Payments does."""

    __slots__ = ("_key", "_sandbox")

    @clears_frames
    def __init__(self, key: str) -> None:
        """Raise ConfigurationError if this is not a secret key of the current platform."""
        key = as_secret(key)  # a traceback may show the locals
        if not matches(key, _SECRET_KEY):
            raise ConfigurationError(
                "not a secret key: it must be 'sk_' or 'sk_sbox_' and 27 characters ('pk_' starts a public key)"
            )
        self._key = key
        self._sandbox = key.startswith("sk_sbox_")

    def check(self, environment: Environment | None) -> None:
        """Raise ConfigurationError for a sandbox key in production, or a production key in the sandbox."""
        if environment is not None and self._sandbox is not (environment is Environment.SANDBOX):
            kind = "sandbox" if self._sandbox else "production"
            raise ConfigurationError(
                f"this is a {kind} key, but the environment is {environment.value}; use a key of that environment"
            )

    def authenticator(self, token_sender: TokenSender, token_url: str | None = None) -> FixedAuthenticator:
        """Return an authenticator that sends the key as a bearer credential."""
        return FixedAuthenticator(f"Bearer {self._key}")


class SessionSecret(SecretHolder):
    """A session's own secret (`sek_…`). It is valid for that session only, and cannot create one.

    It is sent as the bare value of the `Authorization` header, without a scheme (Checkout.com API reference).
    """

    __slots__ = ("_secret",)

    @clears_frames
    def __init__(self, secret: str) -> None:
        """Raise ConfigurationError if this is not a session secret."""
        secret = as_secret(secret)
        if not matches(secret, _SESSION_SECRET):
            raise ConfigurationError("not a session secret: it starts with 'sek_' and is in request_session's reply")
        self._secret = secret

    def check(self, environment: Environment | None) -> None:
        """Accept any environment: a session secret does not show its environment."""

    def authenticator(self, token_sender: TokenSender, token_url: str | None = None) -> FixedAuthenticator:
        """Return an authenticator that sends the bare secret."""
        return FixedAuthenticator(self._secret)
