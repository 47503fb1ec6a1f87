"""Who may call an operation: access tokens by their scopes, and the secret key where an operation takes it."""

from __future__ import annotations

import hmac

from checkout_async.sandbox.core.call import Call
from checkout_async.sandbox.core.errors import scope_refused, unauthorized
from checkout_async.sandbox.core.tokens import TokenEndpoint

SECRET_KEY = "sk_sbox_" + 27 * "a"


class Gate:
    """Checks the merchant's credential of a call."""

    def __init__(self, tokens: TokenEndpoint) -> None:
        self._tokens = tokens

    def admit(self, call: Call) -> None:
        """Let a call pass by secret key or access token; raises 401 or 403."""
        if not (call.operation.takes_secret_key and _is_secret_key(_bearer(call))):
            self.token_scopes(call)

    def token_scopes(self, call: Call) -> frozenset[str]:
        """Return the scopes of the call's access token; raises 401, or 403 if they do not allow the operation."""
        scopes = self._tokens.scopes_of(_bearer(call))
        if scopes is None:
            raise unauthorized()
        if not call.operation.allows(scopes):
            raise scope_refused()
        return scopes


def _bearer(call: Call) -> str:
    word, _, credential = call.headers.get("Authorization", "").partition(" ")
    return credential.strip() if word.lower() == "bearer" else ""


def _is_secret_key(credential: str) -> bool:
    return hmac.compare_digest(credential.encode(), SECRET_KEY.encode())
