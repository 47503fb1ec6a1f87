"""OAuth client credentials (RFC 6749 section 4.4): the exchange as a generated operation, and its errors.

The client's id and secret go once, as HTTP Basic (Checkout.com API reference), never in the form as well. A server may
quote what it was sent, so its error texts are searched for the secret in every form that went to it.
"""

from __future__ import annotations

import re
import time
from base64 import b64encode
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

from checkout_async._core.codec import DecodeError, decode
from checkout_async._core.wire import Sender
from checkout_async._generated.models import access
from checkout_async._generated.operations.access import request_access_token
from checkout_async.auth.base import SecretHolder, TokenSender
from checkout_async.auth.shared_token import SharedToken, store_key
from checkout_async.auth.static import FixedAuthenticator
from checkout_async.auth.token_cache import TokenCache
from checkout_async.auth.token_store import AccessToken, TokenStore
from checkout_async.config import Environment, matches, require_type
from checkout_async.errors import (
    ApiError,
    AuthenticationFailed,
    ConfigurationError,
    TransportError,
    UnexpectedResponse,
)
from checkout_async.models import to_json
from checkout_async.redaction import MASK, Secret, SecretBytes, as_secret, sanitize

__all__ = ["Blackout", "OAuthAuthenticator", "OAuthCredentials", "refusal"]


class Blackout:
    """Masks given secrets, and what they look like when they are escaped, in what a server said."""

    def __init__(self, *secrets: str) -> None:
        forms = {form for secret in secrets for form in (secret, quote(secret, safe=""), quote_plus(secret))}
        forms |= {form.replace("/", "\\/") for form in forms}
        # Long forms first: one may be part of another.
        self._forms = sorted(forms, key=len, reverse=True)

    def text(self, said: str) -> str:
        """Return text fit to be printed, at most a few hundred characters of it."""
        for form in self._forms:
            said = said.replace(form, MASK)
        return sanitize(said)

    def body(self, raw: bytes) -> SecretBytes:
        """Return a body as it came, but for the secrets; it may hold a token, which a traceback must not show."""
        for form in self._forms:
            raw = raw.replace(form.encode("ascii"), MASK.encode("ascii"))
        return SecretBytes(raw)


def refusal(error: ApiError, blackout: Blackout) -> AuthenticationFailed:
    """Return what to raise for an error status of the token endpoint."""
    code = description = None
    try:
        body, _ = decode(access.TokenError, error.body)
    except DecodeError:
        body = None
    if body is not None:
        code = body.error and blackout.text(body.error)
        description = body.error_description and blackout.text(body.error_description)
    said = f"{code or 'without an OAuth error code'}{f' ({description})' if description else ''}"
    return AuthenticationFailed(
        f"the token endpoint answered {error.status} {said}; check client id, secret, scopes and environment",
        status=error.status,
        error=code or None,
        description=description or None,
        body=blackout.body(error.body),
    )


_PART = re.compile(r"[\x21-\x7e]+")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")


class OAuthCredentials(SecretHolder):
    """An access key: id, secret and the scopes to ask for, such as `sessions:browser`.

    Scopes are free text, since Checkout.com adds new ones; none means those the key was made with. A `store` shares the
    token with other clients and processes; it stays its maker's to close.
    """

    __slots__ = ("_client_id", "_client_secret", "_scopes", "_store")

    def __init__(
        self, client_id: str, client_secret: str, *, scopes: Iterable[str] = (), store: TokenStore | None = None
    ) -> None:
        """Raise ConfigurationError for an unusable part, and for what is no scope (RFC 6749 section 3.3)."""
        client_id, client_secret = as_secret(client_id), as_secret(client_secret)  # a traceback may show the locals
        if isinstance(scopes, str) or not hasattr(scopes, "__iter__"):
            raise ConfigurationError(f"scopes is a list of texts, not one {type(scopes).__name__}")
        self._client_id = client_id
        self._client_secret = client_secret
        self._scopes = tuple(scopes)
        if not all(matches(scope, _SCOPE) for scope in self._scopes):
            raise ConfigurationError("each of the scopes is one word such as 'sessions:browser', without spaces")
        if store is not None:
            require_type("store", store, TokenStore)
        self._store = store
        for name, part in (("client_id", client_id), ("client_secret", client_secret)):
            if not matches(part, _PART):
                raise ConfigurationError(f"{name} is empty, or holds spaces or characters that no access key has")
        if ":" in client_id:
            raise ConfigurationError("client_id holds a colon, which HTTP Basic cannot carry (RFC 7617)")

    def check(self, environment: Environment | None) -> None:
        """Accept any environment: an access key does not say where it is from."""

    def authenticator(self, token_sender: TokenSender, token_url: str | None = None) -> OAuthAuthenticator:
        """Return a token cache of one client's own, in front of the store where there is one."""
        basic = as_secret(b64encode(f"{self._client_id}:{self._client_secret}".encode("ascii")).decode("ascii"))
        shared = None
        if self._store is not None:
            shared = SharedToken(self._store, store_key(self._client_id, token_url or "", self._scopes))
        sender = token_sender(FixedAuthenticator(f"Basic {basic}"))
        return OAuthAuthenticator(sender, self._scopes, Blackout(self._client_secret, basic), shared)


class OAuthAuthenticator(SecretHolder):
    """Bearer tokens from the token endpoint, cached and refreshed."""

    __slots__ = ("_blackout", "_cache", "_scopes", "_sender")

    def __init__(self, sender: Sender, scopes: tuple[str, ...], blackout: Blackout, shared: SharedToken | None) -> None:
        self._sender = sender
        self._scopes = scopes
        self._blackout = blackout
        self._cache = TokenCache(self._fetch, time.monotonic, shared)

    def current(self) -> Secret | None:
        """Return `Bearer` and the current token, or None if it has to be fetched first."""
        token = self._cache.current()
        return None if token is None else Secret(f"Bearer {token}")

    async def authorize(self) -> Secret:
        """Return `Bearer` and a token that is good for some time yet. Raises AuthenticationFailed."""
        return Secret(f"Bearer {await self._cache.get()}")

    def on_unauthorized(self, authorization: str) -> bool:
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
            failure = refusal(error, self._blackout)
        except UnexpectedResponse as error:
            masked = self._blackout.body(error.body)
            failure = AuthenticationFailed(f"token endpoint: {error.reason}", status=error.status, body=masked)
        except TransportError as error:
            raise AuthenticationFailed(f"token endpoint: {error}") from error
        # Raised outside the handlers: the reply that a cause or context holds may quote the secret.
        raise failure

    async def _fetch(self) -> AccessToken:
        asked = time.time()
        reply = await self.request_token()
        lifetime = float(reply.expires_in or 0)
        token = AccessToken(as_secret(reply.access_token or ""), asked + lifetime, lifetime)
        if not token.is_usable:
            raise AuthenticationFailed(
                "token endpoint: the reply holds no usable token, or no lifetime", status=200, body=to_json(reply)
            )
        return token
