"""Create a client of redis-py (extra `redis`) from a URL. No error shows the URL: it may contain a password."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import unquote, urlsplit
from weakref import WeakSet

from checkout_async.errors import ConfigurationError, MissingExtra
from checkout_async.hosts import is_host
from checkout_async.processes import disconnect, forget_after_fork
from checkout_async.redaction import as_secret, clears_frames

if TYPE_CHECKING:
    from redis.asyncio import Connection, Redis

__all__ = ["await_reply", "connect"]

T = TypeVar("T")


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
        _check_host(url)
        return Redis.from_url(  # pyright: ignore[reportUnknownMemberType] - the library leaves **kwargs untyped
            url,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 1),
            redis_connect_func=_Connections().set_up,
        )
    # Outside the handler: the library's own error may quote the URL, and a URL may contain a password.
    raise ConfigurationError(
        "not a Redis URL, or its host is neither a name nor a whole address such as 127.0.0.1; use the form "
        "rediss://user:password@host:6379/0"
    )


def _check_host(url: str) -> None:
    """Raise ValueError for a host that no connection can be tried with: redis-py would say so at each use only."""
    host = unquote(urlsplit(url).hostname or "")
    # `urlsplit` drops line breaks and tabs. A password may have any other character.
    if (host and not is_host(host)) or any(each < " " for each in url):
        raise ValueError


async def await_reply(command: Awaitable[T]) -> T:
    """Await a command. Raises CancelledError if the caller is cancelled, even if the reply comes at that moment.

    redis-py sends commands with `asyncio.wait_for`. On Python 3.11 that returns its result and loses the cancellation
    if both come at once (https://github.com/python/cpython/issues/86296): the caller would go on.
    """
    task = asyncio.current_task()
    before = 0 if task is None else task.cancelling()
    reply = await command
    if task is not None and task.cancelling() > before:
        raise asyncio.CancelledError
    return reply


class _Connections:
    """The connections of a client: a child that is forked must not use its copies of their sockets."""

    def __init__(self) -> None:
        self._transports: WeakSet[asyncio.BaseTransport] = WeakSet()
        forget_after_fork(self)

    async def set_up(self, connection: Connection) -> None:
        """Prepare a new connection."""
        # `_writer` is private, but the library does not hand out the socket of a connection.
        writer: asyncio.StreamWriter = getattr(connection, "_writer")  # noqa: B009
        self._transports.add(writer.transport)
        await connection.on_connect()

    def forget(self) -> None:
        """In a child that was just forked: disconnect the sockets."""
        disconnect(transport.get_extra_info("socket") for transport in self._transports)
