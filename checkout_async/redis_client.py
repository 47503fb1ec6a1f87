"""Create a client of redis-py (extra `redis`) from a URL. No error shows the URL: it may contain a password."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from checkout_async.errors import ConfigurationError, MissingExtra
from checkout_async.redaction import as_secret, clears_frames

if TYPE_CHECKING:
    from redis.asyncio import Redis

__all__ = ["connect"]


@clears_frames
def connect(url: str, *, needed_by: str, timeout: float) -> Redis:
    """Return a client that gives up an exchange after `timeout` seconds and one retry. It opens no connection yet.

    Raises ConfigurationError if the URL is not a Redis URL, and MissingExtra, which names `needed_by`, if the extra
    `redis` is not installed.
    """
    url = as_secret(url)
    try:
        from redis.asyncio import Redis  # noqa: PLC0415 - an extra
        from redis.asyncio.retry import Retry  # noqa: PLC0415
        from redis.backoff import NoBackoff  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtra(f"{needed_by} needs the package redis: pip install 'checkout-async[redis]'") from error
    with suppress(ValueError):
        return Redis.from_url(  # pyright: ignore[reportUnknownMemberType] - the library leaves **kwargs untyped
            url,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 1),
        )
    # Outside the handler: the library's own error may quote the URL, and a URL may contain a password.
    raise ConfigurationError("not a Redis URL; use the form rediss://user:password@host:6379/0")
