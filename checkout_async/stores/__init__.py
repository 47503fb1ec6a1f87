"""What clients and processes share: an access token in memory, files or Redis, and the rates of an account in Redis.

Files need the extra `file`, Redis the extra `redis`; each is loaded when a store is made.
"""

from checkout_async.stores.base import AccessToken, MemoryTokenStore, TokenStore
from checkout_async.stores.file import FileTokenStore
from checkout_async.stores.rates import RedisRates, SharedRates
from checkout_async.stores.redis import RedisTokenStore

__all__ = [
    "AccessToken",
    "FileTokenStore",
    "MemoryTokenStore",
    "RedisRates",
    "RedisTokenStore",
    "SharedRates",
    "TokenStore",
]
