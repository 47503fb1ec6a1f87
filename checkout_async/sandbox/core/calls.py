"""Calls of operations, apart from HTTP: the request, the reply, and the check of the merchant's credential."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

from checkout_async.sandbox.core.errors import scope_refused, unauthorized
from checkout_async.sandbox.core.spec import ApiOperation
from checkout_async.sandbox.core.tokens import TokenEndpoint

SECRET_KEY = "sk_sbox_" + 27 * "a"
"""The secret key that the Payments operations accept."""


@dataclass(slots=True)
class CallNotes:
    """What was noticed about a call while it was handled, for the request log."""

    forgiven: list[str] = field(default_factory=list[str])
    """What was forgiven, as in `RequestRecord.forgiven`."""
    replayed: bool = False
    """Its idempotency key got the stored reply to an earlier request."""
    key_mismatch: bool = False
    """Its idempotency key came before with another body."""


@dataclass(frozen=True, slots=True)
class ApiCall:
    """A request to an operation."""

    operation: ApiOperation
    resource_id: str
    """The identifier in the path; empty if the path has none."""
    headers: Mapping[str, str] = field(repr=False)
    content_type: str
    body: bytes = field(repr=False)
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    notes: CallNotes = field(default_factory=CallNotes, hash=False)

    @property
    def digest(self) -> bytes:
        """Hash of the body: recognises the same body again without storing it."""
        return blake2b(self.body, digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class ApiReply:
    """A successful reply."""

    status: int
    body: object | None = None
    """What is written as JSON; None for an empty body."""
    lost: bool = False
    """The connection is broken instead of sending it."""


OperationHandler = Callable[[ApiCall], Awaitable[ApiReply]]
"""Handles the calls of one operation; raises ApiRefusal."""


class AccessControl:
    """Checks the merchant's credential of a call: an access token, or the secret key if the operation accepts it."""

    def __init__(self, tokens: TokenEndpoint) -> None:
        self._tokens = tokens

    def authorize(self, call: ApiCall) -> None:
        """Accept a call with the secret key or an access token; raises 401 or 403."""
        if not (call.operation.takes_secret_key and _is_secret_key(_bearer(call))):
            self.token_scopes(call)

    def scopes_of(self, authorization: str) -> frozenset[str] | None:
        """Return the scopes of the access token in an `Authorization` header, or None."""
        return self._tokens.scopes_of(_credential(authorization))

    def token_scopes(self, call: ApiCall) -> frozenset[str]:
        """Return the scopes of the call's access token; raises 401, or 403 if they do not allow the operation."""
        scopes = self.scopes_of(call.headers.get("Authorization", ""))
        if scopes is None:
            raise unauthorized()
        if not call.operation.allows(scopes):
            raise scope_refused()
        return scopes


def _bearer(call: ApiCall) -> str:
    return _credential(call.headers.get("Authorization", ""))


def _credential(authorization: str) -> str:
    word, _, credential = authorization.partition(" ")
    return credential.strip() if word.lower() == "bearer" else ""


def _is_secret_key(credential: str) -> bool:
    return hmac.compare_digest(credential.encode(), SECRET_KEY.encode())
