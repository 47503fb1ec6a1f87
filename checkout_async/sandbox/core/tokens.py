"""OAuth 2.0: the known clients, the token endpoint (RFC 6749 section 4.4) and the tokens that it issued."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote_plus

from checkout_async.sandbox.core.clock import SandboxClock
from checkout_async.sandbox.core.ids import DeterministicIds
from checkout_async.sandbox.core.payload import JsonObject, base64url, base64url_json

CLIENT_ID = "ack_sandbox"
CLIENT_SECRET = "sandbox_secret"  # noqa: S105 - the documented credential of a simulator


@dataclass(frozen=True, slots=True)
class SandboxClient:
    """An OAuth client. `scopes` None allows those of every API; `refusal` is an OAuth error that it always gets."""

    client_id: str
    client_secret: str = field(repr=False)
    scopes: frozenset[str] | None = None
    refusal: str | None = None


NOT_ACCEPTABLE = "not_acceptable"
"""A refusal in addition to those of RFC 6749: 406 with a text body, observed from a real token host."""

DEFAULT_CLIENTS = (
    SandboxClient(CLIENT_ID, CLIENT_SECRET),
    SandboxClient("ack_unauthorized", CLIENT_SECRET, refusal="unauthorized_client"),
    SandboxClient("ack_revoked", CLIENT_SECRET, refusal="invalid_grant"),
    SandboxClient("ack_not_acceptable", CLIENT_SECRET, refusal=NOT_ACCEPTABLE),
)


class TokenRefused(Exception):
    """The token endpoint's refusal: `code` is one of the error codes of RFC 6749 section 5.2."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


@dataclass(frozen=True, slots=True)
class _Grant:
    scopes: frozenset[str]
    expires_at: float


class TokenEndpoint:
    """Issues access tokens for `lifetime` seconds of the sandbox's clock and knows the valid ones."""

    def __init__(
        self,
        clients: Iterable[SandboxClient],
        scopes: frozenset[str],
        *,
        lifetime: int,
        clock: SandboxClock,
        ids: DeterministicIds,
    ) -> None:
        self._clients = {client.client_id: client for client in clients}
        self._scopes = scopes
        self._lifetime = lifetime
        self._clock = clock
        self._ids = ids
        self._grants: dict[str, _Grant] = {}

    def issue(self, body: bytes, content_type: str, authorization: str | None) -> JsonObject:
        """Answer a token request; raises TokenRefused."""
        form = _read_form(body, content_type)
        client = self._authenticate(form, authorization)
        grant_type = form.get("grant_type")
        if not grant_type:
            raise TokenRefused("invalid_request")
        if grant_type != "client_credentials":
            raise TokenRefused("unsupported_grant_type")
        if client.refusal is not None:
            raise TokenRefused(client.refusal)
        scopes = self._choose_scopes(client, form.get("scope", "").split())
        token = self._create_token(client, scopes)
        return {
            "access_token": token,
            "expires_in": self._lifetime,
            "token_type": "Bearer",
            "scope": " ".join(scopes),
        }

    def scopes_of(self, token: str) -> frozenset[str] | None:
        """Return the scopes of a valid token, or None."""
        grant = self._grants.get(token)
        return grant.scopes if grant is not None and self._clock.now() < grant.expires_at else None

    def revoke_all(self) -> None:
        """Revoke every token."""
        self._grants.clear()

    def _authenticate(self, form: Mapping[str, str], authorization: str | None) -> SandboxClient:
        """Return the client by HTTP Basic or the form; both are accepted if they agree (RFC 6749 section 2.3.1)."""
        posted = (form.get("client_id", ""), form.get("client_secret", ""))
        if authorization is None:
            return self._verify([posted])
        candidates = _read_basic(authorization)
        if any(posted) and posted not in candidates:
            raise TokenRefused("invalid_request")
        return self._verify(candidates)

    def _verify(self, candidates: Sequence[tuple[str, str]]) -> SandboxClient:
        for client_id, secret in candidates:
            client = self._clients.get(client_id)
            if client is not None and hmac.compare_digest(client.client_secret.encode(), secret.encode()):
                return client
        raise TokenRefused("invalid_client")

    def _choose_scopes(self, client: SandboxClient, requested: Sequence[str]) -> Sequence[str]:
        allowed = self._scopes if client.scopes is None else client.scopes
        if not allowed.issuperset(requested):
            raise TokenRefused("invalid_scope")
        return list(dict.fromkeys(requested)) or sorted(allowed)

    def _create_token(self, client: SandboxClient, scopes: Sequence[str]) -> str:
        """Create a token in the form of a JWT; its signature is invented and nothing checks it."""
        ids = self._ids.fork("token")
        expires_at = self._clock.now() + self._lifetime
        claims = {
            "client_id": client.client_id,
            "scope": list(scopes),
            "exp": int(expires_at),
            "jti": ids.uuid("jti"),
        }
        parts = [
            base64url_json({"alg": "HS256", "typ": "JWT"}),
            base64url_json(claims),
            base64url(ids.derive_bytes(32, "signature")),
        ]
        token = ".".join(parts)
        self._grants[token] = _Grant(frozenset(scopes), expires_at)
        return token


def _read_form(body: bytes, content_type: str) -> dict[str, str]:
    if content_type != "application/x-www-form-urlencoded":
        raise TokenRefused("invalid_request")
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=32)
    except ValueError:
        raise TokenRefused("invalid_request") from None
    if len({name for name, _ in pairs}) != len(pairs):
        raise TokenRefused("invalid_request")
    return dict(pairs)


def _read_basic(authorization: str) -> list[tuple[str, str]]:
    """Read an HTTP Basic header in two ways: as sent, and with the form encoding of RFC 6749 decoded."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise TokenRefused("invalid_client")
    try:
        user, colon, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise TokenRefused("invalid_client") from None
    if not colon:
        raise TokenRefused("invalid_client")
    return [(user, password), (unquote_plus(user), unquote_plus(password))]
