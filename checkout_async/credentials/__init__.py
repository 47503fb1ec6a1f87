"""How a client proves who it is: a secret key, a session's own secret, or OAuth client credentials."""

from checkout_async.credentials.base import Authenticator, Credentials
from checkout_async.credentials.oauth import OAuthCredentials
from checkout_async.credentials.static import SecretKey, SessionSecret

__all__ = ["Authenticator", "Credentials", "OAuthCredentials", "SecretKey", "SessionSecret"]
