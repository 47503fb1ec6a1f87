"""OAuth client credentials (RFC 6749 section 4.4): the token request, a generated operation, and its errors.

The client id and secret are sent once, as HTTP Basic (Checkout.com API reference), never in the form as well. A server
may quote a request in its reply, so `SecretMasker` masks the secret there in every form in which it was sent.
"""

from __future__ import annotations

import re
import time
from base64 import b64encode
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, quote_plus, urlsplit

from checkout_async._core.codec import DecodeError, decode
from checkout_async._core.wire import Sender
from checkout_async._generated.models import access
from checkout_async._generated.operations.access import REQUEST_ACCESS_TOKEN, request_access_token
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
    ConnectFailed,
    ServerError,
    TransportError,
    UnexpectedResponse,
)
from checkout_async.redaction import MASK, Secret, SecretBytes, as_secret, clears_frames, sanitize

if TYPE_CHECKING:
    from checkout_async._generated.scopes import Scope

__all__ = ["OAuthAuthenticator", "OAuthCredentials", "SecretMasker", "token_refusal"]


class SecretMasker:
    """Masks the given secrets, and their escaped forms, in a server's reply."""

    @clears_frames
    def __init__(self, *secrets: str) -> None:
        forms = {form for secret in secrets for form in (secret, quote(secret, safe=""), quote_plus(secret))}
        forms |= {form.replace("/", "\\/") for form in forms}
        # Long forms first: a short one may be part of a long one.
        self._forms = sorted(forms, key=len, reverse=True)

    @clears_frames
    def mask_text(self, text: str) -> str:
        """Return the text with secrets masked, printable, and at most a few hundred characters long."""
        for form in self._forms:
            text = text.replace(form, MASK)
        return sanitize(text)

    @clears_frames
    def mask_body(self, raw: bytes) -> SecretBytes:
        """Return the body with secrets masked, hidden from tracebacks because it may contain a token."""
        for form in self._forms:
            raw = raw.replace(form.encode("ascii"), MASK.encode("ascii"))
        return SecretBytes(raw)


def token_refusal(error: ApiError, masker: SecretMasker) -> AuthenticationFailed:
    """Return the exception for a reply by which the token endpoint refuses the request."""
    code = description = None
    try:
        body, _ = decode(access.TokenError, error.body)
    except DecodeError:
        body = None
    if body is not None:
        code = body.error and masker.mask_text(body.error)
        description = body.error_description and masker.mask_text(body.error_description)
    reason = f"{code or 'without an OAuth error code'}{f' ({description})' if description else ''}"
    return AuthenticationFailed(
        f"the token endpoint answered {error.status} {reason}; check client id, secret, scopes and environment",
        status=error.status,
        error=code or None,
        description=description or None,
        body=masker.mask_body(error.body),
    )


def _is_refusal(error: ApiError) -> bool:
    """Return whether the token endpoint refused the request: with a 4xx, unless it means that it is busy."""
    return not (error.is_transient or isinstance(error, ServerError))


# `expires_in` is recommended only (RFC 6749 section 5.1). Checkout.com's tokens are valid for an hour. If one expires
# sooner than assumed, the API answers 401, and the call is repeated once with a new token.
_UNKNOWN_LIFETIME: Final = 60.0

_ID_OR_SECRET = re.compile(r"[\x21-\x7e]+")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")


class OAuthCredentials(SecretHolder):
    """An access key: its id, its secret, and the scopes to request, such as `sessions:browser`.

    Scopes are free text, since Checkout.com adds new ones. With an empty list the token gets those of the access key. A
    `store` shares the token with other clients and processes; the caller closes it.
    """

    __slots__ = ("_client_id", "_client_secret", "_scopes", "_store")

    @clears_frames
    def __init__(
        self, client_id: str, client_secret: str, *, scopes: Iterable[Scope], store: TokenStore | None = None
    ) -> None:
        """Raise ConfigurationError for an invalid id, secret, store or scope (RFC 6749 section 3.3)."""
        client_id, client_secret = as_secret(client_id), as_secret(client_secret)  # a traceback may show the locals
        if isinstance(scopes, str) or not hasattr(scopes, "__iter__"):
            raise ConfigurationError(f"scopes must be a list of str, not {type(scopes).__name__}")
        self._client_id = client_id
        self._client_secret = client_secret
        self._scopes = tuple(scopes)
        if not all(matches(scope, _SCOPE) for scope in self._scopes):
            raise ConfigurationError("each scope must be one word without spaces; pass a list of them")
        if store is not None:
            require_type("store", store, TokenStore)
        self._store = store
        for name, value in (("client_id", client_id), ("client_secret", client_secret)):
            if not matches(value, _ID_OR_SECRET):
                raise ConfigurationError(f"{name} must be printable ASCII without spaces, and not empty")
        if ":" in client_id:
            raise ConfigurationError("client_id must not contain a colon: HTTP Basic cannot carry it (RFC 7617)")

    def check(self, environment: Environment | None) -> None:
        """Accept any environment: an access key does not show its environment."""

    @clears_frames
    def authenticator(self, token_sender: TokenSender, token_url: str | None = None) -> OAuthAuthenticator:
        """Return an authenticator with its own token cache, in front of the store if there is one."""
        basic = as_secret(b64encode(f"{self._client_id}:{self._client_secret}".encode("ascii")).decode("ascii"))
        url, shared = token_url or "", None
        if self._store is not None:
            shared = SharedToken(self._store, store_key(self._client_id, url, self._scopes))
        sender = token_sender(FixedAuthenticator(f"Basic {basic}"))
        masker = SecretMasker(self._client_secret, basic)
        return OAuthAuthenticator(sender, self._scopes, masker, shared, urlsplit(url).hostname)


class OAuthAuthenticator(SecretHolder):
    """Authenticates with bearer tokens from the token endpoint, cached and refreshed. Errors name its `host`."""

    __slots__ = ("_authorization", "_cache", "_endpoint", "_masker", "_scopes", "_sender", "_token")

    def __init__(
        self,
        sender: Sender,
        scopes: tuple[str, ...],
        masker: SecretMasker,
        shared: SharedToken | None,
        host: str | None,
    ) -> None:
        self._endpoint = f"the token endpoint {host}" if host else "the token endpoint"
        self._sender = sender
        self._scopes = scopes
        self._masker = masker
        self._cache = TokenCache(self._fetch, time.monotonic, shared)
        # The last token, and its header value.
        self._token: str | None = None
        self._authorization = Secret()

    def current(self) -> Secret | None:
        """Return `Bearer` and the current token, or None if a token has to be fetched first."""
        token = self._cache.current()
        if token is None:
            return None
        if token is not self._token:
            self._token, self._authorization = token, Secret(f"Bearer {token}")
        return self._authorization

    async def authorize(self) -> Secret:
        """Return `Bearer` and a token that does not expire soon. Raises AuthenticationFailed and ConnectFailed."""
        return Secret(f"Bearer {await self._cache.get()}")

    @clears_frames
    def on_unauthorized(self, authorization: str) -> bool:
        """Drop the rejected token, if it is still the current one. Return True: the next attempt gets another one."""
        self._cache.drop(authorization.removeprefix("Bearer "))
        return True

    async def aclose(self) -> None:
        """Cancel a token request in progress."""
        await self._cache.aclose()

    async def request_token(self) -> access.AccessToken:
        """Fetch a token without the cache. Raises AuthenticationFailed and ConnectFailed."""
        body = access.AccessTokenRequest(grant_type=access.GrantType.CLIENT_CREDENTIALS)
        if self._scopes:
            body.scope = " ".join(self._scopes)
        try:
            return await request_access_token(self._sender, body)
        except ApiError as error:
            refused = _is_refusal(error)
            failure = token_refusal(error, self._masker) if refused else self._out_of_order(f"answered {error.status}")
        except UnexpectedResponse as error:
            failure = self._out_of_order(f"answered {error.status} and what cannot be understood ({error.reason})")
        except TransportError as error:
            failure = self._out_of_order(f"cannot be used: {error.reason or error}", error.attempts)
        # Raised outside the handlers: a cause or context would contain the reply, which may quote the secret.
        raise failure

    def _out_of_order(self, what: str, attempts: int = 1) -> ConnectFailed:
        """Return the error for a token endpoint that does not do its work. It says nothing about the credentials."""
        return ConnectFailed(
            f"no access token: {self._endpoint} {what}; nothing was sent to the API",
            operation=REQUEST_ACCESS_TOKEN.name,
            attempts=attempts,
            reason=f"{self._endpoint} {what}",
        )

    async def _fetch(self) -> AccessToken:
        requested = time.time()
        reply = await self.request_token()
        lifetime = _UNKNOWN_LIFETIME if reply.expires_in is None else float(reply.expires_in)
        token = AccessToken(as_secret(reply.access_token or ""), requested + lifetime, lifetime)
        if not token.is_usable:
            raise self._out_of_order("sent no valid token or no valid lifetime")
        return token
