"""Credentials that never change: a secret key, or a session's own secret."""

from __future__ import annotations

import re

from checkout_async.auth.base import SecretHolder, TokenSender
from checkout_async.config import Environment, matches
from checkout_async.errors import ConfigurationError
from checkout_async.redaction import Secret, as_secret

__all__ = ["FixedAuthenticator", "SecretKey", "SessionSecret"]

# Checkout.com API reference: keys of the current platform.
_SECRET_KEY = re.compile(r"sk_(?:sbox_)?[a-z2-7]{26}[a-z2-7*#$=]")
_SESSION_SECRET = re.compile(r"sek_[\x21-\x7e]+")


class FixedAuthenticator(SecretHolder):
    """Always the same header value; a 401 is final."""

    __slots__ = ("_authorization",)

    def __init__(self, authorization: str) -> None:
        self._authorization = Secret(authorization)

    def current(self) -> Secret:
        """Return the value."""
        return self._authorization

    async def authorize(self) -> Secret:
        """Return the value."""
        return self._authorization

    def on_unauthorized(self, authorization: str) -> bool:
        """Return False: the same value would be refused again."""
        return False

    async def aclose(self) -> None:
        """Nothing runs in the background."""


class SecretKey(SecretHolder):
    """A secret API key (`sk_…`), sent as a bearer credential. The Sessions API does not accept it; Payments does."""

    __slots__ = ("_key", "_sandbox")

    def __init__(self, key: str) -> None:
        """Raise ConfigurationError for anything but a secret key of the current platform."""
        key = as_secret(key)  # a traceback may show the locals
        if not matches(key, _SECRET_KEY):
            raise ConfigurationError(
                "a secret key reads 'sk_' or 'sk_sbox_' and 27 characters; public keys start 'pk_'"
            )
        self._key = key
        self._sandbox = key.startswith("sk_sbox_")

    def check(self, environment: Environment | None) -> None:
        """Refuse a sandbox key in production and the reverse."""
        if environment is not None and self._sandbox is not (environment is Environment.SANDBOX):
            kind = "sandbox" if self._sandbox else "production"
            raise ConfigurationError(f"this is a {kind} key, but the environment is {environment.value}")

    def authenticator(self, token_sender: TokenSender, token_url: str | None = None) -> FixedAuthenticator:
        """Return the bearer credential."""
        return FixedAuthenticator(f"Bearer {self._key}")


class SessionSecret(SecretHolder):
    """A session's own secret (`sek_…`): good for that session only, and not for creating one.

    It is the bare value of the `Authorization` header, without a scheme word (Checkout.com API reference).
    """

    __slots__ = ("_secret",)

    def __init__(self, secret: str) -> None:
        """Raise ConfigurationError for anything that is not a session secret."""
        secret = as_secret(secret)
        if not matches(secret, _SESSION_SECRET):
            raise ConfigurationError("a session secret starts 'sek_' and comes with the reply to request_session")
        self._secret = secret

    def check(self, environment: Environment | None) -> None:
        """Accept any environment: the secret does not say where it is from."""

    def authenticator(self, token_sender: TokenSender, token_url: str | None = None) -> FixedAuthenticator:
        """Return the bare credential."""
        return FixedAuthenticator(self._secret)
