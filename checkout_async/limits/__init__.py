"""Limits on requests: the limits of one client, and rates that processes share through Redis (extra `redis`)."""

from checkout_async.limits.rate_limiter import RateLimiter, RedisRateLimiter

__all__ = ["RateLimiter", "RedisRateLimiter"]
