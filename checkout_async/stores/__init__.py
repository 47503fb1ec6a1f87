"""Where access tokens are kept between clients: in memory, in files (extra `file`), in Redis (extra `redis`)."""

from checkout_async.stores.base import AccessToken, MemoryTokenStore, TokenStore
from checkout_async.stores.file import FileTokenStore
from checkout_async.stores.redis import RedisTokenStore

__all__ = ["AccessToken", "FileTokenStore", "MemoryTokenStore", "RedisTokenStore", "TokenStore"]
