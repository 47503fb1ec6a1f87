"""OAuth client credentials (RFC 6749 section 4.4): the exchange as a generated operation, and its errors.

The client's id and secret go once, as HTTP Basic (Checkout.com API reference), never in the form as well.
"""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Iterable

from checkout_async._core.codec import Undecodable, decode
from checkout_async._core.wire import Sender
from checkout_async._generated.models import access
from checkout_async._generated.operations.access import request_access_token
from checkout_async.config import Environment, require_kind
from checkout_async.credentials.base import Secretive, TokenSender
from checkout_async.credentials.cache import AccessToken, TokenCache
from checkout_async.credentials.static import FixedAuthenticator
from checkout_async.errors import (
    ApiError,
    AuthenticationFailed,
    ConfigurationError,
    TransportError,
    UnexpectedResponse,
)
from checkout_async.redaction import Secret, scrub, secretly

__all__ = ["OAuthAuthenticator", "OAuthCredentials"]


class OAuthCredentials(Secretive):
    """An access key: id, secret and the scopes to ask for, such as `sessions:browser`.

    Scopes are free text, since Checkout.com adds new ones; none means those the key was made with.
    """

    __slots__ = ("_client_id", "_client_secret", "_scopes")

    def __init__(self, client_id: str, client_secret: str, *, scopes: Iterable[str] = ()) -> None:
        """Raise ConfigurationError for an empty or unprintable part."""
        client_id, client_secret = secretly(client_id), secretly(client_secret)  # a traceback may show the locals
        if isinstance(scopes, str):
            raise ConfigurationError("scopes is a list of texts, not one text")
        self._client_id = client_id
        self._client_secret = client_secret
        self._scopes = tuple(scopes)
        for name, part in (("client_id", client_id), ("client_secret", client_secret)):
            require_kind(name, part, str)
            if not part or not part.isascii() or not part.isprintable() or " " in part:
                raise ConfigurationError(f"{name} is empty, or holds spaces or characters that no access key has")
        if ":" in client_id:
            raise ConfigurationError("client_id holds a colon, which HTTP Basic cannot carry (RFC 7617)")

    def check(self, environment: Environment | None) -> None:
        """Accept any environment: an access key does not say where it is from."""

    def authenticator(self, token_sender: TokenSender) -> OAuthAuthenticator:
        """Return a token cache of one client's own."""
        basic = b64encode(f"{self._client_id}:{self._client_secret}".encode("ascii")).decode("ascii")
        return OAuthAuthenticator(token_sender(FixedAuthenticator(f"Basic {basic}")), self._scopes)


class OAuthAuthenticator(Secretive):
    """Bearer tokens from the token endpoint, cached and refreshed."""

    __slots__ = ("_cache", "_scopes", "_sender")

    def __init__(self, sender: Sender, scopes: tuple[str, ...]) -> None:
        self._sender = sender
        self._scopes = scopes
        self._cache = TokenCache(self._fetch, time.monotonic)

    def current(self) -> Secret | None:
        """Return `Bearer` and the current token, or None if it has to be fetched first."""
        token = self._cache.current()
        return None if token is None else Secret(f"Bearer {token}")

    async def authorize(self) -> Secret:
        """Return `Bearer` and a token that is good for some time yet. Raises AuthenticationFailed."""
        return Secret(f"Bearer {await self._cache.get()}")

    def rejected(self, authorization: str) -> bool:
        """Drop the token that was refused, if it is still the current one; another attempt gets another token."""
        self._cache.drop(authorization.removeprefix("Bearer "))
        return True

    async def aclose(self) -> None:
        """Stop a refresh in the background."""
        await self._cache.aclose()

    async def request_token(self) -> access.AccessToken:
        """Fetch a token, past the cache. Raises AuthenticationFailed."""
        body = access.AccessTokenRequest(grant_type=access.GrantType.CLIENT_CREDENTIALS)
        if self._scopes:
            body.scope = " ".join(self._scopes)
        try:
            return await request_access_token(self._sender, body)
        except ApiError as error:
            raise _refused(error) from error
        except UnexpectedResponse as error:
            raise AuthenticationFailed(f"token endpoint: {error.reason}", status=error.status) from error
        except TransportError as error:
            raise AuthenticationFailed(f"token endpoint: {error}") from error

    async def _fetch(self) -> AccessToken:
        token = await self.request_token()
        value, lifetime = secretly(token.access_token), token.expires_in
        if not value or not value.isascii() or not value.isprintable() or not lifetime or lifetime <= 0:
            raise AuthenticationFailed("token endpoint: the reply holds no usable token, or no lifetime", status=200)
        return AccessToken(value, float(lifetime))


def _refused(error: ApiError) -> AuthenticationFailed:
    try:
        body, _ = decode(access.TokenError, error.body)
        code = body.error
    except Undecodable:
        code = None
    hint = f"the token endpoint answered {error.status} {scrub(code) if code else 'without an OAuth error code'}"
    return AuthenticationFailed(
        f"{hint}; check client id, secret, scopes and environment",
        status=error.status,
        error=code,
        body=error.body,
    )
