"""Credentials, and the stores that share access tokens.

Credentials are a secret key, a session's own secret, or OAuth client credentials. A token store shares an access token
between clients and processes: in memory, in files (extra `file`) or in Redis (extra `redis`). A store imports its extra
when it is created.
"""

from checkout_async.auth.base import Authenticator, Credentials
from checkout_async.auth.file_store import FileTokenStore
from checkout_async.auth.oauth import OAuthCredentials
from checkout_async.auth.redis_store import RedisTokenStore
from checkout_async.auth.static import SecretKey, SessionSecret
from checkout_async.auth.token_store import AccessToken, MemoryTokenStore, TokenStore

__all__ = [
    "AccessToken",
    "Authenticator",
    "Credentials",
    "FileTokenStore",
    "MemoryTokenStore",
    "OAuthCredentials",
    "RedisTokenStore",
    "SecretKey",
    "SessionSecret",
    "TokenStore",
]
