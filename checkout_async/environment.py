"""The credentials and the address of the API, as `CHECKOUT_…` environment variables give them."""

from __future__ import annotations

from collections.abc import Mapping

from checkout_async.auth import Credentials, OAuthCredentials, SecretKey
from checkout_async.auth.token_store import TokenStore
from checkout_async.errors import ConfigurationError
from checkout_async.redaction import Secret, clears_frames

__all__ = ["SECRET_VARIABLES", "checkout_variables", "credentials_from_env"]

SECRET_VARIABLES = frozenset({"CHECKOUT_CLIENT_SECRET", "CHECKOUT_SECRET_KEY", "CHECKOUT_REDIS_URL"})
"""Those with a secret; the URL of Redis contains a password."""


@clears_frames
def checkout_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the `CHECKOUT_…` variables only, so that a traceback that shows the locals shows no other secret."""
    own = {name: value for name, value in environ.items() if name.startswith("CHECKOUT_")}
    return {name: Secret(value) if name in SECRET_VARIABLES else value for name, value in own.items()}


@clears_frames
def credentials_from_env(env: Mapping[str, str], store: TokenStore | None) -> Credentials:
    """Return the credentials that the variables give. Raises ConfigurationError that names what is missing."""
    client_id, client_secret = env.get("CHECKOUT_CLIENT_ID"), env.get("CHECKOUT_CLIENT_SECRET")
    key = env.get("CHECKOUT_SECRET_KEY")
    if key and (client_id or client_secret):
        raise ConfigurationError(
            "set either CHECKOUT_SECRET_KEY or CHECKOUT_CLIENT_ID and CHECKOUT_CLIENT_SECRET, not both"
        )
    if key:
        return SecretKey(key)
    if not client_id or not client_secret:
        missing = "CHECKOUT_CLIENT_SECRET" if client_id else "CHECKOUT_CLIENT_ID"
        raise ConfigurationError(f"{missing} is not set; set it, or CHECKOUT_SECRET_KEY")
    scopes = env.get("CHECKOUT_SCOPES", "").replace(",", " ").split()
    return OAuthCredentials(client_id, client_secret, scopes=scopes, store=store)
